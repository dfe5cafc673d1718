{{/* "true" where a claim is left at uninstall: unless said otherwise all but NFS, whose data lies on the NAS anyway. Input: a volume. */}}
{{- define "home-cluster.kept" -}}
{{- hasKey . "keep" | ternary .keep (not .nfs) }}
{{- end }}

{{/* A claim, and for NFS its volume. Input: root, labels, name, namespace, volume (size, storageClass, accessMode, nfs, readOnly, keep). */}}
{{- define "home-cluster.claim" -}}
{{- $volume := .volume }}
{{- $keep := eq (include "home-cluster.kept" $volume) "true" }}
{{- $mode := $volume.accessMode | default (ternary "ReadWriteMany" "ReadWriteOnce" (not (not $volume.nfs))) }}
{{- $size := $volume.size | default "1Gi" }}
{{- $pv := printf "%s-%s" .namespace .name }}
{{- if $volume.nfs }}
---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: {{ $pv }}
  labels:
    {{- .labels | nindent 4 }}
  {{- if $keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
spec:
  capacity: {storage: {{ $size }}}
  accessModes: [{{ $mode }}]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: ""
  mountOptions: {{ toJson ($volume.nfs.mountOptions | default (list "nfsvers=4.1" "hard" "noatime")) }}
  claimRef: {apiVersion: v1, kind: PersistentVolumeClaim, name: {{ .name }}, namespace: {{ .namespace }}}
  nfs:
    server: {{ $volume.nfs.server | quote }}
    path: {{ $volume.nfs.path | quote }}
    {{- if $volume.readOnly }}
    readOnly: true
    {{- end }}
{{- end }}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- .labels | nindent 4 }}
  {{- if $keep }}
  annotations:
    helm.sh/resource-policy: keep
  {{- end }}
spec:
  accessModes: [{{ $mode }}]
  {{- if $volume.nfs }}
  storageClassName: ""
  volumeName: {{ $pv }}
  {{- else if $volume.storageClass }}
  storageClassName: {{ $volume.storageClass | quote }}
  {{- end }}
  resources:
    requests: {storage: {{ $size }}}
{{- end }}

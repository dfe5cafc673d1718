{{/* The pod of a device. */}}

{{/* Annotations that tell checkov which of its rules are not followed, and why. Input: device. */}}
{{- define "home-cluster.device.judged" -}}
{{- $skips := list "CKV_K8S_15=Pinned tags, and a house must start while the internet is down" }}
{{- if not .device.image.digest }}
{{- $skips = append $skips "CKV_K8S_43=Tags, so that Home Assistant can offer updates; a digest can be set in values" }}
{{- end }}
{{- if and (not (dig "health" "tcp" "" .device)) (not (dig "health" "http" "" .device)) (not (dig "health" "exec" "" .device)) }}
{{- $skips = append $skips "CKV_K8S_8=This program offers nothing to probe" }}
{{- $skips = append $skips "CKV_K8S_9=This program offers nothing to probe" }}
{{- end }}
{{- with .device.security.skips }}{{ $skips = concat $skips . }}{{ end }}
{{- if and (lt (int .device.security.runAsUser) 10000) (not (contains "CKV_K8S_40" (join " " $skips))) }}
{{- $skips = append $skips "CKV_K8S_40=The image's own user, to whom its files belong" }}
{{- end }}
{{- range $number, $skip := $skips }}
checkov.io/skip{{ add1 $number }}: {{ $skip | quote }}
{{- end }}
{{- end }}

{{/* One check of a program's health, without its timing. Input: the device's `health`. */}}
{{- define "home-cluster.device.check" -}}
{{- if .http }}
httpGet:
  path: {{ .http.path | default "/" | quote }}
  port: {{ .http.port }}
  {{- with .http.scheme }}
  scheme: {{ . }}
  {{- end }}
{{- else if .tcp }}
tcpSocket:
  port: {{ .tcp }}
{{- else if .exec }}
exec:
  command: {{ toJson .exec }}
{{- end }}
{{- end }}

{{/* The three probes: patient at the start, and only after that strict; `wifi` says how patient. Input: root, health. */}}
{{- define "home-cluster.device.probes" -}}
{{- $check := include "home-cluster.device.check" .health }}
{{- $wifi := .root.Values.wifi }}
{{- if trim $check }}
startupProbe:
  {{- $check | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: {{ $wifi.probeTimeoutSeconds }}
  failureThreshold: {{ div (add (int .health.startSeconds) 4) 5 }}
readinessProbe:
  {{- $check | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: {{ $wifi.probeTimeoutSeconds }}
  failureThreshold: 3
{{- if ne (get .health "liveness" | toString) "false" }}
livenessProbe:
  {{- $check | nindent 2 }}
  periodSeconds: 20
  timeoutSeconds: {{ $wifi.probeTimeoutSeconds }}
  failureThreshold: {{ $wifi.livenessFailures }}
{{- end }}
{{- end }}
{{- end }}

{{/* A container's security context. Input: device. */}}
{{- define "home-cluster.device.security" -}}
{{- $security := .device.security }}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: {{ $security.readOnlyRootFilesystem }}
capabilities:
  drop: [ALL]
  {{- with $security.capabilities }}
  add: {{ toJson . }}
  {{- end }}
{{- end }}

{{/* Environment variables: plain text, or a reference. Input: name → value. */}}
{{- define "home-cluster.env" -}}
{{- range $name, $value := . }}
{{- if kindIs "map" $value }}
- name: {{ $name }}
  valueFrom:
    {{- with $value.secret }}
    secretKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}
    {{- end }}
    {{- with $value.configMap }}
    configMapKeyRef: {name: {{ .name | quote }}, key: {{ .key | quote }}}
    {{- end }}
    {{- with $value.field }}
    fieldRef: {fieldPath: {{ . | quote }}}
    {{- end }}
{{- else if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  {{- if kindIs "float64" $value }}
  value: {{ toJson $value | quote }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* All environment variables of a device, as JSON: its own, those of its USB stick, and the addresses of what it is connected to. Input: root, device, devices. */}}
{{- define "home-cluster.device.env" -}}
{{- $device := .device }}
{{- $env := dict }}
{{- range $target := $device.connects }}
{{- $other := get $.devices $target }}
{{- if $other }}
{{- range $name, $pattern := dig "wires" $other.preset dict $device }}
{{- $_ := set $env $name ($pattern | replace "HOST" $other.host) }}
{{- end }}
{{- end }}
{{- end }}
{{- with $device.usb }}
{{- if and .env (or .network .mountPath) }}
{{- $_ := set $env .env (.network | default .mountPath | default "") }}
{{- end }}
{{- end }}
{{- with $.root.Values.homeAssistant.timeZone }}{{ $_ := set $env "TZ" . }}{{ end }}
{{- range $name, $secret := $device.secrets }}
{{- range $variable, $key := $secret.env }}
{{- $_ := set $env $variable (dict "secret" (dict "name" (include "home-cluster.device.secret" (dict "device" $device "name" $name "secret" $secret)) "key" $key)) }}
{{- end }}
{{- end }}
{{- toJson (mustMergeOverwrite $env (deepCopy $device.env)) }}
{{- end }}

{{/* The Secret that holds one of a device's secrets. Input: device, name, secret. */}}
{{- define "home-cluster.device.secret" -}}
{{ .secret.existingSecret | default (printf "%s-%s" .device.object .name) }}
{{- end }}

{{/* Where the containers of a device see its volumes. Input: root, device. */}}
{{- define "home-cluster.device.mounts" -}}
- {name: tmp, mountPath: /tmp}
{{- range $name, $volume := .device.storage }}
{{- if $volume }}
- name: storage-{{ $name }}
  mountPath: {{ $volume.path | quote }}
  {{- with $volume.subPath }}
  subPath: {{ . | quote }}
  {{- end }}
  {{- if $volume.readOnly }}
  readOnly: true
  {{- end }}
{{- end }}
{{- end }}
{{- range $file, $config := .device.config }}
{{- if and $config (not $config.seed) }}
- {name: config, mountPath: {{ $config.path | quote }}, subPath: {{ $file | quote }}, readOnly: true}
{{- end }}
{{- end }}
{{- range $name, $secret := .device.secrets }}
{{- if and $secret $secret.path }}
- {name: secret-{{ $name }}, mountPath: {{ $secret.path | quote }}, readOnly: true}
{{- end }}
{{- end }}
{{- if eq .device.name .root.Values.vault.device }}
- {name: account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end }}
{{- with .device.vault }}
- {name: vault-secrets, mountPath: {{ .path | default "/vault/secrets" | quote }}, readOnly: true}
{{- end }}
{{- end }}

{{/* The volumes of a device's pod. Input: root, device. */}}
{{- define "home-cluster.device.volumes" -}}
{{- $device := .device }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- range $name, $volume := $device.storage }}
{{- if $volume }}
- name: storage-{{ $name }}
  {{- if $volume.hostPath }}
  hostPath: {path: {{ $volume.hostPath.path | quote }}{{ with $volume.hostPath.type }}, type: {{ . }}{{ end }}}
  {{- else if $volume.emptyDir }}
  emptyDir: {{ toJson (kindIs "map" $volume.emptyDir | ternary $volume.emptyDir dict) }}
  {{- else }}
  persistentVolumeClaim:
    claimName: {{ get $device.claims $name | quote }}
    {{- if $volume.readOnly }}
    readOnly: true
    {{- end }}
  {{- end }}
{{- end }}
{{- end }}
{{- if $device.config }}
- name: config
  configMap: {name: {{ $device.object | quote }}}
{{- end }}
{{- range $name, $secret := $device.secrets }}
{{- if and $secret $secret.path }}
- name: secret-{{ $name }}
  secret: {secretName: {{ include "home-cluster.device.secret" (dict "device" $device "name" $name "secret" $secret) | quote }}, defaultMode: 0440}
{{- end }}
{{- end }}
{{- if eq $device.name .root.Values.vault.device }}
{{- /* By it the vault asks the API server whether a pod's token is genuine. */}}
- name: account
  projected:
    sources:
      - serviceAccountToken: {path: token, expirationSeconds: 3607}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end }}
{{- if $device.vault }}
{{- include "home-cluster.vault.volumes" (dict "root" .root "device" $device) }}
{{- end }}
{{- end }}

{{/* Where a device may run, and how it bears the loss of a node. Input: root, device. */}}
{{- define "home-cluster.device.placement" -}}
{{- $device := .device }}
{{- $profile := get .root.Values.nodeProfiles ($device.nodeProfile | default "") | default dict }}
{{- $nodeSelector := mustMergeOverwrite (deepCopy ($profile.nodeSelector | default dict)) ($device.nodeSelector | default dict) }}
{{- with $profile.arch }}
{{- if eq (len .) 1 }}{{ $_ := set $nodeSelector "kubernetes.io/arch" (first .) }}{{ end }}
{{- end }}
{{- with $nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with $device.affinity | default $profile.affinity }}
affinity: {{ toJson . }}
{{- end }}
tolerations:
  {{- /* A pinned device has nowhere else to go: to evict it from a lost node can only do harm. */}}
  {{- range $taint := list "not-ready" "unreachable" }}
  - key: node.kubernetes.io/{{ $taint }}
    operator: Exists
    effect: NoExecute
    {{- if not $device.pinned }}
    tolerationSeconds: {{ $.root.Values.wifi.nodeLossSeconds }}
    {{- end }}
  {{- end }}
  {{- range concat ($profile.tolerations | default list) ($device.tolerations | default list) }}
  - {{ toJson . }}
  {{- end }}
{{- if not $device.alone }}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "home-cluster.selector" (dict "root" .root "component" $device.name) | nindent 8 }}
{{- end }}
{{- end }}

{{/* The init container that lays down files which the program wants to change itself, and only where they are not there yet. Input: root, device. */}}
{{- define "home-cluster.device.seed" -}}
{{- $device := .device }}
{{- $seeds := dict }}
{{- range $file, $config := $device.config }}{{ if and $config $config.seed }}{{ $_ := set $seeds $file $config }}{{ end }}{{ end }}
{{- if $seeds }}
- name: seed
  image: {{ include "home-cluster.device.image" . | quote }}
  imagePullPolicy: {{ $device.image.pullPolicy | default "IfNotPresent" }}
  command:
    - sh
    - -c
    - |
      {{- range $file, $config := $seeds }}
      [ -e {{ $config.path | squote }} ] || { mkdir -p {{ dir $config.path | squote }}; cp {{ printf "/seed/%s" $file | squote }} {{ $config.path | squote }}; }
      {{- end }}
  resources: {{ toJson $device.resources }}
  securityContext:
    {{- include "home-cluster.device.security" . | nindent 4 }}
  volumeMounts:
    - {name: config, mountPath: /seed, readOnly: true}
    {{- range $name, $volume := $device.storage }}
    {{- if $volume }}
    - {name: storage-{{ $name }}, mountPath: {{ $volume.path | quote }}{{ with $volume.subPath }}, subPath: {{ . | quote }}{{ end }}}
    {{- end }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The main container. Input: root, device, devices. */}}
{{- define "home-cluster.device.container" -}}
{{- $device := .device }}
name: {{ $device.name }}
image: {{ include "home-cluster.device.image" . | quote }}
imagePullPolicy: {{ $device.image.pullPolicy | default "IfNotPresent" }}
{{- with $device.command }}
command: {{ toJson . }}
{{- end }}
{{- with $device.args }}
args: {{ toJson . }}
{{- end }}
{{- $env := include "home-cluster.device.env" . | fromJson }}
{{- with include "home-cluster.env" $env | trim }}
env:
  {{- . | nindent 2 }}
{{- end }}
{{- if $device.ports }}
ports:
  {{- range $name, $port := $device.ports }}
  {{- if $port }}
  - name: {{ $name }}
    containerPort: {{ int $port.port }}
    protocol: {{ $port.protocol | default "TCP" }}
    {{- with $port.hostPort }}
    hostPort: {{ int . }}
    {{- end }}
  {{- end }}
  {{- end }}
{{- end }}
{{- if ne $device.kind "CronJob" }}
{{- include "home-cluster.device.probes" (dict "root" .root "health" $device.health) }}
{{- end }}
{{- $resources := deepCopy $device.resources }}
{{- with ($device.usb | default dict).resource }}
{{- range $part := list "requests" "limits" }}
{{- $_ := set $resources $part (set (get $resources $part | default dict) $device.usb.resource (int ($device.usb.count | default 1))) }}
{{- end }}
{{- end }}
resources: {{ toJson $resources }}
securityContext:
  {{- include "home-cluster.device.security" . | nindent 2 }}
volumeMounts:
  {{- include "home-cluster.device.mounts" . | nindent 2 }}
{{- end }}

{{/* The pod template (metadata and spec), with the user's podSpec and containerSpec merged over it. Input: root, device, devices. */}}
{{- define "home-cluster.device.pod" -}}
{{- $device := .device }}
{{- $root := .root }}
{{- $container := include "home-cluster.device.container" . | fromYaml }}
{{- if $container.Error }}{{ fail (printf "\n\nDevice %s: its container is no valid YAML: %s" $device.name $container.Error) }}{{ end }}
{{- $container = mustMergeOverwrite $container (deepCopy ($device.containerSpec | default dict)) }}
{{- $spec := include "home-cluster.device.pod-spec" . | fromYaml }}
{{- if $spec.Error }}{{ fail (printf "\n\nDevice %s: its pod is no valid YAML: %s" $device.name $spec.Error) }}{{ end }}
{{- $_ := set $spec "containers" (list $container) }}
{{- $spec = mustMergeOverwrite $spec (deepCopy ($device.podSpec | default dict)) }}
metadata:
  labels:
    {{- include "home-cluster.pod-labels" (dict "root" $root "component" $device.name "program" $device.preset) | nindent 4 }}
  {{- if or $device.config $device.vault }}
  annotations:
    {{- with $device.config }}
    checksum/config: {{ toJson . | sha256sum | trunc 16 | quote }}
    {{- end }}
    {{- if $device.vault }}
    checksum/vault: {{ include "home-cluster.vault.config" . | sha256sum | trunc 16 | quote }}
    {{- end }}
  {{- end }}
spec:
  {{- toYaml $spec | nindent 2 }}
{{- end }}

{{/* The pod's spec without its main container. Input: root, device. */}}
{{- define "home-cluster.device.pod-spec" -}}
{{- $device := .device }}
{{- $security := $device.security }}
serviceAccountName: {{ $device.object }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- if $device.hostNetwork }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- if .root.Values.priorities.create }}
priorityClassName: {{ include "home-cluster.priority" (dict "root" .root "priority" $device.priority) }}
{{- end }}
terminationGracePeriodSeconds: {{ int $device.gracePeriodSeconds }}
{{- if eq $device.kind "CronJob" }}
restartPolicy: Never
{{- end }}
{{- with $device.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  {{- if ne (get $security "runAsNonRoot" | toString) "false" }}
  runAsNonRoot: true
  {{- end }}
  runAsUser: {{ int $security.runAsUser }}
  runAsGroup: {{ int ($security.runAsGroup | default $security.runAsUser) }}
  fsGroup: {{ int ($security.fsGroup | default $security.runAsGroup | default $security.runAsUser) }}
  fsGroupChangePolicy: OnRootMismatch
  {{- with concat ($security.supplementalGroups | default list) (ternary (list 20) list (not (not ($device.usb | default dict).resource))) }}
  supplementalGroups: {{ toJson . }}
  {{- end }}
  seccompProfile: {type: RuntimeDefault}
{{- include "home-cluster.device.placement" . }}
{{- $inits := printf "%s\n%s" (include "home-cluster.device.seed" .) (include "home-cluster.vault.container" .) | trim }}
{{- with $inits }}
initContainers:
  {{- . | nindent 2 }}
{{- end }}
volumes:
  {{- include "home-cluster.device.volumes" . | nindent 2 }}
{{- end }}

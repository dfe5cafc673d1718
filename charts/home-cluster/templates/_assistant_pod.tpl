{{/* The pod of Home Assistant. */}}

{{/* What checkov does not get from Home Assistant's pod, and why. */}}
{{- define "home-cluster.assistant.judged" -}}
checkov.io/skip1: "CKV_K8S_22=Home Assistant installs the packages of custom integrations into its own image"
checkov.io/skip2: "CKV_K8S_23=The official image's supervisor runs as root; it has no capability and may not gain any"
checkov.io/skip3: "CKV_K8S_40=The official image's supervisor runs as root; it has no capability and may not gain any"
checkov.io/skip4: "CKV_K8S_15=Pinned tags, and a house must start while the internet is down"
checkov.io/skip5: "CKV_K8S_43=Tags, so that Home Assistant can offer updates; a digest can be set in values"
{{- end }}

{{/* The annotation by which Multus adds a second network card, as JSON. */}}
{{- define "home-cluster.assistant.multus" -}}
{{- $multus := .Values.homeAssistant.network.multus }}
{{- $network := dict "name" (splitList "/" $multus.network | last) }}
{{- if contains "/" $multus.network }}{{ $_ := set $network "namespace" (splitList "/" $multus.network | first) }}{{ end }}
{{- with $multus.ip }}{{ $_ := set $network "ips" (list .) }}{{ end }}
{{- with $multus.mac }}{{ $_ := set $network "mac" . }}{{ end }}
{{- list $network | toJson }}
{{- end }}

{{/* The image of Home Assistant: the live one while values name the one that was installed before, as for devices. */}}
{{- define "home-cluster.assistant.image" -}}
{{- $as := dict "kind" "StatefulSet" "namespace" .Release.Namespace "object" (include "home-cluster.assistant.name" .) "name" "home-assistant" "image" .Values.homeAssistant.image }}
{{- include "home-cluster.device.image" (dict "root" . "device" $as) }}
{{- end }}

{{/* The pod's spec. */}}
{{- define "home-cluster.assistant.pod-spec" -}}
{{- $root := . }}
{{- $assistant := .Values.homeAssistant }}
{{- $integration := .Values.integration }}
{{- $name := include "home-cluster.assistant.name" . }}
{{- $image := include "home-cluster.assistant.image" . }}
{{- $scheme := ternary "HTTPS" "HTTP" $assistant.https }}
{{- $security := include "home-cluster.assistant.security" . }}
serviceAccountName: {{ $name }}
automountServiceAccountToken: false
enableServiceLinks: false
# Home Assistant takes up to four minutes to write everything down.
terminationGracePeriodSeconds: 260
{{- if eq $assistant.network.mode "host" }}
hostNetwork: true
dnsPolicy: ClusterFirstWithHostNet
{{- end }}
{{- if .Values.priorities.create }}
priorityClassName: {{ include "home-cluster.priority" (dict "root" . "priority" "essential") }}
{{- end }}
{{- with $assistant.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
securityContext:
  seccompProfile: {type: RuntimeDefault}
{{- /* Its volume ties it to a node: it waits for that node, however long it is gone. */}}
{{- include "home-cluster.device.placement" (dict "root" . "device" (dict "nodeProfile" $assistant.nodeProfile "pinned" true "alone" true "name" "home-assistant")) }}
initContainers:
  - name: seed
    image: {{ $image | quote }}
    imagePullPolicy: {{ $assistant.image.pullPolicy }}
    command: [python3, /home-cluster/init/seed.py, /config, /home-cluster/init/wanted.json]
    resources: {{ toJson $assistant.resources }}
    securityContext: {{ $security }}
    volumeMounts:
      - {name: config, mountPath: /config}
      - {name: init, mountPath: /home-cluster/init, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- if $assistant.restore.existingClaim }}
      - {name: restore, mountPath: /restore, readOnly: true}
      {{- if $assistant.restore.passwordSecret.name }}
      - {name: restore-password, mountPath: /restore-password, readOnly: true}
      {{- end }}
      {{- end }}
  {{- if and (eq $integration.delivery "configMap") (eq (include "home-cluster.integration.packed" .) "true") }}
  - name: unpack
    image: {{ $image | quote }}
    imagePullPolicy: {{ $assistant.image.pullPolicy }}
    command: [python3, -m, tarfile, --extract, /home-cluster/packed/integration.tar.xz, /home-cluster/integration/custom_components/home_cluster]
    resources: {{ toJson $assistant.resources }}
    securityContext: {{ $security }}
    volumeMounts:
      - {name: packed, mountPath: /home-cluster/packed, readOnly: true}
      - {name: integration, mountPath: /home-cluster/integration/custom_components/home_cluster}
  {{- end }}
  {{- if ne $integration.delivery "none" }}
  - name: wheels
    image: {{ $image | quote }}
    imagePullPolicy: {{ $assistant.image.pullPolicy }}
    command: [python3, /home-cluster/init/wheels.py, /config, /home-cluster/integration/custom_components/home_cluster]
    env:
      - {name: UV_HTTP_TIMEOUT, value: "15"}
    resources: {{ toJson $assistant.resources }}
    securityContext: {{ $security }}
    volumeMounts:
      - {name: config, mountPath: /config}
      - {name: init, mountPath: /home-cluster/init, readOnly: true}
      - {name: tmp, mountPath: /tmp}
      {{- include "home-cluster.integration.mount" . | nindent 6 }}
  {{- end }}
containers:
  - name: home-assistant
    image: {{ $image | quote }}
    imagePullPolicy: {{ $assistant.image.pullPolicy }}
    {{- with $assistant.command }}
    command: {{ toJson . }}
    {{- end }}
    workingDir: /config
    env:
      - name: POD_NAME
        valueFrom: {fieldRef: {fieldPath: metadata.name}}
      - name: POD_NAMESPACE
        valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
      - name: HOME_CLUSTER_NAMESPACES
        value: {{ include "home-cluster.assistant.namespaces" . | quote }}
      {{- if ne $integration.delivery "none" }}
      - name: PYTHONPATH
        value: /home-cluster/integration:/config/.home_cluster/current
      {{- end }}
      {{- with $assistant.timeZone }}
      - {name: TZ, value: {{ . | quote }}}
      {{- end }}
      {{- with $assistant.recorder.database.existingSecret }}
      - name: RECORDER_DB_URL
        valueFrom: {secretKeyRef: {name: {{ . | quote }}, key: {{ $assistant.recorder.database.key | quote }}}}
      {{- end }}
      {{- include "home-cluster.env" $assistant.env | nindent 6 }}
    ports:
      - {name: http, containerPort: 8123, protocol: TCP}
    # A first start or a migration of the database may take long. After that only a process that
    # answers nobody for five minutes is started again; neither the API server nor this integration counts.
    startupProbe:
      tcpSocket: {port: http}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: {{ mul 6 (int $assistant.startMinutes) }}
    livenessProbe:
      tcpSocket: {port: http}
      periodSeconds: 30
      timeoutSeconds: 10
      failureThreshold: 10
    readinessProbe:
      httpGet: {path: /manifest.json, port: http, scheme: {{ $scheme }}}
      periodSeconds: 10
      timeoutSeconds: 5
      failureThreshold: 6
    resources: {{ toJson $assistant.resources }}
    securityContext: {{ $security }}
    volumeMounts:
      - {name: config, mountPath: /config}
      - {name: account, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
      {{- if ne $integration.delivery "none" }}
      {{- include "home-cluster.integration.mount" . | nindent 6 }}
      {{- end }}
      {{- if $assistant.recorder.storage.size }}
      - {name: recorder, mountPath: /recorder}
      {{- end }}
      {{- range $entry, $volume := $assistant.persistence.extra }}
      - {name: extra-{{ $entry }}, mountPath: {{ $volume.path | quote }}{{ if $volume.readOnly }}, readOnly: true{{ end }}}
      {{- end }}
volumes:
  - name: config
    persistentVolumeClaim: {claimName: {{ include "home-cluster.assistant.claim" . }}}
  - name: tmp
    emptyDir: {}
  - name: init
    configMap: {name: {{ $name }}-init}
  # Only Home Assistant's own container gets a token, and it ends with the hour.
  - name: account
    projected:
      sources:
        - serviceAccountToken: {path: token, expirationSeconds: 3607}
        - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
        - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
  {{- if and (eq $integration.delivery "configMap") (eq (include "home-cluster.integration.packed" .) "true") }}
  - name: packed
    configMap: {name: {{ $name }}-integration}
  - name: integration
    emptyDir: {sizeLimit: 32Mi}
  {{- else if eq $integration.delivery "configMap" }}
  - name: integration
    projected:
      sources:
        {{- $files := include "home-cluster.integration.files" . | fromJson }}
        {{- range $part := include "home-cluster.integration.parts" . | fromJsonArray }}
        - configMap:
            name: {{ $name }}-integration-{{ $part }}
            items:
              {{- range $path, $key := $files }}
              {{- if eq (include "home-cluster.integration.part" (dict "path" $path)) $part }}
              - {key: {{ $key | quote }}, path: {{ $path | quote }}}
              {{- end }}
              {{- end }}
        {{- end }}
  {{- else if eq $integration.delivery "image" }}
  - name: integration
    image: {reference: {{ $integration.image.reference | quote }}, pullPolicy: {{ $integration.image.pullPolicy }}}
  {{- end }}
  {{- if $assistant.recorder.storage.size }}
  - name: recorder
    persistentVolumeClaim: {claimName: {{ $name }}-recorder}
  {{- end }}
  {{- if $assistant.restore.existingClaim }}
  - name: restore
    persistentVolumeClaim: {claimName: {{ $assistant.restore.existingClaim | quote }}, readOnly: true}
  {{- with $assistant.restore.passwordSecret.name }}
  - name: restore-password
    secret: {secretName: {{ . | quote }}, items: [{key: {{ $assistant.restore.passwordSecret.key | quote }}, path: password}]}
  {{- end }}
  {{- end }}
  {{- range $entry, $volume := $assistant.persistence.extra }}
  - name: extra-{{ $entry }}
    {{- if $volume.emptyDir }}
    emptyDir: {{ kindIs "map" $volume.emptyDir | ternary $volume.emptyDir dict | toJson }}
    {{- else }}
    persistentVolumeClaim: {claimName: {{ $volume.existingClaim | default (printf "%s-%s" $name $entry) }}{{ if $volume.readOnly }}, readOnly: true{{ end }}}
    {{- end }}
  {{- end }}
{{- end }}

{{/* Where containers see the integration: beside /config, so that a copy of HACS wins. */}}
{{- define "home-cluster.integration.mount" -}}
{{- if eq .Values.integration.delivery "image" }}
- {name: integration, mountPath: /home-cluster/integration, readOnly: true}
{{- else }}
- {name: integration, mountPath: /home-cluster/integration/custom_components/home_cluster, readOnly: true}
{{- end }}
{{- end }}

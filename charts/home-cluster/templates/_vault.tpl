{{/* Secrets from a vault in the house: an agent runs before the program, proves who it is with the pod's own token, writes files into memory, and is gone. */}}

{{/* The vault's address. Input: root, devices. */}}
{{- define "home-cluster.vault.address" -}}
{{- $vault := .root.Values.vault }}
{{- if $vault.address }}{{ $vault.address }}
{{- else if $vault.device }}
{{- $device := get .devices $vault.device | default dict }}
{{- printf "http://%s:8200" $device.host }}
{{- end }}
{{- end }}

{{/* The agent's container, for a device with `vault`. Input: root, device, devices. */}}
{{- define "home-cluster.vault.container" -}}
{{- if .device.vault }}
{{- $vault := .root.Values.vault }}
- name: vault
  image: {{ include "home-cluster.image" $vault.image | quote }}
  imagePullPolicy: IfNotPresent
  command: {{ toJson ($vault.command | default (list "bao")) }}
  args: [agent, -config=/vault/config/agent.hcl, -exit-after-auth]
  env:
    - {name: HOME, value: /tmp}
    - {name: SKIP_SETCAP, value: "true"}
  resources:
    requests: {cpu: 10m, memory: 64Mi}
    limits: {cpu: 500m, memory: 128Mi}
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL]}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: vault-config, mountPath: /vault/config, readOnly: true}
    - {name: vault-token, mountPath: /vault/token, readOnly: true}
    - {name: vault-secrets, mountPath: /vault/secrets}
{{- end }}
{{- end }}

{{/* The agent's volumes. The token is good for the vault only. Input: root, device. */}}
{{- define "home-cluster.vault.volumes" }}
- name: vault-config
  configMap: {name: {{ .device.object }}-vault}
- name: vault-secrets
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
- name: vault-token
  projected:
    sources:
      - serviceAccountToken: {path: token, audience: {{ .root.Values.vault.audience | quote }}, expirationSeconds: 600}
{{- end }}

{{/* The agent's configuration. Input: root, device, devices. */}}
{{- define "home-cluster.vault.config" -}}
{{- $wanted := .device.vault }}
# What the vault refuses ends the agent: the kubelet starts it again, and the device tells why it waits.
vault {
  address = {{ include "home-cluster.vault.address" . | quote }}
  retry { num_retries = 4 }
}
template_config {
  exit_on_retry_failure = true
}
auto_auth {
  method "kubernetes" {
    mount_path = {{ .root.Values.vault.authPath | quote }}
    exit_on_err = true
    config = {
      role = {{ $wanted.role | quote }}
      token_path = "/vault/token/token"
    }
  }
}
{{- range $file, $secret := $wanted.files }}
template {
  destination = "/vault/secrets/{{ $file }}"
  perms = "0440"
  error_on_missing_key = true
  left_delimiter = "[["
  right_delimiter = "]]"
  contents = {{ printf "[[ with secret %q ]][[ index .Data.data %q ]][[ end ]]" $secret.secret $secret.key | quote }}
}
{{- end }}
{{- end }}

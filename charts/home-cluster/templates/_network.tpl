{{/* Who may talk to whom. */}}

{{/* One rule of a NetworkPolicy; nothing where there are no peers, for a rule without any lets everybody through. Input: side (from, to), peers, ports, why. */}}
{{- define "home-cluster.rule" -}}
{{- if trim .peers }}
{{- with .why }}
# {{ . }}
{{- end }}
- {{ .side }}:
    {{- trim .peers | nindent 4 }}
  {{- with trim (.ports | default "") }}
  ports:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Addresses as peers: ranges as they are, single ones as ranges of one. Input: a list. */}}
{{- define "home-cluster.address-peers" -}}
{{- range . }}
- ipBlock: {cidr: {{ contains "/" . | ternary . (printf "%s/%s" . (contains ":" . | ternary "128" "32")) }}}
{{- end }}
{{- end }}

{{/* The ranges of the LAN as peers of a NetworkPolicy, without the cluster's own pods and services where those lie within. Input: root, ranges. */}}
{{- define "home-cluster.lan-peers" -}}
{{- $cluster := .root.Values.cluster }}
{{- range $range := .ranges }}
- ipBlock:
    cidr: {{ $range }}
    {{- $except := list }}
    {{- range $inner := splitList "," (printf "%s,%s" $cluster.podCIDR $cluster.serviceCIDR) }}
    {{- if and $inner (eq (include "home-cluster.cidr-within" (dict "inner" $inner "outer" $range)) "true") }}{{ $except = append $except $inner }}{{ end }}
    {{- end }}
    {{- with $except }}
    except: {{ toJson . }}
    {{- end }}
{{- end }}
{{- end }}

{{/* "true" where one IPv4 range lies truly within another. Input: inner, outer. */}}
{{- define "home-cluster.cidr-within" -}}
{{- if and (not (contains ":" .inner)) (not (contains ":" .outer)) }}
{{- $inner := splitList "/" .inner }}
{{- $outer := splitList "/" .outer }}
{{- if gt (last $inner | int) (last $outer | int) }}
{{- $numbers := list }}
{{- range $address := list (first $inner) (first $outer) }}
{{- $number := 0 }}
{{- range splitList "." $address }}{{ $number = add (mul $number 256) (int .) }}{{ end }}
{{- $numbers = append $numbers $number }}
{{- end }}
{{- $size := 1 }}
{{- range until (sub 32 (last $outer | int) | int) }}{{ $size = mul $size 2 }}{{ end }}
{{- eq (div (index $numbers 0) $size) (div (index $numbers 1) $size) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The internet as a peer: every address but those of houses and clusters. By IPv6 a house's addresses look like all others: only where `cluster.lan` tells which they are. */}}
{{- define "home-cluster.internet-peer" -}}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]
{{- $cluster := .Values.cluster }}
{{- if contains ":" (join "," $cluster.lan) }}
- ipBlock:
    cidr: 2000::/3
    {{- $own := list }}
    {{- range $range := concat $cluster.lan (splitList "," (printf "%s,%s" $cluster.podCIDR $cluster.serviceCIDR)) | uniq }}
    {{- if regexMatch "^[23][0-9a-fA-F]{3}:" $range }}{{ $own = append $own $range }}{{ end }}
    {{- end }}
    {{- with $own }}
    except: {{ toJson . }}
    {{- end }}
{{- end }}
{{- end }}

{{/* The pods of one component as a peer. Input: root, namespace, component. */}}
{{- define "home-cluster.pod-peer" -}}
- namespaceSelector:
    matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}
  podSelector:
    matchLabels:
      {{- include "home-cluster.selector" (dict "root" .root "component" .component) | nindent 6 }}
{{- end }}

{{/* Where Home Assistant's calls come from: its pod, its node, or the LAN where it runs elsewhere. */}}
{{- define "home-cluster.assistant-peers" -}}
{{- if and .Values.homeAssistant.enabled (not .Values.access.only) }}
{{- if eq .Values.homeAssistant.network.mode "host" }}
{{- include "home-cluster.lan-peers" (dict "root" . "ranges" .Values.cluster.lan) }}
{{- include "home-cluster.address-peers" .Values.cluster.nodeAddresses }}
{{- else }}
{{- include "home-cluster.pod-peer" (dict "root" . "namespace" .Release.Namespace "component" "home-assistant") }}
{{- end }}
{{- else }}
{{- include "home-cluster.lan-peers" (dict "root" . "ranges" (.Values.access.from | default .Values.cluster.lan)) }}
{{- end }}
{{- end }}

{{/* Where traffic from outside enters: the gateways' namespaces. */}}
{{- define "home-cluster.gateway-peers" -}}
{{- with .Values.cluster.gateways }}
- namespaceSelector:
    matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: {{ toJson . }}}]
{{- end }}
{{- end }}

{{/* The ports of a device in a NetworkPolicy. Input: device. */}}
{{- define "home-cluster.policy-ports" -}}
{{- range $name, $port := .device.ports }}
{{- if $port }}
- {port: {{ int $port.port }}, protocol: {{ $port.protocol | default "TCP" }}}
{{- end }}
{{- end }}
{{- end }}

{{/* What a device may call: what it names in `connects`, its network stick, the vault, and as much of the world as its zone allows. Input: root, device, devices. */}}
{{- define "home-cluster.device.egress" -}}
{{- $root := .root }}
{{- $device := .device }}
{{- $devices := .devices }}
{{- $lan := include "home-cluster.lan-peers" (dict "root" $root "ranges" $root.Values.cluster.lan) }}
{{- $internet := eq ($device.internet | default $device.zoneSettings.internet) "allow" }}
{{- $targets := $device.connects }}
{{- if and $device.vault $root.Values.vault.device }}{{ $targets = append $targets $root.Values.vault.device }}{{ end }}
{{- range $target := uniq $targets }}
{{- if eq $target "home-assistant" }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (include "home-cluster.pod-peer" (dict "root" $root "namespace" $root.Release.Namespace "component" "home-assistant")) "ports" "- {port: 8123, protocol: TCP}") }}
{{- else }}
{{- $other := get $devices $target }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (include "home-cluster.pod-peer" (dict "root" $root "namespace" $other.namespace "component" $target)) "ports" (include "home-cluster.policy-ports" (dict "device" $other))) }}
{{- end }}
{{- end }}
{{- with ($device.usb | default dict).network }}
{{- $url := urlParse . }}
{{- $address := regexReplaceAll ":[0-9]+$" $url.host "" }}
{{- $peers := ternary (include "home-cluster.address-peers" (list $address)) $lan (regexMatch "^[0-9.]+$" $address) }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" $peers "ports" (printf "- {port: %s, protocol: TCP}" (regexFind "[0-9]+$" $url.host))) }}
{{- end }}
{{- if eq $device.name $root.Values.vault.device }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (include "home-cluster.address-peers" (concat $root.Values.cluster.lan $root.Values.cluster.nodeAddresses | uniq)) "ports" "- {port: 443, protocol: TCP}\n- {port: 6443, protocol: TCP}" "why" "The API server, to ask whether a pod's token is genuine.") }}
{{- end }}
{{- if and $device.vault (not $root.Values.vault.device) }}
{{- $port := regexFind "[0-9]+$" (urlParse $root.Values.vault.address).host | default "443" }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (printf "%s\n%s" $lan (include "home-cluster.internet-peer" $root)) "ports" (printf "- {port: %s, protocol: TCP}" $port)) }}
{{- end }}
{{- if $internet }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (include "home-cluster.internet-peer" $root)) }}
{{- end }}
{{ include "home-cluster.rule" (dict "side" "to" "peers" (include "home-cluster.lan-peers" (dict "root" $root "ranges" (concat ($device.zoneSettings.lan | default list) ($device.lan | default list) | uniq)))) }}
{{- end }}

{{/* Home Assistant itself. */}}

{{/* "true" where this release runs Home Assistant. */}}
{{- define "home-cluster.assistant.here" -}}
{{- and .Values.homeAssistant.enabled (not .Values.access.only) }}
{{- end }}

{{/* Labels of Home Assistant's objects. */}}
{{- define "home-cluster.assistant.labels" -}}
{{ include "home-cluster.labels" (dict "root" . "component" "home-assistant" "program" "home-assistant") }}
{{- end }}

{{/* What the seeding init container has to see to, as JSON. */}}
{{- define "home-cluster.assistant.wanted" -}}
{{- $assistant := .Values.homeAssistant }}
{{- $restore := dict }}
{{- if $assistant.restore.existingClaim }}
{{- $restore = dict "file" (printf "/restore/%s" $assistant.restore.file) "password" (ternary "/restore-password/password" "" (not (not $assistant.restore.passwordSecret.name))) }}
{{- end }}
{{- dict "recorder" (include "home-cluster.assistant.recorder" . | trim | printf "%s\n") "proxies" ($assistant.proxy.trusted | default (compact (splitList "," .Values.cluster.podCIDR))) "safeMode" $assistant.safeMode "restore" $restore "seedConfiguration" .Values.integration.seedConfiguration | toJson }}
{{- end }}

{{/* The recorder's settings: kind to SD cards, and with the database off NFS. */}}
{{- define "home-cluster.assistant.recorder" -}}
{{- $recorder := .Values.homeAssistant.recorder }}
# Written by the chart at each start, from homeAssistant.recorder.
purge_keep_days: {{ int $recorder.keepDays }}
commit_interval: {{ int $recorder.commitSeconds }}
{{- if $recorder.database.existingSecret }}
db_url: !env_var RECORDER_DB_URL
{{- else if $recorder.storage.size }}
db_url: sqlite:////recorder/home-assistant_v2.db
{{- end }}
{{- end }}

{{/* The claim that holds /config. */}}
{{- define "home-cluster.assistant.claim" -}}
{{ .Values.homeAssistant.persistence.config.existingClaim | default (printf "%s-config" (include "home-cluster.assistant.name" .)) }}
{{- end }}

{{/* The security context of Home Assistant's containers. The official image's supervisor needs root, but no capability of it. */}}
{{- define "home-cluster.assistant.security" -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" false "capabilities" (dict "drop" (list "ALL")) }}
{{- mustMergeOverwrite $context (deepCopy .Values.homeAssistant.securityContext) | toJson }}
{{- end }}

{{/* "true" where the integration lies in the chart compressed, as in the packed one. */}}
{{- define "home-cluster.integration.packed" -}}
{{- not (not (.Subcharts.integration.Files.Get "files/integration.tar.xz")) }}
{{- end }}

{{/* Where the integration's files lie in the chart, and the names they have in ConfigMaps: as JSON path → key. */}}
{{- define "home-cluster.integration.files" -}}
{{- $files := dict }}
{{- range $path, $_ := .Subcharts.integration.Files.Glob "files/home_cluster/**" }}
{{- $inner := trimPrefix "files/home_cluster/" $path }}
{{- if not (regexMatch "(^|/)(__pycache__/|.*\\.pyc$)" $inner) }}
{{- $_ := set $files $inner (regexReplaceAll "[^A-Za-z0-9_.-]" (replace "/" "." $inner) "_") }}
{{- end }}
{{- end }}
{{- toJson $files }}
{{- end }}

{{/* The ConfigMaps that the integration's files lie in, as JSON: its lower layers, its program, what is shown, and in which words. */}}
{{- define "home-cluster.integration.parts" -}}
{{- list "layers" "program" "shown" "words-a-h" "words-i-z" | toJson }}
{{- end }}

{{/* Which of them a file lies in: none gets too large for one object. Input: path. */}}
{{- define "home-cluster.integration.part" -}}
{{- if regexMatch "^translations/[a-h]" .path }}words-a-h{{ else if hasPrefix "translations/" .path }}words-i-z{{ else if regexMatch "^(frontend|brand)/" .path }}shown{{ else if regexMatch "^(kube|model|registry|voice)/" .path }}layers{{ else }}program{{ end }}
{{- end }}

{{/* A file of the integration. Programs come without their comments and docstrings: a release must fit into one Secret. Input: root, path. */}}
{{- define "home-cluster.integration.text" -}}
{{- $text := .root.Subcharts.integration.Files.Get (printf "files/home_cluster/%s" .path) }}
{{- if hasSuffix ".py" .path }}
{{- $text = regexReplaceAll "(?m)^([ \\t]*)\"\"\"(?s:.*?)\"\"\"[ \\t]*$" $text "${1}\"\"" }}
{{- $text = regexReplaceAll "(?m)^[ \\t]*#.*\n" $text "" }}
{{- end }}
{{- toRawJson $text }}
{{- end }}

{{/* A hash of all that the integration is. */}}
{{- define "home-cluster.integration.checksum" -}}
{{- $sums := list (.Subcharts.integration.Files.Get "files/integration.tar.xz" | sha256sum) }}
{{- range $path, $_ := include "home-cluster.integration.files" . | fromJson }}
{{- $sums = append $sums (printf "%s %s" $path ($.Subcharts.integration.Files.Get (printf "files/home_cluster/%s" $path) | sha256sum)) }}
{{- end }}
{{- join "\n" $sums | sha256sum | trunc 16 }}
{{- end }}

{{/* The namespaces whose devices Home Assistant shall see, separated by commas. */}}
{{- define "home-cluster.assistant.namespaces" -}}
{{- $names := list .Release.Namespace }}
{{- range $zone := include "home-cluster.zones" . | fromJson }}{{ $names = append $names $zone.namespace }}{{ end }}
{{- concat $names .Values.integration.namespaces | uniq | sortAlpha | join "," }}
{{- end }}

{{/* Names and labels: what objects are called and how they are found again. */}}

{{/* The name of objects that belong to no namespace: unique for the release in the whole cluster. */}}
{{- define "home-cluster.cluster-name" -}}
{{- if eq .Release.Name .Release.Namespace }}{{ .Release.Name }}{{ else }}{{ .Release.Namespace }}-{{ .Release.Name }}{{ end }}
{{- end }}

{{/* The name of Home Assistant's own objects, its service account among them. */}}
{{- define "home-cluster.assistant.name" -}}
{{- if contains "home-assistant" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-home-assistant{{ end }}
{{- end }}

{{/* The labels by which pods are selected. They never change. Input: root, component. */}}
{{- define "home-cluster.selector" -}}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* Labels of a pod: the selector and what the program is. No chart version, which would restart every pod. Input: root, component, program. */}}
{{- define "home-cluster.pod-labels" -}}
{{ include "home-cluster.selector" . }}
app.kubernetes.io/name: {{ .program }}
app.kubernetes.io/part-of: home-cluster
{{- end }}

{{/* Labels of every object. Input: root, component, program. */}}
{{- define "home-cluster.labels" -}}
{{ include "home-cluster.pod-labels" . }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of objects of the house as a whole. Input: root. */}}
{{- define "home-cluster.house-labels" -}}
{{ include "home-cluster.labels" (dict "root" . "component" "house" "program" "home-cluster") }}
{{- end }}

{{/* The namespace of a zone; of the release itself for "". Input: root, zone. */}}
{{- define "home-cluster.namespace" -}}
{{- if .zone }}
{{- $settings := get .root.Values.zones .zone | default dict }}
{{- $settings.namespace | default (printf "%s-%s" (include "home-cluster.cluster-name" .root) .zone) }}
{{- else }}{{ .root.Release.Namespace }}{{ end }}
{{- end }}

{{/* An image's reference, from repository, tag and digest. */}}
{{- define "home-cluster.image" -}}
{{ .repository }}{{ with .tag }}:{{ . }}{{ end }}{{ with .digest }}@{{ . }}{{ end }}
{{- end }}

{{/* The names of the priority classes. Input: root, priority. */}}
{{- define "home-cluster.priority" -}}
{{ include "home-cluster.cluster-name" .root }}-{{ .priority }}
{{- end }}

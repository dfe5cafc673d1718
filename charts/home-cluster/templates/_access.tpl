{{/* What Home Assistant's account may do. */}}

{{/* The account as a subject of a binding. */}}
{{- define "home-cluster.access.subject" -}}
- {kind: ServiceAccount, name: {{ include "home-cluster.assistant.name" . }}, namespace: {{ .Release.Namespace }}}
{{- end }}

{{/* The account's name, as the API server knows it. */}}
{{- define "home-cluster.access.user" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "home-cluster.assistant.name" . }}
{{- end }}

{{/* The hint of a workload that the policies hold: Home Assistant sees to it that they do. */}}
{{- define "home-cluster.access.held" -}}
home-cluster.github.io/held: {{ .Values.integration.policies | quote }}
{{- end }}

{{/* The rules for one namespace: to see the devices, and for each word of integration.control what it needs and no more. */}}
{{- define "home-cluster.access.rules" -}}
{{- $control := .Values.integration.control }}
# To see the devices and their health.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [get, list, watch]
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [get, list, watch]
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [get, list, watch]
- apiGroups: [""]
  resources: [pods, persistentvolumeclaims, events]
  verbs: [get, list, watch]
{{- if .Values.integration.logs }}
- apiGroups: [""]
  resources: [pods/log]
  verbs: [get]
{{- end }}
{{- if .Values.integration.metrics }}
- apiGroups: [metrics.k8s.io]
  resources: [pods]
  verbs: [list]
{{- end }}
{{- if or (has "power" $control) (has "replicas" $control) }}
# power, replicas: the count and nothing else.
- apiGroups: [apps]
  resources: [deployments/scale, statefulsets/scale]
  verbs: [patch]
{{- end }}
{{- if has "replicas" $control }}
# replicas of what an autoscaler scales: held to its limits by the admission policy.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [patch]
{{- end }}
{{- if has "power" $control }}
# power of CronJobs and Jobs: held to `suspend` by the admission policy.
- apiGroups: [batch]
  resources: [cronjobs, jobs]
  verbs: [patch]
{{- end }}
{{- if has "restart" $control }}
# restart: pods are evicted one by one, as far as PodDisruptionBudgets allow.
- apiGroups: [""]
  resources: [pods/eviction]
  verbs: [create]
{{- end }}
{{- if has "update" $control }}
# update: held to the image's tag by the admission policy; and what came before, to go back to.
- apiGroups: [apps]
  resources: [deployments, statefulsets, daemonsets]
  verbs: [patch]
- apiGroups: [batch]
  resources: [cronjobs]
  verbs: [patch]
- apiGroups: [apps]
  resources: [replicasets, controllerrevisions]
  verbs: [list]
{{- end }}
{{- if has "run" $control }}
# run: held to the CronJobs' own Jobs by the admission policy.
- apiGroups: [batch]
  resources: [jobs]
  verbs: [create]
{{- end }}
{{- end }}

{{/* How a web interface is reached from outside. */}}

{{/* The number of the port that is shown: the one asked for by name, else `web`, else the first. Input: device, wanted. */}}
{{- define "home-cluster.device.web-port" -}}
{{- $ports := .device.ports }}
{{- $name := .wanted | default (hasKey $ports "web" | ternary "web" (keys $ports | sortAlpha | first)) }}
{{- (get $ports $name | default dict).port | int }}
{{- end }}

{{/* An Ingress. Input: labels, name, namespace, port, ingress (host, className, tlsSecret, annotations). */}}
{{- define "home-cluster.ingress" -}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- .labels | nindent 4 }}
  {{- with .ingress.annotations }}
  annotations: {{ toJson . }}
  {{- end }}
spec:
  {{- with .ingress.className }}
  ingressClassName: {{ . }}
  {{- end }}
  {{- with .ingress.tlsSecret }}
  tls:
    - hosts: [{{ $.ingress.host | quote }}]
      secretName: {{ . | quote }}
  {{- end }}
  rules:
    - host: {{ .ingress.host | quote }}
      http:
        paths:
          - path: /
            pathType: Prefix
            backend: {service: {name: {{ .name }}, port: {number: {{ int .port }}}}}
{{- end }}

{{/* An HTTPRoute. Input: labels, name, namespace, port, route (hosts, gateway: name, namespace, section). */}}
{{- define "home-cluster.route" -}}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata:
  name: {{ .name }}
  namespace: {{ .namespace }}
  labels:
    {{- .labels | nindent 4 }}
spec:
  hostnames: {{ toJson .route.hosts }}
  parentRefs:
    - name: {{ .route.gateway.name | quote }}
      {{- with .route.gateway.namespace }}
      namespace: {{ . | quote }}
      {{- end }}
      {{- with .route.gateway.section }}
      sectionName: {{ . | quote }}
      {{- end }}
  rules:
    - backendRefs:
        - {name: {{ .name }}, port: {{ int .port }}}
{{- end }}

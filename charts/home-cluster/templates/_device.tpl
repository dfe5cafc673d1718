{{/* Devices: what a user wrote, laid over its preset, laid over presets/generic.yaml. */}}

{{/* The zones with their defaults, as JSON: name → namespace, create, psa, internet, keep …. The release's own namespace is the zone "". */}}
{{- define "home-cluster.zones" -}}
{{- $root := . }}
{{- $defaults := dict "create" true "psa" "restricted" "internet" "deny" "lan" list "quota" (dict "pods" 40 "count/jobs.batch" 40 "persistentvolumeclaims" 40) "limits" (dict "default" (dict "cpu" "1" "memory" "256Mi") "defaultRequest" (dict "cpu" "10m" "memory" "32Mi")) "labels" dict "annotations" dict }}
{{- $zones := dict "" (dict "create" false "psa" "" "internet" "deny" "lan" list "quota" dict "limits" dict "labels" dict "annotations" dict "namespace" .Release.Namespace "name" "") }}
{{- range $name, $given := .Values.zones }}
{{- $zone := mustMergeOverwrite (deepCopy $defaults) ($given | default dict | deepCopy) }}
{{- $zone = merge (dict "namespace" (include "home-cluster.namespace" (dict "root" $root "zone" $name)) "name" $name) $zone }}
{{- $_ := set $zones $name $zone }}
{{- end }}
{{- include "home-cluster.without-null" $zones }}
{{- end }}

{{/* A map without the entries that null took away, at any depth, as JSON. */}}
{{- define "home-cluster.without-null" -}}
{{- $kept := dict }}
{{- range $key, $value := . }}
{{- if kindIs "map" $value }}{{ $value = include "home-cluster.without-null" $value | fromJson }}{{ end }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $kept $key $value }}{{ end }}
{{- end }}
{{- toJson $kept }}
{{- end }}

{{/* A preset's file, read; fails for a name that has none. Input: root, name (of the device), preset. */}}
{{- define "home-cluster.preset" -}}
{{- $text := .root.Files.Get (printf "presets/%s.yaml" .preset) }}
{{- if not $text }}
{{- $there := list }}
{{- range $path, $_ := .root.Files.Glob "presets/*.yaml" }}{{ $there = append $there (trimSuffix ".yaml" (base $path)) }}{{ end }}
{{- fail (printf "\n\nDevice %s: there is no preset %q. There are: %s." .name .preset (join ", " (sortAlpha $there))) }}
{{- end }}
{{- $text }}
{{- end }}

{{/* All devices, checked and resolved, as JSON. No template renders anything from values with mistakes. */}}
{{- define "home-cluster.devices" -}}
{{- $mistakes := include "home-cluster.mistakes" . | trim }}
{{- if $mistakes }}
{{- fail (printf "\n\nThe values need a correction:\n\n  %s\n" (regexReplaceAll "\n\\s*" $mistakes "\n  ")) }}
{{- end }}
{{- include "home-cluster.devices.resolved" . }}
{{- end }}

{{/* All devices, resolved, as JSON: the merged values and what follows from them (object, namespace, zone settings, image reference, pinned …). */}}
{{- define "home-cluster.devices.resolved" -}}
{{- $root := . }}
{{- $zones := include "home-cluster.zones" . | fromJson }}
{{- $generic := .Files.Get "presets/generic.yaml" | fromYaml }}
{{- $devices := dict }}
{{- range $name, $given := .Values.devices }}
{{- $given = $given | default dict | deepCopy }}
{{- if ne (get $given "enabled" | toString) "false" }}
{{- $presetName := $given.preset | default "generic" }}
{{- $preset := include "home-cluster.preset" (dict "root" $root "name" $name "preset" $presetName) | fromYaml }}
{{- if kindIs "string" $given.image }}
{{- $_ := set $given "image" (include "home-cluster.image.parse" $given.image | fromJson) }}
{{- end }}
{{- if and $given.image $given.image.tag $preset.image }}
{{- /* A digest of the preset's tag means nothing for another tag. */}}
{{- if not $given.image.digest }}{{ $_ := unset $preset.image "digest" }}{{ end }}
{{- end }}
{{- /* A preset's secret counts once somebody says which Secret it is; then files for it take the others' place. */}}
{{- range $secret, $_ := $preset.secrets }}
{{- if hasKey ($given.secrets | default dict) $secret }}
{{- $_ := set $preset "config" (mustMergeOverwrite ($preset.config | default dict) (get ($preset.configWith | default dict) $secret | default dict)) }}
{{- else }}
{{- $_ := unset $preset.secrets $secret }}
{{- end }}
{{- end }}
{{- /* An empty map counts as nothing: what was written as emptyDir: {} gets its default spelt out. */}}
{{- range $given.storage }}
{{- if and . (hasKey . "emptyDir") (kindIs "map" .emptyDir) (not .emptyDir) }}{{ $_ := set . "emptyDir" (dict "medium" "") }}{{ end }}
{{- end }}
{{- /* Who says where a volume comes from says it instead of the preset. */}}
{{- $kinds := list "size" "existingClaim" "nfs" "emptyDir" "hostPath" }}
{{- range $entry, $volume := $given.storage }}
{{- $said := false }}
{{- range $kind := $kinds }}{{ if and $volume (get $volume $kind) }}{{ $said = true }}{{ end }}{{ end }}
{{- $before := get ($preset.storage | default dict) $entry }}
{{- if and $said $before }}
{{- range $kind := $kinds }}{{ $_ := unset $before $kind }}{{ end }}
{{- end }}
{{- end }}
{{- $device := mustMergeOverwrite (deepCopy $generic) (deepCopy $preset) $given }}
{{- $zone := get $zones ($device.zone | default "") }}
{{- if not $zone }}
{{- fail (printf "\n\nDevice %s: there is no zone %q. Add it under `zones:`, or choose one of: %s." $name $device.zone (keys $root.Values.zones | sortAlpha | join ", " | default "(none yet)")) }}
{{- end }}
{{- $_ := set $device "name" $name }}
{{- $_ := set $device "preset" $presetName }}
{{- $_ := set $device "object" (printf "%s-%s" $root.Release.Name $name) }}
{{- $_ := set $device "zoneName" ($device.zone | default "") }}
{{- $_ := set $device "zoneSettings" $zone }}
{{- $_ := set $device "namespace" $zone.namespace }}
{{- if $device.schedule }}{{ $_ := set $device "kind" "CronJob" }}{{ end }}
{{- $device = include "home-cluster.device.derived" (dict "root" $root "device" $device) | fromJson }}
{{- $_ := set $devices $name $device }}
{{- end }}
{{- end }}
{{- toJson $devices }}
{{- end }}

{{/* What follows from a device's values: claims, node binding, hardware, exposure. Returns the device as JSON. */}}
{{- define "home-cluster.device.derived" -}}
{{- $device := .device }}
{{- /* storage: which entries get a claim of ours, and whether one ties the device to a node */}}
{{- $claims := dict }}
{{- $exclusive := false }}
{{- range $name, $volume := $device.storage }}
{{- if and $volume (or $volume.size $volume.nfs) (not $volume.existingClaim) (not $volume.emptyDir) }}
{{- $_ := set $claims $name (printf "%s-%s" $device.object $name) }}
{{- else if and $volume $volume.existingClaim }}
{{- $_ := set $claims $name $volume.existingClaim }}
{{- end }}
{{- if and $volume (or $volume.size $volume.existingClaim) (not $volume.nfs) (ne ($volume.accessMode | default "ReadWriteOnce") "ReadWriteMany") (not $volume.readOnly) }}
{{- $exclusive = true }}
{{- end }}
{{- end }}
{{- $usb := $device.usb | default dict }}
{{- if and $usb.resource (not $usb.mountPath) }}
{{- $_ := set $usb "mountPath" (printf "/dev/%s" (splitList "/" $usb.resource | last)) }}
{{- $_ := set $device "usb" $usb }}
{{- end }}
{{- $hostPorts := false }}
{{- range $device.ports }}{{ if .hostPort }}{{ $hostPorts = true }}{{ end }}{{ end }}
{{- $alone := or $exclusive $usb.resource $device.hostNetwork $hostPorts }}
{{- $_ := set $device "claims" $claims }}
{{- $_ := set $device "exclusive" $exclusive }}
{{- $_ := set $device "alone" (not (not $alone)) }}
{{- $_ := set $device "pinned" (eq ($device.availability | default (ternary "pinned" "roaming" (not (not (or $exclusive $usb.resource))))) "pinned") }}
{{- $_ := set $device "lanExposed" (or $hostPorts (has $device.service.type (list "LoadBalancer" "NodePort"))) }}
{{- $_ := set $device "host" (printf "%s.%s.svc.%s" $device.object $device.namespace .root.Values.cluster.domain) }}
{{- /* the level of Pod Security that its pod really needs */}}
{{- $level := $device.security.level }}
{{- if or $device.hostNetwork $hostPorts }}{{ $level = "privileged" }}{{ end }}
{{- range $device.storage }}{{ if and . .hostPath }}{{ $level = "privileged" }}{{ end }}{{ end }}
{{- $_ := set $device "level" $level }}
{{- toJson $device }}
{{- end }}

{{/* An image written in one line, as JSON of repository, tag, digest. */}}
{{- define "home-cluster.image.parse" -}}
{{- $parts := splitList "@" . }}
{{- $digest := "" }}
{{- if gt (len $parts) 1 }}{{ $digest = index $parts 1 }}{{ end }}
{{- $left := first $parts }}
{{- $last := splitList "/" $left | last }}
{{- $tag := "" }}
{{- $repository := $left }}
{{- if contains ":" $last }}
{{- $tag = splitList ":" $last | last }}
{{- $repository = trimSuffix (printf ":%s" $tag) $left }}
{{- end }}
{{- dict "repository" $repository "tag" $tag "digest" $digest | toJson }}
{{- end }}

{{/* The image to render: the live one while values still name what was installed before, so that an update made by Home Assistant outlasts an unchanged upgrade. Input: root, device. `lookup` is empty where there is no cluster. */}}
{{- define "home-cluster.device.image" -}}
{{- $device := .device }}
{{- $wanted := include "home-cluster.image" $device.image }}
{{- $api := ternary "batch/v1" "apps/v1" (eq $device.kind "CronJob") }}
{{- $live := lookup $api $device.kind $device.namespace $device.object | default dict }}
{{- $image := $wanted }}
{{- if and $live (eq (dig "metadata" "annotations" "home-cluster.github.io/chart-image" "" $live) $wanted) }}
{{- $spec := ternary (dig "spec" "jobTemplate" "spec" "template" "spec" dict $live) (dig "spec" "template" "spec" dict $live) (eq $device.kind "CronJob") }}
{{- range $spec.containers }}{{ if eq .name $device.name }}{{ $image = .image }}{{ end }}{{ end }}
{{- end }}
{{- $image }}
{{- end }}

{{/* Labels of a device's objects. Input: root, device. */}}
{{- define "home-cluster.device.labels" -}}
{{ include "home-cluster.labels" (dict "root" .root "component" .device.name "program" .device.preset) }}
{{- end }}

{{/* The hints by which Home Assistant shows a device: labels. */}}
{{- define "home-cluster.device.hint-labels" -}}
home-cluster.github.io/device: {{ ne (get .device.hass "device" | toString) "false" | quote }}
{{- with .device.zoneName }}
home-cluster.github.io/zone: {{ . | quote }}
{{- end }}
{{- end }}

{{/* The hints by which Home Assistant shows a device: annotations. Input: device. */}}
{{- define "home-cluster.device.hints" -}}
{{- $hass := .device.hass }}
{{- $spoken := .device.name | replace "-" " " }}
home-cluster.github.io/name: {{ $hass.name | default (printf "%s%s" (trunc 1 $spoken | upper) (substr 1 -1 $spoken)) | quote }}
home-cluster.github.io/model: {{ $hass.model | default .device.title | quote }}
{{- range $key := list "area" "icon" "url" "manufacturer" "update" }}
{{- with get $hass $key }}
home-cluster.github.io/{{ $key }}: {{ . | quote }}
{{- end }}
{{- end }}
{{- if hasKey $hass "controls" }}
home-cluster.github.io/controls: {{ join "," $hass.controls | quote }}
{{- end }}
{{- with $hass.serves }}
home-cluster.github.io/serves: {{ join "," . | quote }}
{{- end }}
{{- if $hass.protected }}
home-cluster.github.io/protected: "true"
{{- end }}
{{- with $hass.releaseNotes }}
home-cluster.github.io/release-notes: {{ . | quote }}
{{- end }}
{{- end }}

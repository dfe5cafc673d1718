{{/* Mistakes that the schema cannot see. Each is a sentence with the device's name and the mend; all are told at once. */}}

{{/* All mistakes, one a line. */}}
{{- define "home-cluster.mistakes" -}}
{{- $root := . }}
{{- $devices := include "home-cluster.devices.resolved" . | fromJson }}
{{- $zones := include "home-cluster.zones" . | fromJson }}
{{- range $name, $_ := .Values.zones }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$" $name) }}
Zone {{ $name }}: a zone's name is made of up to 30 small letters, digits and dashes, and begins with a letter.
{{- end }}
{{- end }}
{{- range $name, $_ := .Values.devices }}
{{- if not (regexMatch "^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$" $name) }}
Device {{ $name }}: a device's name is made of up to 30 small letters, digits and dashes, and begins with a letter. For people, set hass.name.
{{- end }}
{{- if has $name (list "home-assistant" "house") }}
Device {{ $name }}: this name is taken by the chart itself. Choose another.
{{- end }}
{{- end }}
{{- include "home-cluster.mistakes.assistant" . }}
{{- $sticks := dict }}
{{- $hostPorts := dict }}
{{- range $name, $device := $devices }}
{{- include "home-cluster.mistakes.device" (dict "root" $root "device" $device "devices" $devices) }}
{{- with ($device.usb | default dict).resource }}
{{- if and (hasKey $sticks .) (eq (int ($device.usb.count | default 1)) 1) }}
Device {{ $name }}: the stick {{ . }} is already that of {{ get $sticks . }}. One stick serves one device: remove usb.resource from one of them.
{{- end }}
{{- $_ := set $sticks . $name }}
{{- end }}
{{- range $portName, $port := $device.ports }}
{{- if $port }}
{{- $open := $port.hostPort }}
{{- if and (not $open) $device.hostNetwork }}{{ $open = $port.port }}{{ end }}
{{- if and (not $open) (eq $device.service.type "LoadBalancer") }}{{ $open = $port.port }}{{ end }}
{{- if $open }}
{{- $key := printf "%d/%s" (int $open) ($port.protocol | default "TCP") }}
{{- with get $hostPorts $key }}
Device {{ $name }}: port {{ $key }} of the nodes is already taken by {{ . }}. Give one of them another hostPort, or service.type ClusterIP.
{{- end }}
{{- $_ := set $hostPorts $key $name }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if eq (include "home-cluster.assistant.here" .) "true" }}
{{- with get $hostPorts (printf "%d/TCP" (int .Values.homeAssistant.service.port)) }}
{{- if or (eq $root.Values.homeAssistant.service.type "LoadBalancer") (eq $root.Values.homeAssistant.network.mode "host") }}
Device {{ . }}: its port on the nodes is that of Home Assistant ({{ int $root.Values.homeAssistant.service.port }}). Give it another hostPort, or service.type ClusterIP.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Mistakes in what is not a device. */}}
{{- define "home-cluster.mistakes.assistant" -}}
{{- $assistant := .Values.homeAssistant }}
{{- if gt (len (include "home-cluster.assistant.name" .)) 52 }}
The release's name {{ .Release.Name }} is too long: Kubernetes allows 52 letters for the names made of it. Choose a shorter one, such as `home`.
{{- end }}
{{- if eq (include "home-cluster.assistant.here" .) "true" }}
{{- $config := $assistant.persistence.config }}
{{- if not (or $config.existingClaim $config.size $config.nfs) }}
homeAssistant.persistence.config: it has neither size, existingClaim nor nfs, so nothing would be remembered. Set size, such as 10Gi.
{{- end }}
{{- if or $config.emptyDir $config.hostPath }}
homeAssistant.persistence.config: /config is kept on a claim. Set size, existingClaim or nfs instead of emptyDir or hostPath.
{{- end }}
{{- if and $config.nfs (not $assistant.recorder.storage.size) (not $assistant.recorder.database.existingSecret) }}
homeAssistant.persistence.config: /config is on NFS, where the history's SQLite file would be damaged. Set homeAssistant.recorder.storage.size (a volume of its own), or recorder.database.
{{- end }}
{{- range $where, $size := dict "homeAssistant.persistence.config" $config.size "homeAssistant.recorder.storage" $assistant.recorder.storage.size }}
{{- if and $size (ne (include "home-cluster.is-quantity" $size) "true") }}
{{ $where }}: {{ $size | quote }} is no size. Write it like 10Gi.
{{- end }}
{{- end }}
{{- range $entry, $volume := $assistant.persistence.extra }}
{{- include "home-cluster.mistakes.volume" (dict "who" (printf "homeAssistant.persistence.extra.%s" $entry) "volume" $volume) }}
{{- end }}
{{- include "home-cluster.mistakes.resources" (dict "who" "homeAssistant" "resources" $assistant.resources) }}
{{- if and (eq $assistant.network.mode "multus") (not $assistant.network.multus.network) }}
homeAssistant.network: mode multus needs multus.network, the name of a NetworkAttachmentDefinition.
{{- end }}
{{- if and (eq $assistant.network.mode "multus") (eq (include "home-cluster.lacks" (dict "root" $ "kind" "k8s.cni.cncf.io/v1/NetworkAttachmentDefinition")) "true") }}
homeAssistant.network: mode multus, and this cluster has no NetworkAttachmentDefinition (k8s.cni.cncf.io/v1). Install Multus (https://docs.k3s.io/networking/multus-ipams), or choose mode host or pod.
{{- end }}
{{- if and $assistant.restore.existingClaim (not $assistant.restore.file) }}
homeAssistant.restore: name the backup's file on the claim {{ $assistant.restore.existingClaim }} in restore.file.
{{- end }}
{{- if and (eq .Values.integration.delivery "image") (not .Values.integration.image.reference) }}
integration.delivery: image needs integration.image.reference.
{{- end }}
{{- if and $assistant.nodeProfile (not (hasKey .Values.nodeProfiles $assistant.nodeProfile)) }}
homeAssistant.nodeProfile: there is no profile {{ $assistant.nodeProfile | quote }} under nodeProfiles.
{{- end }}
{{- if and $assistant.route.hosts (not $assistant.route.gateway.name) }}
homeAssistant.route: name the Gateway in route.gateway.name.
{{- end }}
{{- if $assistant.route.hosts }}
{{- include "home-cluster.mistakes.route" (dict "root" $ "who" "homeAssistant.route") }}
{{- end }}
{{- end }}
{{- range $range := concat .Values.cluster.lan (compact (splitList "," (printf "%s,%s" .Values.cluster.podCIDR .Values.cluster.serviceCIDR))) .Values.access.from .Values.homeAssistant.proxy.trusted }}
{{- if not (regexMatch "^[0-9a-fA-F:.]+/[0-9]{1,3}$" $range) }}
cluster, access or proxy: {{ $range | quote }} is no range of addresses. Write it like 192.168.1.0/24.
{{- end }}
{{- end }}
{{- with .Values.vault.device }}
{{- if not (hasKey $.Values.devices .) }}
vault.device: there is no device {{ . | quote }}.
{{- end }}
{{- end }}
{{- if .Values.priorities.create }}
{{- range $name := list "essential" "normal" "comfort" }}
{{- $class := include "home-cluster.priority" (dict "root" $ "priority" $name) }}
{{- $wanted := int (get $.Values.priorities $name) }}
{{- with lookup "scheduling.k8s.io/v1" "PriorityClass" "" $class }}
{{- if ne (int .value) $wanted }}
priorities.{{ $name }}: {{ $class }} is {{ int .value }}, and Kubernetes never changes the value of a PriorityClass. Keep {{ int .value }}; or delete it before (`kubectl delete priorityclass {{ $class }}`), and pods get {{ $wanted }} when they start again.
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Mistakes in one device. Input: root, device, devices. */}}
{{- define "home-cluster.mistakes.device" -}}
{{- $root := .root }}
{{- $device := .device }}
{{- $devices := .devices }}
{{- $who := printf "Device %s" $device.name }}
{{- $usb := $device.usb | default dict }}
{{- if gt (len $device.object) 52 }}
{{ $who }}: {{ $device.object }} is too long by {{ sub (len $device.object) 52 }} for Kubernetes. Shorten the device's name.
{{- end }}
{{- if not (and $device.image $device.image.repository) }}
{{ $who }}: it has no image. Set image, or a preset.
{{- else if and (not $device.image.tag) (not $device.image.digest) }}
{{ $who }}: its image {{ $device.image.repository }} has no tag. Name one, such as {{ $device.image.repository }}:1.0; what runs should not change by itself.
{{- end }}
{{- range $target := $device.connects }}
{{- if eq $target $device.name }}
{{ $who }}: it need not connect to itself. Remove it from connects.
{{- else if eq $target "home-assistant" }}
{{- if ne (include "home-cluster.assistant.here" $root) "true" }}
{{ $who }}: it connects to home-assistant, which this release does not run. Use lan instead.
{{- end }}
{{- else if not (hasKey $devices $target) }}
{{ $who }}: it connects to {{ $target | quote }}, which is no device. There are: {{ without (keys $devices | sortAlpha) $device.name | join ", " | default "no others" }}.
{{- end }}
{{- end }}
{{- range $entry, $volume := $device.storage }}
{{- if $volume }}
{{- include "home-cluster.mistakes.volume" (dict "who" (printf "%s: storage.%s" $who $entry) "volume" $volume) }}
{{- end }}
{{- end }}
{{- include "home-cluster.mistakes.resources" (dict "who" $who "resources" $device.resources) }}
{{- if and $usb.resource $usb.network }}
{{ $who }}: usb names both a stick (resource) and a network coordinator. Keep one.
{{- end }}
{{- if and $usb.resource (not (contains "/" $usb.resource)) }}
{{ $who }}: usb.resource {{ $usb.resource | quote }} is no resource of a device plugin. Write it like squat.ai/{{ $usb.resource }}.
{{- end }}
{{- if and $usb.resource (hasPrefix "squat.ai/" $usb.resource) $root.Values.usb.sticks (not (hasKey $root.Values.usb.sticks (trimPrefix "squat.ai/" $usb.resource))) }}
{{ $who }}: there is no stick {{ trimPrefix "squat.ai/" $usb.resource | quote }} under usb.sticks. There are: {{ keys $root.Values.usb.sticks | sortAlpha | join ", " }}.
{{- end }}
{{- if and $usb.network (not (regexMatch "^[a-z]+://[^/:]+:[0-9]+$" $usb.network)) }}
{{ $who }}: usb.network {{ $usb.network | quote }} is no address. Write it like tcp://192.168.1.20:6638.
{{- end }}
{{- if and (or $usb.resource $usb.network) $usb.needs (not (hasKey $device.env ($usb.needs | default ""))) }}
{{ $who }}: it cannot find out what its stick or coordinator speaks. Set env.{{ $usb.needs }} (presets/{{ $device.preset }}.yaml says how to choose), or set it to null where the program's own configuration says it.
{{- end }}
{{- with $device.autoscale }}
{{- if lt (int .max) (int (.min | default 1)) }}
{{ $who }}: autoscale.max is less than autoscale.min.
{{- end }}
{{- if $device.exclusive }}
{{ $who }}: it cannot autoscale, for its volume belongs to one pod. Remove autoscale, or use storage that many may use (nfs, or accessMode ReadWriteMany).
{{- end }}
{{- if $usb.resource }}
{{ $who }}: it cannot autoscale, for its stick belongs to one pod.
{{- end }}
{{- if not (has $device.kind (list "Deployment" "StatefulSet")) }}
{{ $who }}: a {{ $device.kind }} cannot autoscale.
{{- end }}
{{- if and (or .cpu (not .memory)) (not (dig "requests" "cpu" "" $device.resources)) }}
{{ $who }}: to autoscale by CPU it needs resources.requests.cpu.
{{- end }}
{{- end }}
{{- if and (eq $device.kind "CronJob") (not $device.schedule) }}
{{ $who }}: a CronJob needs a schedule, such as "0 4 * * *".
{{- end }}
{{- if and $device.schedule (ne (len (splitList " " (regexReplaceAll " +" (trim $device.schedule) " "))) 5) (not (hasPrefix "@" $device.schedule)) }}
{{ $who }}: schedule {{ $device.schedule | quote }} is no cron line of five fields, such as "0 4 * * *".
{{- end }}
{{- $levels := list "restricted" "baseline" "privileged" }}
{{- $zone := $device.zoneSettings }}
{{- $index := dict "restricted" 0 "baseline" 1 "privileged" 2 }}
{{- if and $zone.psa (gt (get $index $device.level) (get $index $zone.psa)) }}
{{ $who }}: it needs the Pod Security level {{ $device.level }}{{ with $device.security.why }} ({{ . }}){{ end }}, and its zone {{ $device.zoneName }} allows only {{ $zone.psa }}. Set zones.{{ $device.zoneName }}.psa: {{ $device.level }}, or put it into a zone of its own.
{{- end }}
{{- if and $device.nodeProfile (not (hasKey $root.Values.nodeProfiles $device.nodeProfile)) }}
{{ $who }}: there is no profile {{ $device.nodeProfile | quote }} under nodeProfiles.
{{- end }}
{{- range $secretName, $secret := $device.secrets }}
{{- if not (or $secret.existingSecret $secret.externalSecret) }}
{{ $who }}: secrets.{{ $secretName }} needs existingSecret or externalSecret; this chart takes no passwords.
{{- end }}
{{- if not (or $secret.path $secret.env) }}
{{ $who }}: secrets.{{ $secretName }} is given to nobody. Set path (files) or env.
{{- end }}
{{- if and $secret.externalSecret (eq (include "home-cluster.lacks" (dict "root" $root "kind" "external-secrets.io/v1/ExternalSecret")) "true") }}
{{ $who }}: secrets.{{ $secretName }}: this cluster has no ExternalSecret (external-secrets.io/v1). Install the External Secrets Operator, 0.16 or newer (https://external-secrets.io/latest/introduction/getting-started/), or make the Secret yourself and name it in existingSecret.
{{- end }}
{{- end }}
{{- if and $device.lanExposed $device.lanNeeds (not (hasKey $device.secrets ($device.lanNeeds | default ""))) }}
{{ $who }}: it would be open to your whole LAN without a password. Give it secrets.{{ $device.lanNeeds }} (presets/{{ $device.preset }}.yaml says how), or service.type ClusterIP.
{{- end }}
{{- if and $device.vault (not (or $root.Values.vault.address $root.Values.vault.device)) }}
{{ $who }}: it wants secrets from a vault. Set vault.address or vault.device.
{{- end }}
{{- if $device.ports }}
{{- range $which := list $device.health.tcp (dig "http" "port" "" $device.health) (dig "ingress" "port" "" $device) (dig "route" "port" "" $device) }}
{{- if and $which (kindIs "string" $which) (not (hasKey $device.ports $which)) }}
{{ $who }}: there is no port {{ $which | quote }}. There are: {{ keys $device.ports | sortAlpha | join ", " }}.
{{- end }}
{{- end }}
{{- else if or $device.health.tcp (dig "http" "path" "" $device.health) (dig "ingress" "host" "" $device) (dig "route" "hosts" "" $device) }}
{{ $who }}: it has no ports, so it can neither be probed nor shown. Name them under ports.
{{- end }}
{{- $checks := 0 }}
{{- range $key := list "http" "tcp" "exec" }}{{ if get $device.health $key }}{{ $checks = add1 $checks }}{{ end }}{{ end }}
{{- if gt (int $checks) 1 }}
{{ $who }}: health has more than one check. Keep one, and set the preset's to null.
{{- end }}
{{- if and (dig "route" "hosts" list $device) (not (dig "route" "gateway" "name" "" $device)) }}
{{ $who }}: name the Gateway in route.gateway.name.
{{- end }}
{{- if dig "route" "hosts" list $device }}
{{- include "home-cluster.mistakes.route" (dict "root" $root "who" (printf "%s: route" $who)) }}
{{- end }}
{{- range $key := list "url" "releaseNotes" }}
{{- with get $device.hass $key }}
{{- if not (regexMatch "^https?://[^/ @]+(/[^ ]*)?$" .) }}
{{ $who }}: hass.{{ $key }} {{ . | quote }} is no web address. It begins with http:// or https://.
{{- end }}
{{- end }}
{{- end }}
{{- with $device.hass.icon }}
{{- if not (regexMatch "^mdi:[a-z0-9]+(-[a-z0-9]+)*$" .) }}
{{ $who }}: hass.icon {{ . | quote }} is no icon. Write it like mdi:fridge.
{{- end }}
{{- end }}
{{- range concat ($device.lan | default list) ($zone.lan | default list) }}
{{- if not (regexMatch "^[0-9a-fA-F:.]+/[0-9]{1,3}$" .) }}
{{ $who }}: lan {{ . | quote }} is no range of addresses. Write it like 192.168.1.0/24, one address like 192.168.1.7/32.
{{- end }}
{{- end }}
{{- end }}

{{/* An HTTPRoute where there is no such kind. Input: root, who. */}}
{{- define "home-cluster.mistakes.route" -}}
{{- if eq (include "home-cluster.lacks" (dict "root" .root "kind" "gateway.networking.k8s.io/v1/HTTPRoute")) "true" }}
{{ .who }}: this cluster has no HTTPRoute (gateway.networking.k8s.io/v1). Install the Gateway API (https://gateway-api.sigs.k8s.io/guides/) with a gateway, or use ingress instead.
{{- end }}
{{- end }}

{{/* "true" where a kind is missing in the cluster at hand. Away from a cluster, as with `helm template`, nothing is known and nothing missing: of its kinds Helm then names none, not even v1/Namespace. Input: root, kind (group/version/Kind). */}}
{{- define "home-cluster.lacks" -}}
{{- $there := .root.Capabilities.APIVersions }}
{{- and ($there.Has "v1/Namespace") (not ($there.Has .kind)) }}
{{- end }}

{{/* Mistakes in a volume. Input: who, volume. */}}
{{- define "home-cluster.mistakes.volume" -}}
{{- $volume := .volume }}
{{- $kinds := list }}
{{- range $kind := list "size" "existingClaim" "nfs" "emptyDir" "hostPath" }}
{{- if and (get $volume $kind) (not (and (eq $kind "size") (or $volume.nfs $volume.existingClaim))) }}{{ $kinds = append $kinds $kind }}{{ end }}
{{- end }}
{{- if not $kinds }}
{{ .who }}: it has no size. Set size, such as 1Gi (or existingClaim, nfs, emptyDir).
{{- else if gt (len $kinds) 1 }}
{{ .who }}: it is {{ join " and " $kinds }} at once. Keep one.
{{- end }}
{{- if not $volume.path }}
{{ .who }}: it has no path, the folder where the program sees it.
{{- else if not (hasPrefix "/" $volume.path) }}
{{ .who }}: path {{ $volume.path | quote }} must begin with a slash.
{{- end }}
{{- if and $volume.size (ne (include "home-cluster.is-quantity" $volume.size) "true") }}
{{ .who }}: {{ $volume.size | quote }} is no size. Write it like 1Gi.
{{- end }}
{{- end }}

{{/* Mistakes in quantities. Input: who, resources. */}}
{{- define "home-cluster.mistakes.resources" -}}
{{- $who := .who }}
{{- range $part, $amounts := omit .resources "claims" }}
{{- range $what, $amount := $amounts }}
{{- if ne (include "home-cluster.is-quantity" $amount) "true" }}
{{ $who }}: resources.{{ $part }}.{{ $what }} {{ $amount | quote }} is no quantity. Write it like 100m (a tenth of a core) or 64Mi.
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* "true" for what Kubernetes takes as a quantity. */}}
{{- define "home-cluster.is-quantity" -}}
{{- regexMatch "^[0-9]+(\\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti|P|Pi)?$" (toString .) }}
{{- end }}

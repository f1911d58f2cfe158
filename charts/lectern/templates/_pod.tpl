{{/* What a pod of controller or servers has beside its containers and volumes: dict root, component, values. */}}
{{- define "lectern.podSettings" -}}
serviceAccountName: {{ include "lectern.serviceAccountName" . }}
enableServiceLinks: false # a Service called lectern-… would set LECTERN_… variables
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .values.podSecurityContext | nindent 2 }}
terminationGracePeriodSeconds: {{ int .values.terminationGracePeriodSeconds }}
{{- with .values.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- with .values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.topologySpreadConstraints }}
topologySpreadConstraints:
{{- range . }}
{{- $spread := . }}
{{- if not (hasKey . "labelSelector") }}
{{- $labels := include "lectern.selectorLabels" (dict "root" $.root "component" $.component) | fromYaml }}
{{- $spread = merge (dict "labelSelector" (dict "matchLabels" $labels)) . }}
{{- end }}
- {{ toYaml $spread | nindent 2 | trim }}
{{- end }}
{{- end }}
{{- end }}

{{/* The container of controller or servers up to its ports: dict root, component, values. */}}
{{- define "lectern.containerSettings" -}}
name: {{ .component }}
image: {{ include "lectern.image" (dict "image" .root.Values.image "tag" .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .values.securityContext | nindent 2 }}
{{- with .values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Variables of controller and servers that are not of the database. */}}
{{- define "lectern.environment" -}}
- name: POD_NAME # holds the Lease, and is seen in pg_stat_activity
  valueFrom: {fieldRef: {fieldPath: metadata.name}}
{{- with .root.Values.proxy }}
{{- if or .httpProxy .httpsProxy }}
{{- with .httpProxy }}
- name: HTTP_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .httpsProxy }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
- name: NO_PROXY # the API server among them
  value: {{ prepend (without (splitList "," .noProxy) "") "$(KUBERNETES_SERVICE_HOST),localhost,127.0.0.1,.svc,.cluster.local" | join "," | quote }}
{{- end }}
{{- end }}
{{- with .values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A probe: dict timing, port, path. */}}
{{- define "lectern.probe" -}}
httpGet: {path: {{ .path }}, port: {{ .port }}}
{{- with .timing }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* A container's arguments, of lines: quoted, since one may end with a colon. */}}
{{- define "lectern.arguments" -}}
{{- range without (splitList "\n" .) "" }}
- {{ . | quote }}
{{- end }}
{{- end }}

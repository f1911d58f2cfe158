{{/* What the pods of hooks have of the controller's settings: where they may run, and as whom. */}}
{{- define "lectern.hookPod" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.controller.podSecurityContext | nindent 2 }}
{{- with .Values.controller.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.controller.priorityClassName }}
priorityClassName: {{ toYaml . }}
{{- end }}
{{- end }}

{{/* The container of a hook: dict root, name. */}}
{{- define "lectern.hookContainer" -}}
name: {{ .name }}
image: {{ include "lectern.image" (dict "image" .root.Values.image "tag" .root.Chart.AppVersion) | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  {{- toYaml .root.Values.controller.securityContext | nindent 2 }}
resources:
  {{- toYaml .root.Values.controller.resources | nindent 2 }}
{{- end }}

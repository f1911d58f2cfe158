{{/* What the pods of the trial database, of its dumps and of restores have in common. */}}
{{- define "lectern.postgresPod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.database.trial.podSecurityContext | nindent 2 }}
{{- with .Values.database.trial.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.database.trial.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Where pods run that mount the volume of dumps, which the database's pod has, too: on its node, as a volume is of one. */}}
{{- define "lectern.besideDatabase" -}}
affinity:
  podAffinity:
    requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "lectern.selectorLabels" (dict "root" . "component" "database") | nindent 10 }}
{{- end }}

{{/* A container of the database's image, up to its arguments. */}}
{{- define "lectern.postgresContainer" -}}
name: postgres
image: {{ include "lectern.image" (dict "image" .Values.database.trial.image) | quote }}
imagePullPolicy: {{ .Values.database.trial.image.pullPolicy }}
securityContext:
  {{- toYaml .Values.database.trial.securityContext | nindent 2 }}
{{- end }}

{{/* The storageClassName of a volume: a dict with storageClass. */}}
{{- define "lectern.storageClass" -}}
{{- if eq .storageClass "-" }}
storageClassName: ""
{{- else if .storageClass }}
storageClassName: {{ toYaml .storageClass }}
{{- end }}
{{- end }}

{{/* How dumps and restores connect: as the owner of the schema. */}}
{{- define "lectern.postgresClientEnvironment" -}}
- {name: PGHOST, value: {{ include "lectern.fullname" . }}-postgres}
- {name: PGUSER, value: lectern}
- {name: PGDATABASE, value: lectern}
- {name: PGCONNECT_TIMEOUT, value: "10"}
{{- end }}

{{/* Volumes of dumps and restores. */}}
{{- define "lectern.postgresClientVolumes" -}}
- name: dumps
  persistentVolumeClaim: {claimName: {{ include "lectern.fullname" . }}-backup}
- name: password
  secret: {secretName: {{ include "lectern.trialSecret" . }}, items: [{key: owner-password, path: owner-password}]}
- name: temporary
  emptyDir: {}
{{- end }}

{{/* Where rows of the audit go, one argument a line. */}}
{{- define "lectern.auditArguments" -}}
--audit={{ .Values.audit.store }}
{{- if eq .Values.audit.store "postgres" }}
--audit-spool=/var/spool/lectern
--audit-spool-bytes={{ int64 .Values.audit.spoolBytes }}
{{- end }}
{{- if .Values.audit.jsonLog }}
--audit-log=json
{{- end }}
{{- end }}

{{/* Whether a program keeps rows on its disk: dict root, component. The controller has calls of its own with connections alone. */}}
{{- define "lectern.hasSpool" -}}
{{- if and (eq .root.Values.audit.store "postgres") (or (eq .component "server") .root.Values.connections.namespaces) }}true{{ end }}
{{- end }}

{{- define "lectern.spoolMount" -}}
- {name: spool, mountPath: /var/spool/lectern}
{{- end }}

{{- define "lectern.spoolVolume" -}}
- name: spool
{{- with .Values.audit.spoolVolume }}
  {{- toYaml . | nindent 2 }}
{{- else }}
  emptyDir: {sizeLimit: {{ add (div (int64 .Values.audit.spoolBytes) 1048576) 128 }}Mi}
{{- end }}
{{- end }}

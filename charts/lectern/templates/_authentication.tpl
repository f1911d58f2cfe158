{{/* The audiences of callers' tokens, as a YAML list. */}}
{{- define "lectern.audiences" -}}
{{- $public := "" }}
{{- with .Values.publicURL }}
{{- $public = printf "%s/mcp" (trimSuffix "/" .) }}
{{- end }}
{{- $first := .Values.auth.audience }}
{{- if and (not $first) (or (eq .Values.auth.mode "kubernetes") (not $public)) }}
{{- $first = printf "%s/mcp" (include "lectern.serviceURL" .) }}
{{- end }}
{{- toYaml (without (concat (list $first) (.Values.auth.audiences | default list) (list $public) | uniq) "") }}
{{- end }}

{{/* The arguments by which controller and servers prove callers, one a line; both have to have the same. */}}
{{- define "lectern.authenticationArguments" -}}
--auth={{ .Values.auth.mode }}
{{- range include "lectern.audiences" . | fromYamlArray }}
--audience={{ . }}
{{- end }}
{{- if eq .Values.auth.mode "oidc" }}
{{- with .Values.auth.oidc }}
--oidc-issuer-url={{ .issuerURL }}
--oidc-username-claim={{ .usernameClaim }}
--oidc-username-prefix={{ .usernamePrefix }}
--oidc-groups-prefix={{ .groupsPrefix }}
{{- with .groupsClaim }}
--oidc-groups-claim={{ . }}
{{- end }}
--oidc-signing-algs={{ join "," .signingAlgs }}
{{- with .requiredScopes }}
--oidc-required-scopes={{ join "," . }}
{{- end }}
{{- if .ca.configMapName }}
--oidc-ca-file=/etc/lectern/oidc/ca.crt
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "lectern.hasIssuerCA" -}}
{{- if and (eq .Values.auth.mode "oidc") .Values.auth.oidc.ca.configMapName }}true{{ end }}
{{- end }}

{{- define "lectern.issuerCAVolume" -}}
- name: oidc
  configMap:
    name: {{ .Values.auth.oidc.ca.configMapName }}
    items: [{key: {{ .Values.auth.oidc.ca.key | quote }}, path: ca.crt}]
{{- end }}

{{/* The name of the chart, as selectors have it. */}}
{{- define "lectern.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 44 | trimSuffix "-" }}
{{- end }}

{{/* The name the release's objects begin with. 44 characters leave room for -controller-metrics in a Service's 63. */}}
{{- define "lectern.fullname" -}}
{{- $name := include "lectern.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- .Values.fullnameOverride | default $full | trunc 44 | trimSuffix "-" }}
{{- end }}

{{/* The name the release's cluster-scoped objects begin with: two releases may have one name in two namespaces. */}}
{{- define "lectern.clusterName" -}}
{{- printf "%s-%s" (include "lectern.fullname" .) .Release.Namespace }}
{{- end }}

{{/* The ServiceAccount of a component: dict root, component. */}}
{{- define "lectern.serviceAccountName" -}}
{{- $account := (index .root.Values .component).serviceAccount }}
{{- $account.name | default (printf "%s-%s" (include "lectern.fullname" .root) .component) }}
{{- end }}

{{- define "lectern.intakeSecret" -}}
{{- .Values.intake.existingSecret | default (printf "%s-intake" (include "lectern.fullname" .)) }}
{{- end }}

{{/* The Secret of the keys that tokens of connections are sealed with, which the controller makes. */}}
{{- define "lectern.sealSecret" -}}
{{- printf "%s-seal" (include "lectern.fullname" .) }}
{{- end }}

{{- define "lectern.trialSecret" -}}
{{- printf "%s-trial" (include "lectern.fullname" .) }}
{{- end }}

{{- define "lectern.serverDatabaseSecret" -}}
{{- printf "%s-server-database" (include "lectern.fullname" .) }}
{{- end }}

{{/* The Secret of the servers' certificate; empty without TLS. */}}
{{- define "lectern.tlsSecret" -}}
{{- if .Values.tls.certManager.enabled }}
{{- printf "%s-tls" (include "lectern.fullname" .) }}
{{- else }}
{{- .Values.tls.existingSecret }}
{{- end }}
{{- end }}

{{/* The URL of the Service, without a path. */}}
{{- define "lectern.serviceURL" -}}
{{- printf "%s://%s.%s.svc" (ternary "https" "http" (not (empty (include "lectern.tlsSecret" .)))) (include "lectern.fullname" .) .Release.Namespace }}
{{- end }}

{{/* An image: a dict with repository, tag, digest; and the tag where it has none. */}}
{{- define "lectern.image" -}}
{{- if .image.digest -}}
{{ .image.repository }}{{ with .image.tag }}:{{ . }}{{ end }}@{{ .image.digest }}
{{- else -}}
{{ .image.repository }}:{{ .image.tag | default .tag }}
{{- end }}
{{- end }}

{{/* The names of the policies that are on, as a list. */}}
{{- define "lectern.policyNames" -}}
{{- range $policy := list "channels" "erasure" "finalizer" }}
{{- if (index $.Values.policies $policy).enabled }}
- {{ include "lectern.clusterName" $ }}-{{ $policy }}
{{- end }}
{{- end }}
{{- end }}

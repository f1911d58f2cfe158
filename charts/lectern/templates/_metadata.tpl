{{/* What selects the pods of a component: dict root, component. It never changes, since selectors cannot. */}}
{{- define "lectern.selectorLabels" -}}
app.kubernetes.io/name: {{ include "lectern.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/*
The metadata of an object: dict root, name, and as wanted component, labels, annotations, namespace. A cluster-scoped one has
namespace false.
*/}}
{{- define "lectern.metadata" -}}
name: {{ toYaml .name }}
{{- if not (kindIs "bool" .namespace) }}
namespace: {{ .namespace | default .root.Release.Namespace | toYaml }}
{{- end }}
labels:
  helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
  app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .root.Release.Service }}
  {{- include "lectern.selectorLabels" (dict "root" .root "component" (.component | default "shared")) | nindent 2 }}
  {{- with mergeOverwrite dict (.root.Values.commonLabels | default dict) (.labels | default dict) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with mergeOverwrite dict (.root.Values.commonAnnotations | default dict) (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The metadata of a component's pods: dict root, component, values (podLabels, podAnnotations). */}}
{{- define "lectern.podMetadata" -}}
labels:
  {{- include "lectern.selectorLabels" . | nindent 2 }}
  {{- with mergeOverwrite dict (.root.Values.commonLabels | default dict) (.values.podLabels | default dict) }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .values.podAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Whether Helm speaks to a cluster: one's kinds are known. `helm template` shows no hooks, since kubectl would run them. */}}
{{- define "lectern.hasCluster" -}}
{{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}true{{ end }}
{{- end }}

{{/* A duration of Go in whole seconds. */}}
{{- define "lectern.seconds" -}}
{{- $start := toDate "2006-01-02" "2026-01-01" }}
{{- sub (dateModify (printf "+%s" .) $start | unixEpoch | int64) ($start | unixEpoch | int64) }}
{{- end }}

{{/* A NetworkPolicy up to its rules: dict root, component. Whoever is not named by a rule is not let in, and nothing else is reached. */}}
{{- define "lectern.networkPolicy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "lectern.metadata" (merge (dict "name" (printf "%s-%s" (include "lectern.fullname" .root) .component)) .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "lectern.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end }}

{{/* A rule of egress: dict peers, ports. Without peers it is anywhere. */}}
{{- define "lectern.egressRule" -}}
- ports:
  {{- range .ports }}
  - {port: {{ int . }}, protocol: TCP}
  {{- end }}
  {{- with .peers }}
  to:
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* A peer that is a component of this release, as a YAML list: dict root, component. */}}
{{- define "lectern.componentPeer" -}}
- podSelector:
    matchLabels:
      {{- include "lectern.selectorLabels" . | nindent 6 }}
{{- end }}

{{- define "lectern.dnsEgress" -}}
- ports:
  {{- range $port := list 53 5353 }}
  {{- range $protocol := list "UDP" "TCP" }}
  - {port: {{ $port }}, protocol: {{ $protocol }}}
  {{- end }}
  {{- end }}
  {{- with .Values.networkPolicy.dns }}
  to:
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "lectern.apiServerEgress" -}}
{{- include "lectern.egressRule" (dict "peers" .Values.networkPolicy.apiServer "ports" .Values.networkPolicy.apiServerPorts) }}
{{- end }}

{{- define "lectern.databaseEgress" -}}
{{- if eq .Values.database.mode "trial" }}
{{- include "lectern.egressRule" (dict "peers" (include "lectern.componentPeer" (dict "root" . "component" "database") | fromYamlArray) "ports" (list 5432)) }}
{{- else }}
{{- include "lectern.egressRule" (dict "peers" .Values.networkPolicy.database "ports" .Values.networkPolicy.databasePorts) }}
{{- end }}
{{- end }}

{{/* What controller and servers reach: names, the API server, the database, the issuer, ServiceDesk Plus. */}}
{{- define "lectern.programEgress" -}}
{{- include "lectern.dnsEgress" . }}
{{ include "lectern.apiServerEgress" . }}
{{ include "lectern.databaseEgress" . }}
{{- if eq .Values.auth.mode "oidc" }}
{{ include "lectern.egressRule" (dict "peers" .Values.networkPolicy.issuer "ports" (list 443)) }}
{{- end }}
{{- if .Values.connections.namespaces }}
{{ include "lectern.egressRule" (dict "peers" .Values.networkPolicy.sdp "ports" .Values.networkPolicy.sdpPorts) }}
{{- end }}
{{- end }}

{{/* Who may read metrics, as a rule of ingress: a port. The kubelet's probes are let in by the network plugin itself. */}}
{{- define "lectern.metricsIngress" -}}
- ports: [{port: metrics, protocol: TCP}]
  {{- with .Values.networkPolicy.metricsClients }}
  from:
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

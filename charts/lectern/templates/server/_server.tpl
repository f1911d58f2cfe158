{{/* The arguments of servers, one a line. */}}
{{- define "lectern.serverArguments" -}}
server
--address=:{{ int .Values.server.ports.mcp }}
--metrics-address=:{{ int .Values.server.ports.metrics }}
--log-level={{ .Values.server.logLevel }}
{{- with .Values.watch.namespaces }}
--watch-namespaces={{ join "," . }}
{{- end }}
{{- include "lectern.egressArguments" . }}
{{ include "lectern.authenticationArguments" . }}
{{- with .Values.publicURL }}
--public-url={{ . }}
{{- end }}
{{- with .Values.allowedOrigins }}
--allowed-origins={{ join "," . }}
{{- end }}
{{- with .Values.trustedProxies }}
--trusted-proxies={{ join "," . }}
{{- end }}
--intake-public-key-file=/etc/lectern/intake/public.json
{{ include "lectern.auditArguments" . }}
--audit-required={{ ternary "nothing" .Values.audit.required (eq .Values.audit.store "off") }}
{{- if .Values.connections.namespaces }}
--seal-key-file=/etc/lectern/seal/keyset.json
--ticket-reads-per-second={{ .Values.limits.ticketReadsPerSecond }}
--ticket-writes-per-second={{ .Values.limits.ticketWritesPerSecond }}
{{- with .Values.keep }}
{{- with .lookups }}
--lookups={{ . }}
{{- end }}
{{- with .projectCache }}
--project-cache={{ . }}
{{- end }}
{{- with .writeIntents }}
--write-intents={{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- if include "lectern.tlsSecret" . }}
--tls-cert-file=/etc/lectern/tls/tls.crt
--tls-key-file=/etc/lectern/tls/tls.key
{{- end }}
{{- with .Values.limits }}
--prompts-per-second={{ .promptsPerSecond }}
--completions-per-second={{ .completionsPerSecond }}
--streams-per-caller={{ int .streamsPerCaller }}
--followed-resources-per-caller={{ int .followedResourcesPerCaller }}
--failed-authentications-per-second={{ .failedAuthenticationsPerSecond }}
--change-quota={{ int .changeQuota }}
--change-quota-per-namespace={{ int .changeQuotaPerNamespace }}
--result-limit={{ int .resultTokens }}
{{- end }}
{{- with .Values.server }}
--catalog-bytes={{ int64 .catalogBytes }}
{{- with .defaultNamespace }}
--default-namespace={{ . }}
{{- end }}
--drain-delay={{ .drainDelay }}
{{- end }}
{{- end }}

{{/* The arguments of the controller, one a line. */}}
{{- define "lectern.controllerArguments" -}}
{{- $name := printf "%s-controller" (include "lectern.fullname" .) }}
controller
--metrics-address=:{{ int .Values.controller.ports.metrics }}
--probe-address=:{{ int .Values.controller.ports.probes }}
--log-level={{ .Values.controller.logLevel }}
--leader-election-lease={{ $name }}
{{- with .Values.controller.leaderElection }}
--leader-election-lease-duration={{ .leaseDuration }}
--leader-election-renew-deadline={{ .renewDeadline }}
--leader-election-retry-period={{ .retryPeriod }}
{{- end }}
--owner-deployment={{ $name }}
{{- with .Values.watch.namespaces }}
--watch-namespaces={{ join "," . }}
{{- end }}
{{- with .Values.connections.namespaces }}
--connection-namespaces={{ join "," . }}
--seal-key-secret={{ include "lectern.sealSecret" $ }}
{{ include "lectern.auditArguments" $ | replace "--audit=memory" "--audit=off" }}
{{- end }}
{{- include "lectern.egressArguments" . }}
{{ include "lectern.authenticationArguments" . }}
--intake-key-secret={{ include "lectern.intakeSecret" . }}
{{ include "lectern.databaseSecretArguments" . }}
{{- with .Values.controller }}
--migrate={{ .migrate }}
--concurrency={{ int .concurrency }}
--max-versions-per-prompt={{ int .maxVersionsPerPrompt }}
--max-version-bytes-per-prompt={{ int64 .maxVersionBytesPerPrompt }}
--resync={{ .resync }}
--comparison-interval={{ .comparisonInterval }}
--comparison-grace={{ .comparisonGrace }}
--sweep-limit={{ int .sweepLimit }}
--audit-retention={{ .auditRetention }}
--release-timeout={{ .releaseTimeout }}
{{- end }}
{{- end }}

{{/* The arguments about Secrets of the database that the controller makes and reads, one a line. */}}
{{- define "lectern.databaseSecretArguments" -}}
{{- with .Values.database.serverRole }}
--server-role={{ . }}
{{- end }}
{{- if include "lectern.keepsServerAccount" . }}
--server-database-secret={{ include "lectern.serverDatabaseSecret" . }}
--server-login-roles={{ join "," .Values.database.serverLoginRoles }}
--server-password-interval={{ ternary .Values.database.serverPasswordInterval "0" .Values.database.manageRoles }}
{{- if not (and (eq .Values.database.mode "trial") .Values.database.trial.deleteData) }}
--keep-database-secrets
{{- end }}
{{- end }}
{{- if eq .Values.database.mode "trial" }}
--trial-secret={{ include "lectern.trialSecret" . }}
--database-password-secret={{ include "lectern.trialSecret" . }}/owner-password
{{- else if .Values.database.manageRoles }}
--server-first-passwords-secret={{ .Values.database.external.firstPasswordsSecret }}
{{- end }}
{{- end }}

{{- define "lectern.controllerMounts" -}}
{{- include "lectern.databaseMounts" (dict "root" . "component" "controller") }}
{{- if include "lectern.hasSpool" (dict "root" . "component" "controller") }}
{{ include "lectern.spoolMount" . }}
{{- end }}
{{- if include "lectern.hasIssuerCA" . }}
- {name: oidc, mountPath: /etc/lectern/oidc, readOnly: true}
{{- end }}
{{- with .Values.controller.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "lectern.controllerVolumes" -}}
{{- include "lectern.databaseVolumes" (dict "root" . "component" "controller") }}
{{- if include "lectern.hasSpool" (dict "root" . "component" "controller") }}
{{ include "lectern.spoolVolume" . }}
{{- end }}
{{- if include "lectern.hasIssuerCA" . }}
{{ include "lectern.issuerCAVolume" . }}
{{- end }}
{{- with .Values.controller.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/*
The rules in the release's own namespace, from a file that has the names of a kustomize installation: each resource name becomes
this release's, and what is not in use goes.
*/}}
{{- define "lectern.ownNamespaceRules" -}}
{{- $names := dict "lectern-controller" (printf "%s-controller" (include "lectern.fullname" .)) }}
{{- if not .Values.intake.existingSecret }}
{{- $_ := set $names "lectern-intake" (include "lectern.intakeSecret" .) }}
{{- end }}
{{- if .Values.connections.namespaces }}
{{- $_ := set $names "lectern-seal" (include "lectern.sealSecret" .) }}
{{- end }}
{{- if include "lectern.keepsServerAccount" . }}
{{- $_ := set $names "lectern-server-database" (include "lectern.serverDatabaseSecret" .) }}
{{- end }}
{{- if eq .Values.database.mode "trial" }}
{{- $_ := set $names "lectern-trial" (include "lectern.trialSecret" .) }}
{{- end }}
{{- range $rule := .Files.Get "files/rbac/controller-namespace-rules.yaml" | fromYamlArray }}
{{- if not $rule.resourceNames }}
{{ toYaml (list $rule) }}
{{- else }}
{{- $used := list }}
{{- range $rule.resourceNames }}
{{- $used = append $used (get $names .) }}
{{- end }}
{{- with without $used "" }}
{{ toYaml (list (merge (dict "resourceNames" .) $rule)) }}
{{- end }}
{{- end }}
{{- end }}
{{- $first := ternary .Values.database.external.firstPasswordsSecret "" (and (eq .Values.database.mode "external") .Values.database.manageRoles) }}
{{- with without (list .Values.intake.existingSecret $first) "" }}
- apiGroups: [""]
  resources: [secrets]
  resourceNames: {{ toJson . }}
  verbs: [get]
{{- end }}
{{- if .Values.watch.namespaces }}
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}
{{- end }}

{{/*
How a component reaches the database. Environment variables stand for flags (LECTERN_DATABASE_HOST for --database-host), so that
`kubectl exec deploy/…-controller -- lectern migrate …` needs none. Files are mounted as folders, never by subPath: a kubelet
renews those only.
*/}}

{{/* Whether the controller keeps the servers' account in a Secret of its own. */}}
{{- define "lectern.keepsServerAccount" -}}
{{- if or (eq .Values.database.mode "trial") .Values.database.manageRoles }}true{{ end }}
{{- end }}

{{- define "lectern.hasDatabaseCA" -}}
{{- if and (eq .Values.database.mode "external") (or .Values.database.external.ca.secretName .Values.database.external.ca.configMapName) }}true{{ end }}
{{- end }}

{{/* The Secret with a component's account, or with where its database is: dict root, component. */}}
{{- define "lectern.databaseAccountSecret" -}}
{{- $external := .root.Values.database.external }}
{{- $secret := (index $external .component).existingSecret }}
{{- if and (eq .component "server") .root.Values.database.manageRoles }}
{{- $secret | default $external.controller.existingSecret }}
{{- else }}
{{- $secret }}
{{- end }}
{{- end }}

{{/* The key with a connection string past a pooler; its name before 0.2.0 counts, too, until 0.4.0. */}}
{{- define "lectern.directURLKey" -}}
{{- $external := .Values.database.external }}
{{- $external.directURLKey | default $external.listenURLKey }}
{{- end }}

{{/* The key with a component's connection string, empty where it is in parts: dict root, component. */}}
{{- define "lectern.databaseURLKey" -}}
{{- (index .root.Values.database.external .component).urlKey }}
{{- end }}

{{/* Variables of a component: dict root, component. */}}
{{- define "lectern.databaseEnvironment" -}}
{{- $database := .root.Values.database }}
{{- $external := $database.external }}
{{- $urlKey := include "lectern.databaseURLKey" . }}
{{- $ownAccount := not (and (eq .component "server") (include "lectern.keepsServerAccount" .root)) }}
{{- if eq $database.mode "trial" }}
- name: LECTERN_DATABASE_HOST
  value: {{ include "lectern.fullname" .root }}-postgres
- name: LECTERN_DATABASE_NAME
  value: lectern
{{- if $ownAccount }}
- name: LECTERN_DATABASE_USER
  value: lectern
{{- end }}
{{- else if $urlKey }}
- name: LECTERN_DATABASE_URL_FILE
  value: /etc/lectern/database-url/url
{{- else }}
{{- $secret := include "lectern.databaseAccountSecret" . }}
{{- range $part := list "host" "port" "name" }}
- name: LECTERN_DATABASE_{{ upper $part }}
  {{- with index $external $part }}
  value: {{ . | toString | quote }}
  {{- else }}
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ index $external.keys $part | quote }}}}
  {{- end }}
{{- end }}
{{- if and $ownAccount (eq .component "controller") }}
- name: LECTERN_DATABASE_USER
  valueFrom: {secretKeyRef: {name: {{ $secret }}, key: {{ $external.keys.user | quote }}}}
- name: LECTERN_DATABASE_PASSWORD_FILE
  value: /etc/lectern/database/password
{{- end }}
{{- with $external.sslmode }}
- name: LECTERN_DATABASE_SSLMODE
  value: {{ . }}
{{- end }}
{{- end }}
{{- if and (eq .component "server") (or (include "lectern.keepsServerAccount" .root) (not $urlKey)) }}
- name: LECTERN_DATABASE_CREDENTIALS_FOLDER
  value: /etc/lectern/database
{{- end }}
{{- if include "lectern.hasDatabaseCA" .root }}
- name: LECTERN_DATABASE_CA_FILE
  value: /etc/lectern/database-ca/ca.crt
{{- end }}
{{- if and (eq $database.mode "external") $urlKey (include "lectern.directURLKey" .root) }}
- name: LECTERN_DATABASE_LISTEN_URL_FILE
  value: /etc/lectern/database-url/listen-url
{{- end }}
- name: LECTERN_DATABASE_POOL_SIZE
  value: {{ int $database.poolSize | quote }}
- name: LECTERN_DATABASE_IDLE_TIMEOUT
  value: {{ $database.idleTimeout }}
- name: LECTERN_DATABASE_CONNECT_TIMEOUT
  value: {{ $database.connectTimeout }}
- name: LECTERN_DATABASE_CONNECTION_LIFETIME
  value: {{ $database.connectionLifetime }}
- name: LECTERN_DATABASE_PREPARED_STATEMENTS
  value: {{ $database.preparedStatements }}
{{- end }}

{{/* Mounts of a component: dict root, component. */}}
{{- define "lectern.databaseMounts" -}}
{{- range include "lectern.databaseVolumes" . | fromYamlArray }}
- {name: {{ .name }}, mountPath: /etc/lectern/{{ .name }}, readOnly: true}
{{- end }}
{{- end }}

{{/* Volumes of a component, each mounted under its name: dict root, component. */}}
{{- define "lectern.databaseVolumes" -}}
{{- $external := .root.Values.database.external }}
{{- $isExternal := eq .root.Values.database.mode "external" }}
{{- $urlKey := ternary (include "lectern.databaseURLKey" .) "" $isExternal }}
{{- $secret := include "lectern.databaseAccountSecret" . }}
{{- if and (eq .component "server") (include "lectern.keepsServerAccount" .root) }}
- name: database
  secret:
    secretName: {{ include "lectern.serverDatabaseSecret" .root }}
    items: [{key: user, path: user}, {key: password, path: password}]
{{- else if and $isExternal (not $urlKey) }}
- name: database
  secret:
    secretName: {{ $secret }}
    items: [{key: {{ $external.keys.user | quote }}, path: user}, {key: {{ $external.keys.password | quote }}, path: password}]
{{- end }}
{{- if $urlKey }}
- name: database-url
  secret:
    secretName: {{ $secret }}
    items:
    - {key: {{ $urlKey | quote }}, path: url}
    {{- with include "lectern.directURLKey" .root }}
    - {key: {{ . | quote }}, path: listen-url}
    {{- end }}
{{- end }}
{{- if include "lectern.hasDatabaseCA" .root }}
- name: database-ca
  {{- with $external.ca.secretName }}
  secret: {secretName: {{ . }}, items: [{key: {{ $external.ca.key | quote }}, path: ca.crt}]}
  {{- else }}
  configMap: {name: {{ $external.ca.configMapName }}, items: [{key: {{ $external.ca.key | quote }}, path: ca.crt}]}
  {{- end }}
{{- end }}
{{- end }}

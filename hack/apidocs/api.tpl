{{- define "gvList" -}}
# The custom resources

What `kubectl explain` says, in one page, written by `make generate` from `api/`. How a prompt behaves is in
[architecture.md](architecture.md), samples are in [config/samples](../config/samples).
{{- range . }}{{ template "gvDetails" . }}{{ end -}}
{{- end -}}

{{- define "gvDetails" }}

## {{ .GroupVersionString }}

Resources:{{ range .SortedKinds }} {{ $.TypeForKind . | markdownRenderTypeLink }}{{ end }}
{{ range .SortedTypes }}{{ template "type" . }}{{ end -}}
{{- end -}}

{{- define "type" }}
{{- if markdownShouldRenderType . }}
### {{ .Name }}

{{ .Doc }}
{{ if .References }}
In:{{ range .SortedReferences }} {{ markdownRenderTypeLink . }}{{ end }}
{{ end -}}
{{ if .Members }}
| Field | Type | What it is | Rules |
| --- | --- | --- | --- |
{{ if .GVK -}}
| `apiVersion` | string | `{{ .GVK.Group }}/{{ .GVK.Version }}` | required |
| `kind` | string | `{{ .GVK.Kind }}` | required |
{{ end -}}
{{ range .Members -}}
| `{{ .Name }}` | {{ markdownRenderType .Type }} | {{ .Doc | replace "|" "\\|" | replace "\n" " " }} | {{ template "rules" . }} |
{{ end -}}
{{ end -}}
{{ if .EnumValues }}
| Value | What it is |
| --- | --- |
{{ range .EnumValues -}}
| `{{ .Name }}` | {{ .Doc | trim | replace "|" "\\|" | replace "\n" " " }} |
{{ end -}}
{{ end -}}
{{ end -}}
{{- end -}}

{{- define "rules" -}}
{{- $rules := list -}}
{{- range .Validation -}}
{{- if hasPrefix "Required" . -}}{{ $rules = append $rules "required" -}}
{{- else if not (hasPrefix "Optional" .) -}}{{ $rules = append $rules (printf "`%s`" (. | replace "`" "" | replace "9.007199254740991e+15" "9007199254740991" | replace "|" "\\|")) -}}
{{- end -}}
{{- end -}}
{{ join ", " $rules }}
{{- end -}}

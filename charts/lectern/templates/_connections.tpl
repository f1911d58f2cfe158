{{/* The arguments of controller and servers about where credentials of connections may go, one a line. */}}
{{- define "lectern.egressArguments" -}}
{{- with .Values.sdp.allowedHosts }}
--sdp-allowed-hosts={{ join "," . }}
{{- end }}
{{- with .Values.sdp.proxy }}
--sdp-proxy={{ . }}
{{- end }}
{{- with .Values.sdp.clusterCIDRs }}
--cluster-cidrs={{ join "," . }}
{{- end }}
{{- end }}

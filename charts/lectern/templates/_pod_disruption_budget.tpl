{{/* The PodDisruptionBudget of a component: dict root, component. A pod that is not ready never holds up a drain. */}}
{{- define "lectern.podDisruptionBudget" -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "lectern.metadata" (merge (dict "name" (printf "%s-%s" (include "lectern.fullname" .root) .component)) .) | nindent 2 }}
spec:
  maxUnavailable: {{ (index .root.Values .component).podDisruptionBudget.maxUnavailable }}
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "lectern.selectorLabels" . | nindent 6 }}
{{- end }}

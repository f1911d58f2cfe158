package changes

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

// FieldManager is who writes for agents.
const FieldManager = "lectern-mcp"

// The values of lectern.dev/agents, with which an owner lets agents in.
const (
	agentsAll      = "all"
	agentsChannels = "channels"
)

// ownerOf names who keeps an object, in words for the refused, or is empty when the request is agents' to make.
func ownerOf(p *v1alpha1.Prompt, request store.ChangeRequest) string {
	switch p.Annotations[v1alpha1.AgentsAnnotation] {
	case agentsAll:
		return ""
	case agentsChannels:
		if movesChannelOnly(request) {
			return managers(p.ManagedFields, "f:channels")
		}
	}
	if owner := tracker(p); owner != "" {
		return owner
	}
	return managers(p.ManagedFields, "")
}

func movesChannelOnly(request store.ChangeRequest) bool {
	edit := request.Edit
	if request.Action != store.ActionUpdate || edit.Channel == nil {
		return false
	}
	edit.Channel = nil
	rest, err := json.Marshal(edit)
	return err == nil && string(rest) == "{}"
}

// tracker is the tool that says in the object's labels or annotations that it keeps it.
func tracker(p *v1alpha1.Prompt) string {
	if id := p.Annotations["argocd.argoproj.io/tracking-id"]; id != "" {
		return fmt.Sprintf("Argo CD (%s)", id)
	}
	for _, label := range slices.Sorted(maps.Keys(p.Labels)) {
		if domain, is := strings.CutSuffix(label, ".toolkit.fluxcd.io/name"); is {
			return fmt.Sprintf("Flux (%s %s)", domain, p.Labels[label])
		}
	}
	if release := p.Annotations["meta.helm.sh/release-name"]; release != "" {
		return fmt.Sprintf("Helm (release %s)", release)
	}
	if p.Labels["app.kubernetes.io/managed-by"] == "Helm" {
		return "Helm"
	}
	if _, applied := p.Annotations["kubectl.kubernetes.io/last-applied-configuration"]; applied {
		return "kubectl apply"
	}
	return ""
}

// managers are those beside ours that own the field of the spec, or any field of it, by the API server's account.
func managers(entries []metav1.ManagedFieldsEntry, field string) string {
	var names []string
	for _, e := range entries {
		if e.Manager != FieldManager && e.Subresource == "" && ownsSpec(e.FieldsV1, field) && !slices.Contains(names, e.Manager) {
			names = append(names, e.Manager)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func ownsSpec(fields *metav1.FieldsV1, field string) bool {
	if fields == nil {
		return false
	}
	var owned struct {
		Spec map[string]json.RawMessage `json:"f:spec"`
	}
	if json.Unmarshal(fields.GetRawBytes(), &owned) != nil {
		return true // what cannot be read is not ours to take
	}
	if field == "" {
		return owned.Spec != nil
	}
	return owned.Spec[field] != nil
}

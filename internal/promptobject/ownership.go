package promptobject

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/store"
)

// AgentFieldManager is the field manager of what agents ask for: fields it manages are not another's.
const AgentFieldManager = "lectern-mcp"

// The labels and annotations by which other tools say that they keep an object.
const (
	argoTrackingID      = "argocd.argoproj.io/tracking-id"
	fluxNameSuffix      = ".toolkit.fluxcd.io/name"
	fluxNamespaceSuffix = ".toolkit.fluxcd.io/namespace"
	helmReleaseName     = "meta.helm.sh/release-name"
	managedByLabel      = "app.kubernetes.io/managed-by"
	kubectlLastApplied  = "kubectl.kubernetes.io/last-applied-configuration"
)

// RefusingOwner names who keeps an object to themselves against a change request of an agent, in words for the agent.
// It is empty when the request may be carried out: nobody else keeps the object, or they let agents in by its
// annotation lectern.dev/agents.
func RefusingOwner(p *v1alpha1.Prompt, request store.ChangeRequest) string {
	switch p.Annotations[v1alpha1.AgentsAnnotation] {
	case v1alpha1.AgentsMayEditAll:
		return ""
	case v1alpha1.AgentsMayMoveChannels:
		if movesChannelOnly(request) {
			return otherManagers(p.ManagedFields, specPath("channels"))
		}
	}
	return cmp.Or(trackerOf(p).words, otherManagers(p.ManagedFields, specPath()))
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

// tracker is a tool that keeps an object in step with a source of its own.
type tracker struct {
	// words name it for people.
	words string
	// gitSource is what a version remembers of where it came from; empty for tools that do not read Git.
	gitSource string
}

// trackerOf finds the tool that says in an object's labels or annotations that it keeps it.
func trackerOf(p *v1alpha1.Prompt) tracker {
	if id := p.Annotations[argoTrackingID]; id != "" {
		return tracker{words: "Argo CD (" + excerpt.Truncate(id, 200) + ")", gitSource: "argocd:" + id}
	}
	if kind, is := fluxKind(p.Labels); is {
		name := p.Labels[kind+fluxNameSuffix]
		return tracker{
			words:     "Flux (" + excerpt.Truncate(kind, 200) + " " + name + ")",
			gitSource: "flux-" + kind + ":" + p.Labels[kind+fluxNamespaceSuffix] + "/" + name,
		}
	}
	if release := p.Annotations[helmReleaseName]; release != "" {
		return tracker{words: "Helm (release " + excerpt.Truncate(release, 200) + ")"}
	}
	if p.Labels[managedByLabel] == "Helm" {
		return tracker{words: "Helm"}
	}
	if _, applied := p.Annotations[kubectlLastApplied]; applied {
		return tracker{words: "kubectl apply"}
	}
	return tracker{}
}

// fluxKind gives the kind of Flux object that labelled the object: kustomize, helm or another. What both a
// Kustomization and a HelmRelease labelled is the Kustomization's.
func fluxKind(labels map[string]string) (kind string, is bool) {
	if _, is := labels["kustomize"+fluxNameSuffix]; is {
		return "kustomize", true
	}
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if kind, is := strings.CutSuffix(label, fluxNameSuffix); is {
			return kind, true
		}
	}
	return "", false
}

// specPath returns the path of the spec, or of a field in it.
func specPath(field ...any) fieldpath.Path {
	return fieldpath.MakePathOrDie(append([]any{"spec"}, field...)...)
}

// otherManagers names the field managers beside AgentFieldManager that own a path or anything below it, by the API
// server's account (KEP-555).
func otherManagers(entries []metav1.ManagedFieldsEntry, path fieldpath.Path) string {
	var names []string
	for _, e := range entries {
		if e.Manager == AgentFieldManager || e.Subresource != "" || e.FieldsV1 == nil || slices.Contains(names, e.Manager) {
			continue
		}
		// Whoever owns what cannot be read may own the path.
		if fields, err := readFields(e.FieldsV1); err != nil || ownsPath(fields, path) {
			names = append(names, e.Manager)
		}
	}
	slices.Sort(names)
	return excerpt.List(names, ", ")
}

// agentsOwn reports whether AgentFieldManager owns a path or anything below it.
func agentsOwn(entries []metav1.ManagedFieldsEntry, path fieldpath.Path) bool {
	return slices.ContainsFunc(entries, func(e metav1.ManagedFieldsEntry) bool {
		if e.Manager != AgentFieldManager || e.Subresource != "" || e.FieldsV1 == nil {
			return false
		}
		fields, err := readFields(e.FieldsV1)
		return err == nil && ownsPath(fields, path)
	})
}

// lastSpecManager names the field manager that changed the spec last, an agent's among them. Times are whole seconds; of two
// in the same one it is the one that is no agent's.
func lastSpecManager(entries []metav1.ManagedFieldsEntry) string {
	var last metav1.ManagedFieldsEntry
	for _, e := range entries {
		if e.Subresource != "" || e.FieldsV1 == nil || e.Time == nil {
			continue
		}
		if fields, err := readFields(e.FieldsV1); err != nil || !ownsPath(fields, specPath()) {
			continue
		}
		if last.Time == nil || last.Time.Before(e.Time) || last.Time.Equal(e.Time) && last.Manager == AgentFieldManager {
			last = e
		}
	}
	return last.Manager
}

func readFields(owned *metav1.FieldsV1) (*fieldpath.Set, error) {
	fields := &fieldpath.Set{}
	return fields, fields.FromJSON(bytes.NewReader(owned.GetRawBytes()))
}

// ownsPath says whether a path or anything below it is in the set.
func ownsPath(fields *fieldpath.Set, path fieldpath.Path) bool {
	if fields.Has(path) {
		return true
	}
	for _, element := range path {
		fields = fields.WithPrefix(element)
	}
	return !fields.Empty()
}

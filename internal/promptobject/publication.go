package promptobject

import (
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// DefaultNamespace is where an object without a namespace goes, as with kubectl.
const DefaultNamespace = "default"

// KeyOf returns the id of an object's prompt.
func KeyOf(p *v1alpha1.Prompt) store.Key {
	return store.Key{Namespace: p.Namespace, Name: p.Name}
}

// SpecOf returns what the compiler takes of a manifest.
func SpecOf(written *v1alpha1.PromptSpec) prompt.Spec {
	spec := prompt.Spec{
		Title:       written.Title,
		Description: written.Description,
		Category:    written.Category,
		Tags:        written.Tags,
		Syntax:      prompt.Syntax(written.Syntax),
	}
	if written.Metadata != nil {
		spec.Metadata = written.Metadata.Raw
	}
	if written.Arguments != nil {
		spec.Arguments = make([]prompt.Declaration, 0, len(written.Arguments))
	}
	for _, a := range written.Arguments {
		spec.Arguments = append(spec.Arguments, prompt.Declaration{
			Name: a.Name, Description: a.Description, Type: prompt.Type(a.Type),
			Enum: a.Enum, Default: a.Default, Required: a.Required,
		})
	}
	if written.Text != "" {
		spec.Messages = []prompt.Message{{Role: prompt.User, Text: written.Text}}
	}
	for _, m := range written.Messages {
		spec.Messages = append(spec.Messages, prompt.Message{Role: prompt.Role(m.Role), Text: m.Text})
	}
	return spec
}

// IncludedNames returns the names of the prompts an object includes, each once.
func IncludedNames(p *v1alpha1.Prompt) []string { return prompt.IncludedNames(SpecOf(&p.Spec)) }

// PublicationOf returns everything a publish says of an object. historyLimit is used where the object
// does not state one.
func PublicationOf(p *v1alpha1.Prompt, compiled *prompt.Compiled, historyLimit int) store.Publication {
	pub := store.Publication{
		Key:          KeyOf(p),
		Owner:        store.Owner{UID: string(p.UID), Generation: p.Generation},
		Labels:       p.Labels,
		Exposure:     store.Listed,
		Retain:       RetainsTexts(p),
		HistoryLimit: historyLimit,
		Compiled:     compiled,
		Provenance:   provenanceOf(p),
		Withdrawn:    p.Spec.WithdrawnVersions,
		LastObserved: store.LastObserved{Version: p.Status.Version, Digest: prompt.Digest(p.Status.Digest)},
	}
	if p.Spec.Exposure != "" {
		pub.Exposure = store.Exposure(p.Spec.Exposure)
	}
	if p.Spec.HistoryLimit != nil {
		pub.HistoryLimit = int(*p.Spec.HistoryLimit)
	}
	for _, c := range p.Spec.Channels {
		rule := store.ChannelRule{Name: c.Name}
		if c.Version != nil {
			rule.Version = *c.Version
		}
		pub.Channels = append(pub.Channels, rule)
	}
	return pub
}

// NewObject returns a manifest of that spec, as a person would begin one: the default namespace is not stated.
func NewObject(key store.Key, spec v1alpha1.PromptSpec) *v1alpha1.Prompt {
	p := &v1alpha1.Prompt{Spec: spec}
	p.Name = key.Name
	if key.Namespace != DefaultNamespace {
		p.Namespace = key.Namespace
	}
	return p
}

// RetainsTexts says that the texts stay when the object goes.
func RetainsTexts(p *v1alpha1.Prompt) bool {
	return p.Spec.DeletionPolicy == v1alpha1.DeletionPolicyRetain
}

// AuthorOf returns the subject of the change request whose edit made the spec of an object what it is at its present
// generation, or "". What the object says of itself is not asked, since whoever may annotate it could name anybody: the request
// is from the store, it was written at this generation, and the API server's account says that the edited fields have been the
// agents' since (KEP-555). An edit that found everything as it asks is no write.
func AuthorOf(p *v1alpha1.Prompt, change *store.AppliedChange) string {
	if change == nil || change.Generation != p.Generation {
		return ""
	}
	for _, path := range editedPaths(change) {
		if agentsOwn(p.ManagedFields, path) {
			return change.Subject
		}
	}
	return ""
}

// editedPaths returns the fields of an object that a request writes.
func editedPaths(change *store.AppliedChange) []fieldpath.Path {
	if change.Action == store.ActionAdd {
		return []fieldpath.Path{specPath()}
	}
	edit := &change.Edit
	var paths []fieldpath.Path
	for _, field := range []struct {
		edited bool
		names  []string
	}{
		{edit.Title != nil, []string{"title"}},
		{edit.Description != nil, []string{"description"}},
		{edit.Category != nil, []string{"category"}},
		{edit.Content != nil, []string{"text", "messages"}},
		{edit.IsTemplate != nil, []string{"syntax"}},
		{edit.Tags != nil, []string{"tags"}},
		{edit.Metadata != nil, []string{"metadata"}},
		{edit.Channel != nil, []string{"channels"}},
		{edit.Withdraw != 0, []string{"withdrawnVersions"}},
	} {
		for _, name := range field.names {
			if field.edited {
				paths = append(paths, specPath(name))
			}
		}
	}
	return paths
}

// provenanceOf returns where the spec came from, as far as the object tells, without who asked for it.
func provenanceOf(p *v1alpha1.Prompt) store.Provenance {
	return store.Provenance{
		Manager:        lastSpecManager(p.ManagedFields),
		Tracking:       trackerOf(p).gitSource,
		SourceRevision: p.Annotations[v1alpha1.SourceRevisionAnnotation],
		Message:        p.Annotations[v1alpha1.ChangeMessageAnnotation],
	}
}

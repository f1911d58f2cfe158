package promptobject

import (
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

// provenanceOf returns where the spec came from, as far as the object tells.
func provenanceOf(p *v1alpha1.Prompt) store.Provenance {
	return store.Provenance{
		Manager:        lastSpecManager(p.ManagedFields),
		Tracking:       trackerOf(p).gitSource,
		SourceRevision: p.Annotations[v1alpha1.SourceRevisionAnnotation],
		Message:        p.Annotations[v1alpha1.ChangeMessageAnnotation],
		ChangedBy:      p.Annotations[v1alpha1.ChangedByAnnotation],
	}
}

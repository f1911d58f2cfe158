package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"go.yaml.in/yaml/v3"
	kjson "sigs.k8s.io/json"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// Manifest is a Prompt as it stands in a file.
type Manifest struct {
	// Place is where its first field stands.
	Place
	// Prompt is what was read, with its namespace filled in. It is complete only when no Problem that
	// is no Warning was reported for the manifest.
	Prompt *v1alpha1.Prompt

	Document *Document
	Node     *yaml.Node
	Object   map[string]any
}

// Key returns the id of the manifest's prompt.
func (m *Manifest) Key() store.Key { return promptobject.KeyOf(m.Prompt) }

// ParseManifests finds the Prompts among the documents of a file. The problems are those that keep documents from being
// read; foreign ones are of files that have nothing to do with Lectern.
func ParseManifests(file string, content []byte) (found []*Manifest, problems, foreign []Problem) {
	p := parseFile(file, content, maxFileProblems)
	return p.manifests, p.problems.list(file), p.foreign
}

// lecternGroup is the group of every kind of Lectern's.
var lecternGroup = v1alpha1.GroupVersion.Group

// groupOf returns the group of the API version of an object.
func groupOf(fields map[string]any) string {
	version, _ := fields["apiVersion"].(string)
	group, _, _ := strings.Cut(version, "/")
	return group
}

// asManifest takes the object for a Prompt, passes over what is not Lectern's, and refuses what claims to be
// Lectern's and is not.
func (o object) asManifest() (*Manifest, *Problem) {
	version, _ := o.fields["apiVersion"].(string)
	named, _ := o.fields["kind"].(string)
	at := func(field, format string, args ...any) *Problem {
		p := o.document.problemAt(Locate(o.node, field).reportedNode(), fmt.Sprintf(format, args...))
		return &p
	}
	switch {
	case !strings.EqualFold(groupOf(o.fields), lecternGroup):
		if named != v1alpha1.PromptKind {
			return nil, nil
		}
		if version == "" {
			return nil, at("apiVersion", "apiVersion is missing; write apiVersion: %s", v1alpha1.GroupVersion)
		}
		return nil, at("apiVersion", "apiVersion %q is not Lectern's; write %s", version, v1alpha1.GroupVersion)
	case version != v1alpha1.GroupVersion.String():
		return nil, at("apiVersion", "apiVersion %q does not exist; write %s", version, v1alpha1.GroupVersion)
	case named == "":
		return nil, at("kind", "kind is missing; write kind: %s", v1alpha1.PromptKind)
	case named != v1alpha1.PromptKind:
		return nil, at("kind", "kind %q does not exist in %s; write kind: %s", named, version, v1alpha1.PromptKind)
	}
	if _, isList := o.fields["items"]; isList {
		return nil, at("items", "kubectl takes an object with items for a list, and applies nothing of it; remove items")
	}
	m := &Manifest{
		Place:    o.document.placeOf(o.node),
		Document: o.document, Node: o.node, Object: o.fields,
		Prompt: &v1alpha1.Prompt{},
	}
	m.decodePrompt()
	return m, nil
}

// decodePrompt fills Prompt as far as the object allows: the name is wanted even of an invalid manifest, and the spec where
// only the status is wrong, which no one serves.
func (m *Manifest) decodePrompt() {
	if !decodeFields(m.Object, m.Prompt) {
		withoutStatus := maps.Clone(m.Object)
		delete(withoutStatus, "status")
		m.Prompt = &v1alpha1.Prompt{}
		if !decodeFields(withoutStatus, m.Prompt) {
			meta, _ := m.Object["metadata"].(map[string]any)
			name, _ := meta["name"].(string)
			namespace, _ := meta["namespace"].(string)
			m.Prompt = &v1alpha1.Prompt{}
			m.Prompt.Name, m.Prompt.Namespace = name, namespace
		}
	}
	if m.Prompt.Namespace == "" {
		m.Prompt.Namespace = promptobject.DefaultNamespace
	}
}

// decodeFields says whether the fields of an object can be read as a Prompt, into which they are read.
func decodeFields(fields map[string]any, into *v1alpha1.Prompt) bool {
	text, err := json.Marshal(fields)
	return err == nil && kjson.UnmarshalCaseSensitivePreserveInts(text, into) == nil
}

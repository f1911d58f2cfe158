package manifest

import (
	"encoding/json"
	"fmt"
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

// parseDocuments parses the documents of a file that hold something. Foreign is why others, which look like nothing
// of Lectern's, cannot.
func parseDocuments(file string, content []byte) (read []*Document, problems, foreign []Problem) {
	all, refused := SplitDocuments(file, content)
	if refused != nil {
		return nil, []Problem{*refused}, nil
	}
	for _, d := range all {
		switch problem := d.Parse(); {
		case problem == nil && d.Root != nil:
			read = append(read, d)
		case problem != nil && d.mentionsLectern():
			problems = append(problems, *problem)
		case problem != nil:
			foreign = append(foreign, *problem)
		}
	}
	return read, problems, foreign
}

// ParseManifests finds the Prompts among the documents of a file.
func ParseManifests(file string, content []byte) (found []*Manifest, problems, foreign []Problem) {
	read, problems, foreign := parseDocuments(file, content)
	for _, d := range read {
		for _, candidate := range d.candidates() {
			m, problem := candidate.asManifest()
			if problem != nil {
				problems = append(problems, *problem)
			}
			if m != nil {
				found = append(found, m)
			}
		}
	}
	return found, problems, foreign
}

// candidate is an object of any kind.
type candidate struct {
	document *Document
	node     *yaml.Node
	object   map[string]any
}

// candidates lists the one in the document, or those of the List it is.
func (d *Document) candidates() []candidate {
	object, ok := d.Value.(map[string]any)
	if !ok {
		return nil
	}
	name, _ := object["kind"].(string)
	items, isList := object["items"].([]any)
	if !isList || !strings.HasSuffix(name, "List") {
		return []candidate{{document: d, node: d.Root, object: object}}
	}
	var all []candidate
	for i, item := range items {
		if object, ok := item.(map[string]any); ok {
			all = append(all, candidate{document: d, node: ResolveAlias(Locate(d.Root, fmt.Sprintf("items[%d]", i)).Value), object: object})
		}
	}
	return all
}

// asManifest takes the object for a Prompt, passes over what is not Lectern's, and refuses what claims to be
// Lectern's and is not.
func (c candidate) asManifest() (*Manifest, *Problem) {
	version, _ := c.object["apiVersion"].(string)
	named, _ := c.object["kind"].(string)
	at := func(field, format string, args ...any) *Problem {
		p := c.document.problemAt(Locate(c.node, field).reportedNode(), fmt.Sprintf(format, args...))
		return &p
	}
	group, _, _ := strings.Cut(version, "/")
	switch {
	case !strings.EqualFold(group, v1alpha1.GroupVersion.Group):
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
	m := &Manifest{
		Place:    c.document.placeOf(c.node),
		Document: c.document, Node: c.node, Object: c.object,
		Prompt: &v1alpha1.Prompt{},
	}
	m.decodePrompt()
	return m, nil
}

// decodePrompt fills Prompt as far as the object allows: the name is wanted even of an invalid manifest.
func (m *Manifest) decodePrompt() {
	text, err := json.Marshal(m.Object)
	if err != nil || kjson.UnmarshalCaseSensitivePreserveInts(text, m.Prompt) != nil {
		meta, _ := m.Object["metadata"].(map[string]any)
		name, _ := meta["name"].(string)
		namespace, _ := meta["namespace"].(string)
		m.Prompt = &v1alpha1.Prompt{}
		m.Prompt.Name, m.Prompt.Namespace = name, namespace
	}
	if m.Prompt.Namespace == "" {
		m.Prompt.Namespace = promptobject.DefaultNamespace
	}
}

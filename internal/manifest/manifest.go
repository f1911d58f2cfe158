package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/promptobject"
)

// Manifest is a Prompt as it stands in a file.
type Manifest struct {
	Source
	// Prompt is what was read, with its namespace filled in. It is complete only when no Problem that
	// is no Warning was reported for the manifest.
	Prompt *v1alpha1.Prompt
}

// ConnectionManifest is an SDPConnection as it stands in a file.
type ConnectionManifest struct {
	Source
	// Connection is what was read, as complete as Manifest.Prompt is.
	Connection *v1alpha1.SDPConnection
}

// ParseManifests finds the Prompts among the documents of a file. The problems are those that keep documents from being
// read; foreign ones are of files that have nothing to do with Lectern.
func ParseManifests(file string, content []byte) (found []*Manifest, problems, foreign []Problem) {
	p := parseFile(file, content, maxFileProblems)
	return p.manifests, p.problems.list(file), p.foreign
}

// lecternGroup is the group of every kind of Lectern's.
var lecternGroup = v1alpha1.GroupVersion.Group

// lecternKinds are those kinds.
var lecternKinds = []string{v1alpha1.PromptKind, v1alpha1.SDPConnectionKind}

func isLecternKind(kind string) bool { return slices.Contains(lecternKinds, kind) }

// kindOf returns the kind of an object.
func kindOf(fields map[string]any) string {
	kind, _ := fields["kind"].(string)
	return kind
}

// groupOf returns the group of the API version of an object.
func groupOf(fields map[string]any) string {
	version, _ := fields["apiVersion"].(string)
	group, _, _ := strings.Cut(version, "/")
	return group
}

// asSource takes the object for one of Lectern's, passes over what is not Lectern's, and refuses what claims to be
// Lectern's and is not.
func (o object) asSource() (*Source, *Problem) {
	version, _ := o.fields["apiVersion"].(string)
	named := kindOf(o.fields)
	at := func(field, format string, args ...any) *Problem {
		p := o.document.problemAt(Locate(o.node, field).reportedNode(), fmt.Sprintf(format, args...))
		return &p
	}
	kinds := strings.Join(lecternKinds, " or ")
	switch {
	case !strings.EqualFold(groupOf(o.fields), lecternGroup):
		if !isLecternKind(named) {
			return nil, nil
		}
		if version == "" {
			return nil, at("apiVersion", "apiVersion is missing; write apiVersion: %s", v1alpha1.GroupVersion)
		}
		return nil, at("apiVersion", "apiVersion %q is not Lectern's; write %s", version, v1alpha1.GroupVersion)
	case version != v1alpha1.GroupVersion.String():
		return nil, at("apiVersion", "apiVersion %q does not exist; write %s", version, v1alpha1.GroupVersion)
	case named == "":
		return nil, at("kind", "kind is missing; write kind: %s", kinds)
	case !isLecternKind(named):
		return nil, at("kind", "kind %q does not exist in %s; write kind: %s", named, version, kinds)
	}
	if _, isList := o.fields["items"]; isList {
		return nil, at("items", "kubectl takes an object with items for a list, and applies nothing of it; remove items")
	}
	return &Source{Place: o.document.placeOf(o.node), Document: o.document, Node: o.node, Object: o.fields, kind: named}, nil
}

func newManifest(source Source) *Manifest {
	m := &Manifest{Source: source, Prompt: decodeObject[v1alpha1.Prompt](source.Object)}
	m.key = promptobject.KeyOf(m.Prompt)
	return m
}

func newConnectionManifest(source Source) *ConnectionManifest {
	m := &ConnectionManifest{Source: source, Connection: decodeObject[v1alpha1.SDPConnection](source.Object)}
	m.key = connectionobject.KeyOf(m.Connection)
	return m
}

// decodeObject reads the fields of an object as its kind, as far as they allow, and fills the namespace in. The name is wanted
// even of an invalid manifest, and the spec where only the status is wrong, which no one serves.
func decodeObject[T any, P interface {
	*T
	metav1.Object
}](fields map[string]any) P {
	decoded := P(new(T))
	if !decodeFields(fields, decoded) {
		withoutStatus := maps.Clone(fields)
		delete(withoutStatus, "status")
		decoded = new(T)
		if !decodeFields(withoutStatus, decoded) {
			meta, _ := fields["metadata"].(map[string]any)
			name, _ := meta["name"].(string)
			namespace, _ := meta["namespace"].(string)
			decoded = new(T)
			decoded.SetNamespace(namespace)
			decoded.SetName(name)
		}
	}
	if decoded.GetNamespace() == "" {
		decoded.SetNamespace(promptobject.DefaultNamespace)
	}
	return decoded
}

// decodeFields says whether the fields of an object can be read as a kind, into which they are read.
func decodeFields(fields map[string]any, into any) bool {
	text, err := json.Marshal(fields)
	return err == nil && kjson.UnmarshalCaseSensitivePreserveInts(text, into) == nil
}

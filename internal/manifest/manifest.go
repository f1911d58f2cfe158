package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
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
	named, _ := o.fields["kind"].(string)
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
	m := &Manifest{Source: source, Prompt: &v1alpha1.Prompt{}}
	if !m.decode(m.Prompt) {
		m.Prompt = &v1alpha1.Prompt{}
		m.Prompt.Namespace, m.Prompt.Name = m.writtenName()
	}
	m.identify(&m.Prompt.ObjectMeta)
	return m
}

func newConnectionManifest(source Source) *ConnectionManifest {
	m := &ConnectionManifest{Source: source, Connection: &v1alpha1.SDPConnection{}}
	if !m.decode(m.Connection) {
		m.Connection = &v1alpha1.SDPConnection{}
		m.Connection.Namespace, m.Connection.Name = m.writtenName()
	}
	m.identify(&m.Connection.ObjectMeta)
	return m
}

// decode reads the object as far as it allows: the name is wanted even of an invalid manifest, and the spec where only the
// status is wrong, which no one serves.
func (s *Source) decode(into any) bool {
	if decodeFields(s.Object, into) {
		return true
	}
	withoutStatus := maps.Clone(s.Object)
	delete(withoutStatus, "status")
	return decodeFields(withoutStatus, into)
}

// identify fills the namespace in, and remembers the key.
func (s *Source) identify(meta *metav1.ObjectMeta) {
	if meta.Namespace == "" {
		meta.Namespace = promptobject.DefaultNamespace
	}
	s.key = store.Key{Namespace: meta.Namespace, Name: meta.Name}
}

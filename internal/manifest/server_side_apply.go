package manifest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/kube-openapi/pkg/validation/spec"
	"sigs.k8s.io/structured-merge-diff/v6/typed"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// newApplyTypes compiles the types by which server-side apply reads an object.
func newApplyTypes(named string, structural *structuralschema.Structural) (managedfields.TypeConverter, error) {
	schema := structural.ToKubeOpenAPI()
	kind := v1alpha1.GroupVersion.WithKind(named)
	schema.AddExtension("x-kubernetes-group-version-kind", []any{map[string]any{"group": kind.Group, "version": kind.Version, "kind": kind.Kind}})
	return managedfields.NewTypeConverter(map[string]*spec.Schema{kind.Kind: schema}, false)
}

// reportServerSide reports what only server-side apply refuses or changes: it takes the file as a statement of who owns what, so it
// drops nothing on the way, neither what has no value nor what another writer owns.
func (r *schemaReader) reportServerSide(s *Source, problems *problemList) {
	report := func(field, format string, args ...any) {
		problems.report(false, true, func() Problem {
			return s.Document.problemAt(Locate(s.Node, field).reportedNode(), fmt.Sprintf(format, args...))
		})
	}
	if holdsLostCharacter(s.Object) {
		s.reportCharacters(s.Object, "", problems)
	}
	meta, _ := s.Object["metadata"].(map[string]any)
	for _, field := range []string{"managedFields", "uid"} {
		if _, written := meta[field]; written && meta[field] != nil {
			report("metadata."+field, "metadata.%s is written by a cluster, and kubectl apply --server-side refuses it in a file; remove it", field)
		}
	}
	status, written := s.Object["status"]
	if !written {
		return
	}
	part := map[string]any{"apiVersion": s.Object["apiVersion"], "kind": s.Object["kind"], "status": status}
	_, err := r.applyTypes.ObjectToTyped(&unstructured.Unstructured{Object: part})
	wrong, _ := errors.AsType[typed.ValidationErrors](err)
	for _, e := range wrong {
		if e.ErrorMessage == "field not declared in schema" {
			continue // an unknown field, which is reported as one
		}
		path := strings.TrimPrefix(e.Path, ".")
		report(path, "%s: %s; a cluster writes status itself: kubectl apply drops it, and kubectl apply --server-side refuses the file; remove status",
			path, quoteLess(e.ErrorMessage))
	}
	if err != nil && len(wrong) == 0 {
		report("status", "status: kubectl apply --server-side refuses the file: %v; remove status", err)
	}
}

// quoteLess leaves the value out of a message that repeats it.
func quoteLess(message string) string {
	kept, _, _ := strings.Cut(message, ", got &{")
	return kept
}

// reportNulls reports keys without a value, which kubectl apply drops and server-side apply refuses.
func (s *Source) reportNulls(before, after any, path string, problems *problemList) {
	switch was := before.(type) {
	case map[string]any:
		is, _ := after.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(was)) {
			at := strings.TrimPrefix(path+"."+key, ".")
			if value, stays := is[key]; stays {
				s.reportNulls(was[key], value, at, problems)
			} else {
				problems.report(false, true, func() Problem { return s.nullProblem(at) })
			}
		}
	case []any:
		is, _ := after.([]any)
		for i := range min(len(was), len(is)) {
			s.reportNulls(was[i], is[i], fmt.Sprintf("%s[%d]", path, i), problems)
		}
	}
}

func (s *Source) nullProblem(path string) Problem {
	at := Locate(s.Node, path)
	return s.Document.problemAt(at.reportedNode(), fmt.Sprintf(
		"nothing is written after %s, which kubectl apply drops and kubectl apply --server-side refuses; write a value, or remove the line", keyOf(at)))
}

// reportCharacters reports texts, and names of metadata, with characters that YAML has no room for. Server-side apply sends JSON,
// which the API server reads as YAML; kubectl apply sends it as JSON.
func (s *Source) reportCharacters(value any, path string, problems *problemList) {
	report := func(what, text string) {
		found := strings.IndexFunc(text, isLostByServerSideApply)
		if found < 0 {
			return
		}
		problems.report(false, true, func() Problem {
			character, _ := utf8.DecodeRuneInString(text[found:])
			then := "which kubectl apply takes and kubectl apply --server-side refuses"
			if character == nextLine {
				then = "which kubectl apply keeps and kubectl apply --server-side turns into a blank"
			}
			return s.Document.problemAt(Locate(s.Node, path).reportedNode(), fmt.Sprintf("%s%s has the character %U, %s; remove it", what, path, character, then))
		})
	}
	switch is := value.(type) {
	case string:
		report("", is)
	case []any:
		for i := range is {
			s.reportCharacters(is[i], fmt.Sprintf("%s[%d]", path, i), problems)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(is)) {
			report("a name in ", name)
			s.reportCharacters(is[name], strings.TrimPrefix(path+"."+name, "."), problems)
		}
	}
}

// nextLine is a line break of YAML.
const nextLine = '\u0085'

// isLostByServerSideApply says that YAML has no room for a character, or reads a break in it, and JSON writes it as it is.
func isLostByServerSideApply(r rune) bool { return r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff }

// holdsLostCharacter finds out whether anything is to be reported, which costs less than to name each value.
func holdsLostCharacter(value any) bool {
	switch is := value.(type) {
	case string:
		return strings.ContainsFunc(is, isLostByServerSideApply)
	case []any:
		return slices.ContainsFunc(is, holdsLostCharacter)
	case map[string]any:
		for name, one := range is {
			if strings.ContainsFunc(name, isLostByServerSideApply) || holdsLostCharacter(one) {
				return true
			}
		}
	}
	return false
}

package v1alpha1_test

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/internal/manifest"
)

// TestAPIServer_AgreesWithTheReaderOfManifests asks the API server and internal/manifest for the same verdict: what passes a
// check before a merge is taken by the cluster, and the other way round.
func TestAPIServer_AgreesWithTheReaderOfManifests(t *testing.T) {
	reader, err := manifest.NewReader()
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		metadata, rest string
		accepted       bool
	}{
		"plain":                             {"{name: a}", "spec: {text: x}", true},
		"status is dropped":                 {"{name: a}", "spec: {text: x}\nstatus: {version: 3}", true},
		"status that no schema would take":  {"{name: a}", "spec: {text: x}\nstatus: {version: three}", true},
		"an unknown field of status":        {"{name: a}", "spec: {text: x}\nstatus: {versoin: 3}", false},
		"an unknown field of spec":          {"{name: a}", "spec: {text: x, txet: y}", false},
		"an unknown field of an argument":   {"{name: a}", "spec: {text: x, arguments: [{name: b, defualt: c}]}", false},
		"an unknown field beside spec":      {"{name: a}", "spec: {text: x}\nspce: {}", false},
		"an unknown field of metadata":      {"{name: a, annotation: b}", "spec: {text: x}", false},
		"anything in metadata of the spec":  {"{name: a}", "spec: {text: x, metadata: {a: [null, 1.5, {b: true}]}}", true},
		"no spec":                           {"{name: a}", "", false},
		"an empty spec":                     {"{name: a}", "spec: {}", false},
		"a spec of nothing":                 {"{name: a}", "spec:", false},
		"nothing for a text":                {"{name: a}", "spec: {text: x, title: }", true},
		"nothing for a list":                {"{name: a}", "spec: {text: x, tags: }", true},
		"nothing in a list":                 {"{name: a}", "spec: {text: x, tags: [a, ]}", true},
		"null in a list":                    {"{name: a}", "spec: {text: x, tags: [a, null]}", false},
		"nothing for free metadata":         {"{name: a}", "spec: {text: x, metadata: }", true},
		"an empty list":                     {"{name: a}", "spec: {text: x, tags: []}", true},
		"a whole number with a point":       {"{name: a}", "spec: {text: x, historyLimit: 5.0}", true},
		"a number with a fraction":          {"{name: a}", "spec: {text: x, historyLimit: 5.5}", false},
		"a number too large for its format": {"{name: a}", "spec: {text: x, withdrawnVersions: [9223372036854775808]}", false},
		"an octal number":                   {"{name: a}", "spec: {text: x, historyLimit: 010}", true},
		"yes for a boolean":                 {"{name: a}", "spec: {text: x, suspend: yes}", true},
		"text for a boolean":                {"{name: a}", "spec: {text: x, suspend: \"true\"}", false},
		"a date for a text":                 {"{name: a}", "spec: {text: x, title: 2026-01-31}", true},
		"a number for a label":              {"{name: a, labels: {b: 5}}", "spec: {text: x}", false},
		"a label with a blank":              {"{name: a, labels: {b: c d}}", "spec: {text: x}", false},
		"an annotation of any text":         {"{name: a, annotations: {b/c: \"d e\"}}", "spec: {text: x}", true},
		"an annotation with a bad name":     {"{name: a, annotations: {b c: d}}", "spec: {text: x}", false},
		"upper case in the name":            {"{name: A}", "spec: {text: x}", false},
		"a dash at the end of the name":     {"{name: a-}", "spec: {text: x}", false},
		"a finalizer with a bad name":       {"{name: a, finalizers: [\"b c\"]}", "spec: {text: x}", false},
		"text of characters, not of bytes":  {"{name: a}", "spec: {text: x, category: " + hundred("é") + "}", true},
		"one character too many":            {"{name: a}", "spec: {text: x, category: " + hundred("é") + "e}", false},
		"metadata of a list":                {"[a]", "spec: {text: x}", false},
		"a creation time":                   {"{name: a, creationTimestamp: null}", "spec: {text: x}", true},
		"a creation time that is none":      {"{name: a, creationTimestamp: soon}", "spec: {text: x}", false},
		"an argument twice":                 {"{name: a}", "spec: {text: x, arguments: [{name: b}, {name: b, required: false}]}", false},
	} {
		t.Run(name, func(t *testing.T) {
			text := "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: " + tc.metadata + "\n" + tc.rest + "\n"
			set := reader.Read(manifest.File{Name: "f.yaml", Content: []byte(text)})
			if accepted := len(set.Manifests) == 1; accepted != tc.accepted {
				t.Errorf("the reader: accepted is %t: %v", accepted, set.Problems)
			}
			obj := &unstructured.Unstructured{}
			if err := yaml.Unmarshal([]byte(text), &obj.Object); err != nil {
				t.Fatal(err)
			}
			if _, ok := obj.Object["metadata"].(map[string]any); !ok {
				return // no client could say where to send it
			}
			obj.SetNamespace("default")
			err := api.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict"))
			if accepted := err == nil; accepted != tc.accepted {
				t.Errorf("the API server: accepted is %t: %v", accepted, err)
			}
		})
	}
}

func hundred(s string) string {
	all := ""
	for range 100 {
		all += s
	}
	return all
}

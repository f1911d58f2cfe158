package v1alpha1_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv"
)

var (
	api   client.Client
	plane *testenv.ControlPlane
)

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	plane, err = testenv.StartControlPlane(context.Background(), testenv.ControlPlaneOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer plane.Stop()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if api, err = client.New(plane.Config, client.Options{Scheme: scheme}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// written reads the objects of a file as a person wrote them: unknown and wrongly typed fields included.
func written(t *testing.T, path string) (objects []*unstructured.Unstructured, text string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for document := range strings.SplitSeq(string(content), "\n---\n") {
		obj := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &obj.Object); err != nil {
			t.Fatal(err)
		}
		if obj.GetNamespace() == "" {
			obj.SetNamespace("default")
		}
		objects = append(objects, obj)
	}
	return objects, string(content)
}

func files(t *testing.T, pattern string, least int) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) < least {
		t.Fatalf("%s matches %d files, want at least %d (%v)", pattern, len(found), least, err)
	}
	return found
}

func TestAPIServer_AcceptsSamples(t *testing.T) {
	for _, path := range slices.Concat(files(t, "../../config/samples/*.yaml", 5), files(t, "../../config/samples/connections/*.yaml", 4)) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			objects, _ := written(t, path)
			for _, obj := range objects {
				err := api.Create(t.Context(), obj, client.DryRunAll, client.FieldValidation("Strict"))
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// The same files are refused by the reader of manifests with the same words: internal/manifest/read_test.go.
func TestAPIServer_RefusesInvalidSamplesInTheirWords(t *testing.T) {
	for _, path := range slices.Concat(files(t, "../../config/samples/invalid/*.yaml", 15), files(t, "../../config/samples/connections/invalid/*.yaml", 40)) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			objects, text := written(t, path)
			first, _, _ := strings.Cut(text, "\n")
			want, ok := strings.CutPrefix(first, "# expect: ")
			if !ok || want == "" || len(objects) != 1 {
				t.Fatalf("%d objects, of which the first line does not say what to expect", len(objects))
			}
			err := api.Create(t.Context(), objects[0], client.DryRunAll)
			if err == nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), want) {
				t.Errorf("refused, but not with %q:\n%v", want, err)
			}
		})
	}
}

func newPrompt(name string, spec v1alpha1.PromptSpec) *v1alpha1.Prompt {
	return &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: spec}
}

func TestPromptStatus_FreshObjectIsNotObserved(t *testing.T) {
	p := newPrompt("fresh", v1alpha1.PromptSpec{Text: "Hello"})
	if err := api.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.PromptStatus{ObservedGeneration: -1}
	if diff := cmp.Diff(want, p.Status); diff != "" {
		t.Errorf("status of a fresh object (-want +got):\n%s", diff)
	}
}

func TestPromptSpec_NothingIsDefaulted(t *testing.T) {
	obj := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "lectern.dev/v1alpha1", "kind": "Prompt",
		"metadata": map[string]any{"namespace": "default", "name": "bare"},
		"spec": map[string]any{
			"text":      "{{who}}",
			"arguments": []any{map[string]any{"name": "who"}},
			"metadata":  map[string]any{"free": map[string]any{"form": []any{int64(1), "two"}}},
			"channels":  []any{map[string]any{"name": "beta"}},
		},
	}}
	want := obj.DeepCopy().Object["spec"]
	if err := api.Create(t.Context(), obj); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, obj.Object["spec"]); diff != "" {
		t.Errorf("spec after create (-written +stored):\n%s", diff)
	}
}

func TestPrompt_SelectedByCategory(t *testing.T) {
	other := newPrompt("of-another-category", v1alpha1.PromptSpec{Text: "Hello", Category: "finance"})
	for _, p := range []*v1alpha1.Prompt{newPrompt("of-this-category", v1alpha1.PromptSpec{Text: "Hello", Category: "itsm"}), other} {
		if err := api.Create(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	var found v1alpha1.PromptList
	if err := api.List(t.Context(), &found, client.MatchingFields{"spec.category": "finance"}); err != nil {
		t.Fatal(err)
	}
	if len(found.Items) != 1 || found.Items[0].Name != other.Name {
		t.Errorf("found %d prompts, want only %s", len(found.Items), other.Name)
	}
}

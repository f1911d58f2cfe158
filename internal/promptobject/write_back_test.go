package promptobject

import (
	"cmp"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/hack/promptcsv/realprompts"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// readBack is an edit of all that tools show of an object.
func readBack(t *testing.T, p *v1alpha1.Prompt) store.Edit {
	t.Helper()
	spec := SpecOf(&p.Spec)
	metadata, err := prompt.CanonicalMetadata(spec.Metadata)
	if err != nil {
		t.Fatal(err)
	}
	title, text := cmp.Or(spec.Title, p.Name), prompt.JoinTexts(spec.Messages)
	isTemplate, tags := spec.Syntax != prompt.Plain, slices.Sorted(slices.Values(spec.Tags))
	return store.Edit{
		Title: &title, Description: &spec.Description, Category: &spec.Category, Content: &text,
		IsTemplate: &isTemplate, Tags: &tags, Metadata: metadata,
	}
}

func verifyUnchanged(t *testing.T, p *v1alpha1.Prompt, edit store.Edit) {
	t.Helper()
	after, err := ApplyEdit(p.Name, p.Spec, edit)
	if err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	patch, err := MergePatch(p.Spec, after)
	if err != nil {
		t.Fatal(err)
	}
	if string(patch) != "{}" || !SatisfiesEdit(p, edit) {
		t.Errorf("%s changes when it is read and written back: %s", p.Name, patch)
	}
}

// TestApplyEdit_WritingBackChangesNothing: whatever white space people, editors and YAML's block scalars leave around a text,
// and however tags and metadata are written.
func TestApplyEdit_WritingBackChangesNothing(t *testing.T) {
	t.Parallel()
	prompts := realprompts.Read(t)
	t.Logf("%d prompts", len(prompts))
	for i := range prompts {
		for _, around := range [][2]string{{"", ""}, {"", "\n"}, {"\n  ", "\r\n\n"}, {"\u00a0", "\t "}} {
			p := prompts[i].DeepCopy()
			for _, text := range []*string{&p.Spec.Text, &p.Spec.Title, &p.Spec.Description, &p.Spec.Category} {
				if *text != "" {
					*text = around[0] + *text + around[1]
				}
			}
			for m := range p.Spec.Messages {
				p.Spec.Messages[m].Text = around[0] + p.Spec.Messages[m].Text + around[1]
			}
			verifyUnchanged(t, p, readBack(t, p))
		}
	}
	odd := &v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{
		Text: "x", Tags: []string{"b", "a"}, Metadata: &runtime.RawExtension{Raw: []byte(`{ "b": 1.0, "a": "\u0078" }`)},
	}}
	odd.Name = "nameless"
	verifyUnchanged(t, odd, readBack(t, odd))
}

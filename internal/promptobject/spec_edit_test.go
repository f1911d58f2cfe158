package promptobject

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestApplyEdit(t *testing.T) {
	one := v1alpha1.PromptSpec{Title: "T", Text: "Hello {{name}}", Arguments: []v1alpha1.Argument{{Name: "name"}}}
	talk := v1alpha1.PromptSpec{Messages: []v1alpha1.Message{{Role: "user", Text: "q"}, {Role: "assistant", Text: "a"}}}
	pinned := v1alpha1.PromptSpec{Text: "x", Channels: []v1alpha1.Channel{{Name: "beta", Version: new(int64(1))}, {Name: "production", Version: new(int64(2))}}}
	for name, tc := range map[string]struct {
		spec    v1alpha1.PromptSpec
		edit    store.Edit
		patch   string
		refused string
	}{
		"nothing asked":                         {one, store.Edit{}, `{}`, ""},
		"only what is given":                    {one, store.Edit{Description: new("D")}, `{"spec":{"description":"D"}}`, ""},
		"an empty text removes the field":       {one, store.Edit{Title: new("")}, `{"spec":{"title":null}}`, ""},
		"a text stays where it was":             {one, store.Edit{Content: new("Bye")}, `{"spec":{"text":"Bye"}}`, ""},
		"white space around a text stays":       {v1alpha1.PromptSpec{Text: "\n Hello\n\n"}, store.Edit{Content: new("  Bye\nbye ")}, `{"spec":{"text":"\n Bye\nbye\n\n"}}`, ""},
		"of a text that is all white space too": {v1alpha1.PromptSpec{Text: "\n"}, store.Edit{Content: new("Bye")}, `{"spec":{"text":"Bye"}}`, ""},
		"a blank removes the field":             {v1alpha1.PromptSpec{Text: "x", Description: "d\n", Category: "c"}, store.Edit{Description: new(" "), Category: new("")}, `{"spec":{"category":null,"description":null}}`, ""},
		"the object's name is no title":         {v1alpha1.PromptSpec{Text: "x"}, store.Edit{Title: new("object")}, `{}`, ""},
		"another name is one":                   {v1alpha1.PromptSpec{Text: "x"}, store.Edit{Title: new("Object")}, `{"spec":{"title":"Object"}}`, ""},
		"a title can become the object's name":  {one, store.Edit{Title: new("object")}, `{"spec":{"title":"object"}}`, ""},
		"the same tags in another order":        {v1alpha1.PromptSpec{Text: "x", Tags: []string{"b", "a"}}, store.Edit{Tags: &[]string{"a", "b"}}, `{}`, ""},
		"other tags":                            {v1alpha1.PromptSpec{Text: "x", Tags: []string{"b", "a"}}, store.Edit{Tags: &[]string{"a", "c"}}, `{"spec":{"tags":["a","c"]}}`, ""},
		"what a conversation says already":      {talk, store.Edit{Content: new("q\n\na\n")}, `{}`, ""},
		"the one message of a conversation":     {v1alpha1.PromptSpec{Messages: talk.Messages[1:]}, store.Edit{Content: new("b")}, `{"spec":{"messages":[{"role":"assistant","text":"b"}]}}`, ""},
		"several messages have no one text":     {talk, store.Edit{Content: new("b")}, "", "the prompt has 2 messages, and content is one text; change them in the manifest"},
		"no template takes no arguments":        {one, store.Edit{IsTemplate: new(false)}, `{"spec":{"arguments":null,"syntax":"Plain"}}`, ""},
		"a template keeps its syntax":           {one, store.Edit{IsTemplate: new(true)}, `{}`, ""},
		"what becomes a template is Simple":     {v1alpha1.PromptSpec{Syntax: "Plain", Text: "x"}, store.Edit{IsTemplate: new(true)}, `{"spec":{"syntax":"Simple"}}`, ""},
		"metadata is replaced":                  {v1alpha1.PromptSpec{Text: "x", Metadata: &runtime.RawExtension{Raw: []byte(`{"a":1}`)}}, store.Edit{Metadata: []byte(`{"b":2}`)}, `{"spec":{"metadata":{"a":null,"b":2}}}`, ""},
		"no tags":                               {v1alpha1.PromptSpec{Text: "x", Tags: []string{"a"}}, store.Edit{Tags: &[]string{}}, `{"spec":{"tags":null}}`, ""},
		"a channel moves":                       {pinned, store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 2}}, `{"spec":{"channels":[{"name":"beta","version":2},{"name":"production","version":2}]}}`, ""},
		"a channel follows the newest":          {pinned, store.Edit{Channel: &store.ChannelEdit{Name: "beta"}}, `{"spec":{"channels":[{"name":"beta"},{"name":"production","version":2}]}}`, ""},
		"a new channel comes last":              {pinned, store.Edit{Channel: &store.ChannelEdit{Name: "a", Version: 1}}, `{"spec":{"channels":[{"name":"beta","version":1},{"name":"production","version":2},{"name":"a","version":1}]}}`, ""},
		"a channel goes":                        {pinned, store.Edit{Channel: &store.ChannelEdit{Name: "beta", Remove: true}}, `{"spec":{"channels":[{"name":"production","version":2}]}}`, ""},
		"a channel that is not there goes, too": {pinned, store.Edit{Channel: &store.ChannelEdit{Name: "x", Remove: true}}, `{}`, ""},
		"a version is withdrawn once":           {v1alpha1.PromptSpec{Text: "x", WithdrawnVersions: []int64{2}}, store.Edit{Withdraw: 2}, `{}`, ""},
		"a further version is withdrawn":        {v1alpha1.PromptSpec{Text: "x", WithdrawnVersions: []int64{2}}, store.Edit{Withdraw: 1}, `{"spec":{"withdrawnVersions":[2,1]}}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			before := *tc.spec.DeepCopy()
			after, err := ApplyEdit("object", tc.spec, tc.edit)
			if diff := cmp.Diff(before, tc.spec); diff != "" {
				t.Errorf("the spec given changed (-was +is):\n%s", diff)
			}
			if tc.refused != "" {
				if err == nil || err.Error() != tc.refused {
					t.Errorf("error %v, want %q", err, tc.refused)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			patch, err := MergePatch(tc.spec, after)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.patch, string(patch)); diff != "" {
				t.Errorf("patch (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSpecFromDocument_CompilesToTheSame(t *testing.T) {
	text := func(s string) []prompt.Message { return []prompt.Message{{Role: prompt.User, Text: s}} }
	for name, spec := range map[string]prompt.Spec{
		"placeholders alone":    {Title: "T", Messages: text("{{b}} {{#a}}x{{/a}}")},
		"declared":              {Messages: text("{{a}}"), Arguments: []prompt.Declaration{{Name: "a", Type: prompt.Integer, Default: new("5")}}},
		"declared as optional":  {Messages: text("{{a}}"), Arguments: []prompt.Declaration{{Name: "a", Required: new(false)}}},
		"declared and not used": {Messages: text("x"), Arguments: []prompt.Declaration{{Name: "a"}}},
		"plain":                 {Syntax: prompt.Plain, Messages: text("{{a}}"), Tags: []string{"b", "a"}, Metadata: []byte(`{"k":[1,2.5]}`)},
		"a conversation":        {Messages: []prompt.Message{{Role: prompt.User, Text: "q"}, {Role: prompt.Assistant, Text: "{{! c }}a"}}},
		"only the assistant":    {Messages: []prompt.Message{{Role: prompt.Assistant, Text: "a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			first, err := prompt.Compile(spec, nil)
			if err != nil {
				t.Fatal(err)
			}
			written := SpecFromDocument(&first.Document)
			second, err := prompt.Compile(SpecOf(&written), nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(first, second); diff != "" {
				t.Errorf("(-first +second)\n%s", diff)
			}
			if declared := spec.Arguments != nil; declared != (written.Arguments != nil) {
				t.Errorf("arguments declared: %t, taken as %t", declared, written.Arguments != nil)
			}
		})
	}
}

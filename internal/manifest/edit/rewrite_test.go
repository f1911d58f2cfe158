package edit

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

const head = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n"

// named is a valid manifest with a name.
func named(name string) string {
	return strings.Replace(head+"  text: Hello\n", "{name: a}", "{name: "+name+"}", 1)
}

const commented = `# What the service desk says first.
apiVersion: lectern.dev/v1alpha1
kind: Prompt
metadata:
  name: greeting   # known to agents by this
  labels: {team: desk}
spec:
  # Shown in lists.
  title: 'Greeting'      # keep it short
  description: "Say hello"
  tags: [hello, 'first contact']   # any order

  arguments:
  # Who is greeted.
  - {name: who, description: Who it is for}   # required
  - name: tone
    enum: [brief, warm]
    default: brief    # most want this

  # The text itself.
  text: |   # Mustache
    Hello {{who}},
    be {{tone}}.


  channels:
  - {name: production, version: 1}    # moved by hand
  suspend: false
# The end.
---
# Another one, which nobody touches.
apiVersion: v1
kind: ConfigMap
metadata: {name: other}
data: {a: "1"}
`

func key(name string) store.Key { return store.Key{Namespace: "default", Name: name} }

// specIn is the spec a file has for a prompt.
func specIn(t *testing.T, file string, name string) v1alpha1.PromptSpec {
	t.Helper()
	m, err := findPrompt([]byte(file), key(name))
	if err != nil {
		t.Fatal(err)
	}
	return m.Prompt.Spec
}

// changed are the lines from the first that differs to the last, as they were and as they are.
func changed(before, after string) []string {
	was, is := strings.SplitAfter(before, "\n"), strings.SplitAfter(after, "\n")
	for len(was) > 0 && len(is) > 0 && was[0] == is[0] {
		was, is = was[1:], is[1:]
	}
	for len(was) > 0 && len(is) > 0 && was[len(was)-1] == is[len(is)-1] {
		was, is = was[:len(was)-1], is[:len(is)-1]
	}
	var lines []string
	for _, line := range was {
		lines = append(lines, "-"+strings.TrimSuffix(line, "\n"))
	}
	for _, line := range is {
		lines = append(lines, "+"+strings.TrimSuffix(line, "\n"))
	}
	return lines
}

func TestRewriteSpec_TouchesOnlyWhatChanges(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		edit func(*v1alpha1.PromptSpec)
		want []string
	}{
		"nothing": {func(s *v1alpha1.PromptSpec) {}, nil},
		"a title keeps its quotes and its comment": {func(s *v1alpha1.PromptSpec) { s.Title = "It's me" }, []string{
			"-  title: 'Greeting'      # keep it short",
			"+  title: 'It''s me'      # keep it short",
		}},
		"a description that cannot be plain keeps its quotes": {func(s *v1alpha1.PromptSpec) { s.Description = "a: b" }, []string{
			"-  description: \"Say hello\"",
			"+  description: \"a: b\"",
		}},
		"a description of two lines becomes a block": {func(s *v1alpha1.PromptSpec) { s.Description = "a\nb\n" }, []string{
			"-  description: \"Say hello\"",
			"+  description: |",
			"+    a",
			"+    b",
		}},
		"a text stays a block": {func(s *v1alpha1.PromptSpec) { s.Text = "New {{who}}\n\n  tone {{tone}}  \n" }, []string{
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+    New {{who}}",
			"+",
			"+      tone {{tone}}  ",
		}},
		"a text without a last newline": {func(s *v1alpha1.PromptSpec) { s.Text = "New" }, []string{
			"-  text: |   # Mustache",
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+  text: |-   # Mustache",
			"+    New",
		}},
		"a text with more newlines at its end than the file has": {func(s *v1alpha1.PromptSpec) { s.Text = "New\n\n\n\n" }, []string{
			"-  text: |   # Mustache",
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+  text: \"New\\n\\n\\n\\n\"",
		}},
		"a text that begins with blanks": {func(s *v1alpha1.PromptSpec) { s.Text = "  New\nx" }, []string{
			"-  text: |   # Mustache",
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+  text: |2-   # Mustache",
			"+      New",
			"+    x",
		}},
		"a text with other breaks is quoted": {func(s *v1alpha1.PromptSpec) { s.Text = "New\r\nx\u2028\u0085" }, []string{
			"-  text: |   # Mustache",
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+  text: \"New\\r\\nx\\u2028\\u0085\"",
		}},
		"a tag more": {func(s *v1alpha1.PromptSpec) { s.Tags = append(s.Tags, "a, b") }, []string{
			"-  tags: [hello, 'first contact']   # any order",
			"+  tags: [hello, 'first contact', \"a, b\"]   # any order",
		}},
		"a tag less": {func(s *v1alpha1.PromptSpec) { s.Tags = s.Tags[1:] }, []string{
			"-  tags: [hello, 'first contact']   # any order",
			"+  tags: ['first contact']   # any order",
		}},
		"other tags": {func(s *v1alpha1.PromptSpec) { s.Tags = []string{"x"} }, []string{
			"-  tags: [hello, 'first contact']   # any order",
			"+  tags: [x]   # any order",
		}},
		"no tags": {func(s *v1alpha1.PromptSpec) { s.Tags = nil }, []string{
			"-  tags: [hello, 'first contact']   # any order",
		}},
		"no title": {func(s *v1alpha1.PromptSpec) { s.Title = "" }, []string{
			"-  title: 'Greeting'      # keep it short",
		}},
		"new fields stand where they belong": {func(s *v1alpha1.PromptSpec) {
			s.Category, s.Metadata = "itsm", &runtime.RawExtension{Raw: []byte(`{"b":1.0,"a":[true]}`)}
		}, []string{
			"-  tags: [hello, 'first contact']   # any order",
			"+  category: itsm",
			"+  tags: [hello, 'first contact']   # any order",
			"+  metadata: {b: 1.0, a: [true]}",
		}},
		"an argument less": {func(s *v1alpha1.PromptSpec) { s.Arguments = s.Arguments[1:] }, []string{
			"-  - {name: who, description: Who it is for}   # required",
		}},
		"an argument more": {func(s *v1alpha1.PromptSpec) {
			s.Arguments = append(s.Arguments, v1alpha1.Argument{Name: "n", Description: "one\ntwo\n", Required: new(bool)})
		}, []string{
			"+  - name: \"n\"",
			"+    description: |",
			"+      one",
			"+      two",
			"+    required: false",
		}},
		"an argument first": {func(s *v1alpha1.PromptSpec) { s.Arguments = append([]v1alpha1.Argument{{Name: "n"}}, s.Arguments...) }, []string{
			"+  - {name: \"n\"}",
		}},
		"no arguments": {func(s *v1alpha1.PromptSpec) { s.Arguments = nil }, []string{
			"-  arguments:",
			"-  # Who is greeted.",
			"-  - {name: who, description: Who it is for}   # required",
			"-  - name: tone",
			"-    enum: [brief, warm]",
			"-    default: brief    # most want this",
		}},
		"inside an argument on one line": {func(s *v1alpha1.PromptSpec) { s.Arguments[0].Description, s.Arguments[0].Default = "", new("x") }, []string{
			"-  - {name: who, description: Who it is for}   # required",
			"+  - {name: who, default: x}   # required",
		}},
		"inside an argument on lines": {func(s *v1alpha1.PromptSpec) {
			s.Arguments[1].Name, s.Arguments[1].Enum, s.Arguments[1].Default = "way", []string{"yes", "warm"}, nil
		}, []string{
			"-  - name: tone",
			"-    enum: [brief, warm]",
			"-    default: brief    # most want this",
			"+  - name: way",
			"+    enum: [\"yes\", warm]",
		}},
		"a channel moves": {func(s *v1alpha1.PromptSpec) { s.Channels[0].Version = new(int64(2)) }, []string{
			"-  - {name: production, version: 1}    # moved by hand",
			"+  - {name: production, version: 2}    # moved by hand",
		}},
		"a channel more": {func(s *v1alpha1.PromptSpec) { s.Channels = append(s.Channels, v1alpha1.Channel{Name: "beta"}) }, []string{
			"+  - {name: beta}",
		}},
		"no channels": {func(s *v1alpha1.PromptSpec) { s.Channels = nil }, []string{
			"-  channels:",
			"-  - {name: production, version: 1}    # moved by hand",
		}},
		"suspended": {func(s *v1alpha1.PromptSpec) { s.Suspend = true }, []string{
			"-  suspend: false",
			"+  suspend: true",
		}},
		"messages instead of a text": {func(s *v1alpha1.PromptSpec) {
			s.Text, s.Messages = "", []v1alpha1.Message{{Role: "user", Text: "q\nw"}, {Role: "assistant", Text: "a"}}
		}, []string{
			"-",
			"-  # The text itself.",
			"-  text: |   # Mustache",
			"-    Hello {{who}},",
			"-    be {{tone}}.",
			"+  messages:",
			"+  - role: user",
			"+    text: |-",
			"+      q",
			"+      w",
			"+  - {role: assistant, text: a}",
			"+",
			"+  # The text itself.",
		}},
		"withdrawn": {func(s *v1alpha1.PromptSpec) { s.WithdrawnVersions = []int64{1, 2} }, []string{
			"+  withdrawnVersions: [1, 2]",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := specIn(t, commented, "greeting")
			tc.edit(&spec)
			got, err := RewriteSpec([]byte(commented), key("greeting"), spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, changed(commented, string(got))); diff != "" {
				t.Errorf("lines (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(spec, specIn(t, string(got), "greeting"), sameMetadata); diff != "" {
				t.Errorf("spec (-want +got)\n%s", diff)
			}
		})
	}
}

// sameMetadata compares free objects by what they say.
var sameMetadata = cmp.Comparer(func(a, b runtime.RawExtension) bool {
	x, err := toOrderedJSON(a)
	y, failed := toOrderedJSON(b)
	return err == nil && failed == nil && equalValues(x, y)
})

// Each is edited so that the title becomes New and the text two lines.
func TestRewriteSpec_InOtherForms(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		file string
		want []string
	}{
		"JSON on lines": {
			"{\n  \"apiVersion\": \"lectern.dev/v1alpha1\",\n  \"kind\": \"Prompt\",\n  \"metadata\": {\"name\": \"a\"},\n  \"spec\": {\n    \"text\": \"One\",\n    \"tags\": [\n      \"x\"\n    ]\n  }\n}\n",
			[]string{
				`-    "text": "One",`,
				`+    "title": "New",`,
				`+    "text": "One\nTwo\n",`,
			},
		},
		"JSON on one line": {
			`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"a"},"spec":{"title":"Old","text":"One"}}`,
			[]string{
				`-{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"a"},"spec":{"title":"Old","text":"One"}}`,
				`+{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"a"},"spec":{"title":"New","text":"One\nTwo\n"}}`,
			},
		},
		"a spec in braces": {
			"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec: {text: One}   # short\n",
			[]string{"-spec: {text: One}   # short", `+spec: {title: New, text: "One\nTwo\n"}   # short`},
		},
		"an item of a List": {
			"apiVersion: v1\nkind: List\nitems:\n# the first\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: a}\n  spec:\n    text: One\n    # its end\n- kind: Other\n",
			[]string{"-    text: One", "+    title: New", "+    text: |", "+      One", "+      Two"},
		},
		"lines that end as on Windows": {
			"apiVersion: lectern.dev/v1alpha1\r\nkind: Prompt\r\nmetadata: {name: a}\r\nspec:\r\n  text: One # c\r\n",
			[]string{"-  text: One # c\r", "+  title: New\r", "+  text: | # c\r", "+    One\r", "+    Two\r"},
		},
		"an anchor used elsewhere": {
			"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a, labels: {t: &t Old}}\nspec:\n  title: *t\n  text: One\n",
			[]string{"-  title: *t", "-  text: One", "+  title: New", "+  text: |", "+    One", "+    Two"},
		},
		"an anchor that others need": {
			"# top\napiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n  title: &t Old\n  category: *t\n  text: One\n",
			[]string{
				"-  title: &t Old", "-  category: *t", "-  text: One",
				"+  title: New", "+  category: Old", "+  text: |", "+    One", "+    Two",
			},
		},
		"a merged mapping": {
			"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n  <<: {title: Old}\n  text: One\n",
			[]string{"-  text: One", "+  title: New", "+  text: |", "+    One", "+    Two"},
		},
		"a folded text of several lines": {
			"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n  text: One\n    and\n\n    more\n  # what agents see\n  title: Old",
			[]string{"-  text: One", "-    and", "-", "-    more", "-  # what agents see", "-  title: Old", "+  text: |", "+    One", "+    Two", "+  # what agents see", "+  title: New"},
		},
		"dashes further in": {
			"apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n    tags:\n      - x   # why\n    text: One\n    channels:\n      -\n        name: beta\n",
			[]string{"-    tags:", "-      - x   # why", "-    text: One", "+    title: New", "+    tags:", "+      - x   # why", "+    text: |", "+      One", "+      Two"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			spec := specIn(t, tc.file, "a")
			spec.Title, spec.Text = "New", "One\nTwo\n"
			got, err := RewriteSpec([]byte(tc.file), key("a"), spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, changed(tc.file, string(got))); diff != "" {
				t.Errorf("lines (-want +got)\n%s", diff)
			}
			if diff := cmp.Diff(spec, specIn(t, string(got), "a"), sameMetadata); diff != "" {
				t.Errorf("spec (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRewriteSpec_KeepsCommentsWhenTheFirstKeyGoes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec string
		edit func(*v1alpha1.PromptSpec)
		want []string
	}{
		"of free metadata": {
			"  metadata:\n    audience: it # who\n    owner: ops # team\n  text: x # why\n",
			func(s *v1alpha1.PromptSpec) {
				s.Metadata = &runtime.RawExtension{Raw: []byte(`{"reader":"it","owner":"ops"}`)}
			},
			[]string{"-    audience: it # who", "+    reader: it"},
		},
		"of the spec": {
			"  # asked for\n  arguments:\n  - {name: x} # one\n  text: x # why\n",
			func(s *v1alpha1.PromptSpec) { s.Syntax, s.Arguments = "Plain", nil },
			[]string{"-  arguments:", "-  - {name: x} # one", "+  syntax: Plain"},
		},
		"of an item of a list": {
			"  metadata:\n    teams:\n    - lead: a # who\n      owner: b # team\n  text: x # why\n",
			func(s *v1alpha1.PromptSpec) {
				s.Metadata = &runtime.RawExtension{Raw: []byte(`{"teams":[{"head":"a","owner":"b"}]}`)}
			},
			[]string{"-    - lead: a # who", "+    - head: a"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := head + tc.spec
			spec := specIn(t, file, "a")
			tc.edit(&spec)
			got, err := RewriteSpec([]byte(file), key("a"), spec)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, changed(file, string(got))); diff != "" {
				t.Errorf("lines (-want +got)\n%s", diff)
			}
		})
	}
}

func TestRewriteSpec_ExpandsAliases(t *testing.T) {
	t.Parallel()
	file := head + "  title: &t Hello # shown\n  # the same\n  description: *t # for now\n  text: x # why\n"
	spec := specIn(t, file, "a")
	spec.Title = "Other"
	got, err := RewriteSpec([]byte(file), key("a"), spec)
	if err != nil {
		t.Fatal(err)
	}
	want := head + "  title: Other # shown\n  # the same\n  description: Hello # for now\n  text: x # why\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestRewriteSpec_LosesNoComment(t *testing.T) {
	t.Parallel()
	const anchored = "  description: &t |-\n    two\n    lines\n  title: *t # the same\n  text: x # why\n"
	spec := specIn(t, head+anchored, "a")
	spec.Description = "Other"
	_, err := RewriteSpec([]byte(head+anchored), key("a"), spec)
	if _, is := errors.AsType[*promptobject.EditError](err); !is || !strings.Contains(err.Error(), "spec:\n  description: Other") {
		t.Errorf("got %v, want a refusal with the patch", err)
	}
	if _, err := RewriteSpec([]byte(strings.NewReplacer(" # the same", "", " # why", "").Replace(head+anchored)), key("a"), spec); err != nil {
		t.Errorf("without comments: %v", err)
	}
}

func TestRewriteSpec_Refuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ file, want string }{
		"another prompt": {commented, "prompt default/x is not in the file"},
		"a broken file":  {head + "  text: {{x}}\n", `prompt default/x cannot be found while the file has faults: YAML reads {{ at the start of a value as a mapping: put the value in quotes: write text: "{{x}}"`},
	} {
		_, err := RewriteSpec([]byte(tc.file), key("x"), v1alpha1.PromptSpec{Text: "x"})
		if _, ok := errors.AsType[*promptobject.EditError](err); !ok || err.Error() != tc.want {
			t.Errorf("%s: got %v, want %s", name, err, tc.want)
		}
	}
}

func TestFormatPrompt(t *testing.T) {
	t.Parallel()
	p := v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{
		Title: "Yes", Tags: []string{"a", "on"}, Metadata: &runtime.RawExtension{Raw: []byte(`{"owner":"ops","n":1}`)}, Syntax: "Simple",
		Arguments: []v1alpha1.Argument{{Name: "who", Description: "Who it is for"}, {Name: "n", Description: "As long as it takes to be put on several lines, which is about here", Default: new("5")}},
		Text:      "# Hello {{who}}\n\n  - {{n}}\n",
	}}
	p.Name = "added"
	const want = `apiVersion: lectern.dev/v1alpha1
kind: Prompt
metadata:
  name: added
spec:
  title: "Yes"
  tags: [a, "on"]
  metadata: {owner: ops, "n": 1}
  syntax: Simple
  arguments:
  - {name: who, description: Who it is for}
  - name: "n"
    description: As long as it takes to be put on several lines, which is about here
    default: "5"
  text: |
    # Hello {{who}}

      - {{n}}
`
	got, err := FormatPrompt(&p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if diff := cmp.Diff(p.Spec, specIn(t, string(got), "added"), sameMetadata); diff != "" {
		t.Errorf("spec (-want +got)\n%s", diff)
	}
}

func TestRemovePrompt(t *testing.T) {
	t.Parallel()
	other := strings.SplitAfter(commented, "---\n")[1]
	list := "kind: List\nitems:\n- kind: Other # c\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: greeting}\n  spec: {text: x}\n# end\n"
	for name, tc := range map[string]struct{ file, want string }{
		"the first document":     {commented, other},
		"between others":         {"a: b\n---\n" + commented, "a: b\n---\n" + other},
		"the last document":      {other + "---\n" + named("greeting"), other},
		"after another kind":     {"a: b\n---\n" + named("greeting"), "a: b\n"},
		"after a separator":      {"---\n" + named("greeting"), ""},
		"an item of a List":      {list, "kind: List\nitems:\n- kind: Other # c\n# end\n"},
		"the only item":          {strings.Replace(list, "- kind: Other # c\n", "", 1), "kind: List\nitems: []\n# end\n"},
		"an item in brackets":    {`{"kind":"List","items":[{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"greeting"},"spec":{"text":"x"}},{"kind":"Other"}]}`, `{"kind":"List","items":[{"kind":"Other"}]}`},
		"the only document":      {named("greeting"), ""},
		"a comment by itself":    {"# top\n---\n" + named("greeting"), "# top\n"},
		"a line that looks like": {named("greeting") + "---\n" + head + "  text: \"a\n\n    --- b\"\n", head + "  text: \"a\n\n    --- b\"\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := RemovePrompt([]byte(tc.file), key("greeting"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	twice := named("greeting") + "---\n" + named("greeting")
	const want = "prompt default/greeting, at line 1, cannot be taken out of its file without changing what else is there; edit the file by hand"
	if _, err := RemovePrompt([]byte(twice), key("greeting")); err == nil || err.Error() != want {
		t.Errorf("of a name that is there twice: %v", err)
	}
	if _, err := RemovePrompt([]byte(commented), key("x")); err == nil || err.Error() != "prompt default/x is not in the file" {
		t.Errorf("got %v", err)
	}
}

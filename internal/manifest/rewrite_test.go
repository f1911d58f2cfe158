package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

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
	m, err := locate([]byte(file), key(name))
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

func TestRewriteTouchesOnlyWhatChanges(t *testing.T) {
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
			got, err := Rewrite([]byte(commented), key("greeting"), spec)
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
	x, err := ordered(a)
	y, failed := ordered(b)
	return err == nil && failed == nil && sameValue(x, y)
})

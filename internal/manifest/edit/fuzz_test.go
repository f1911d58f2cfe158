package edit

import (
	"bytes"
	"path/filepath"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	kyaml "sigs.k8s.io/yaml"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/manifest"
)

// odd are files nobody writes twice.
var odd = []string{
	"", "---\n---\n", "a: &a [*a]\n", head + "  text: &t Hello\n  title: *t\n",
	head + "  <<: {text: Hello}\n  title: x # c\n",
	"apiVersion: v1\nkind: List\nitems:\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata:\n    name: b\n  spec: {text: x, tags: [a,\n    b]}\n",
	`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"j"},"spec":{"text":"😀\n"}}`,
	"{apiVersion: lectern.dev/v1alpha1, kind: Prompt, metadata: {name: f}, spec: {\n  text: >-\n}}\n",
	head + "  text: >\n    folded\n    text\n\n    # no comment\n  # a comment\n  channels:\n    - name: production\n      version: 1\n    -\n      name: beta\n",
	head + "  arguments:\n  - name: x\n    enum:\n    - \"1\"\n    # two\n    - '2'\n  text: |+\n    a\n\n",
	"\ufeff" + head + "  text: x\r\n",
	"\xff\xfea\x00p\x00i\x00", head + "  text: \"a\xffb\"\n", head + "  text: a\n---\n" + head + "  text: |\n    b\n---\n    c\n",
	head + "  ? text\n  : |2-\n      a\n  metadata: {a: {b: [1, {c: null}]}}\n",
}

func seeds(f *testing.F) []string {
	f.Helper()
	all := append([]string{commented}, odd...)
	files, _, err := manifest.ReadFolder(f.Context(), filepath.Join("..", "..", "..", "config", "samples"))
	if err != nil {
		f.Fatal(err)
	}
	if len(files) < 44 {
		f.Fatalf("%d samples, want at least 44", len(files))
	}
	for _, file := range files {
		if len(file.Content) < 8<<10 {
			all = append(all, string(file.Content))
		}
	}
	return all
}

// What is accepted, written anew, says the same.
func FuzzRead(f *testing.F) {
	for _, seed := range seeds(f) {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		set := read(t, manifest.File{Name: "f.yaml", Content: content})
		compiled, more := set.CompileAll()
		if len(compiled)+len(more) < len(set.Manifests) {
			t.Errorf("%d manifests, %d compiled and %d problems", len(set.Manifests), len(compiled), len(more))
		}
		lines := 1 + bytes.Count(content, []byte("\n")) + bytes.Count(content, []byte("\r")) +
			bytes.Count(content, []byte("\u0085")) + bytes.Count(content, []byte("\u2028")) + bytes.Count(content, []byte("\u2029"))
		for _, p := range append(set.Problems, more...) {
			if p.Message == "" || p.Line > lines || p.Line > 0 && p.Column < 1 {
				t.Errorf("%d lines, and a problem at %s", lines, p)
			}
		}
		for _, m := range set.Manifests {
			p := m.Prompt.DeepCopy()
			p.Status = v1alpha1.PromptStatus{}
			text, err := FormatPrompt(p)
			if err != nil {
				t.Fatal(err)
			}
			var again v1alpha1.Prompt
			if err := kyaml.UnmarshalStrict(text, &again); err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			want := &v1alpha1.Prompt{TypeMeta: p.TypeMeta, Spec: p.Spec}
			want.Name, want.Namespace, want.Labels, want.Annotations = p.Name, p.Namespace, p.Labels, p.Annotations
			if diff := cmp.Diff(want, &again, sameMetadata, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-read +read again)\n%s\n%s", diff, text)
			}
		}
	})
}

// What is rewritten reads as what was asked for, and nothing else changed a byte.
func FuzzRewriteSpec(f *testing.F) {
	for i, seed := range seeds(f) {
		f.Add([]byte(seed), "a title", "Hello\n  {{x}}\n", "tag", uint16(i))
		f.Add([]byte(seed), "yes", "  \n\n# a\n---\n\t", "a, b: c", uint16(0xffff))
	}
	f.Fuzz(func(t *testing.T, content []byte, title, text, tag string, what uint16) {
		if !utf8.ValidString(title) || !utf8.ValidString(text) || !utf8.ValidString(tag) {
			return
		}
		set := read(t, manifest.File{Name: "f.yaml", Content: content})
		for _, m := range set.Manifests {
			spec := *m.Prompt.Spec.DeepCopy()
			alter(&spec, title, text, tag, what)
			got, err := RewriteSpec(content, m.Key(), spec)
			text, encoding := manifest.DecodeText(content)
			if !bytes.Equal(encoding.Encode(text), content) {
				if err == nil {
					t.Errorf("bytes that are no characters were lost:\n%q", got)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			now, err := findPrompt(got, m.Key())
			if err != nil {
				t.Fatalf("%v\n%s", err, got)
			}
			if diff := cmp.Diff(spec, now.Prompt.Spec, sameMetadata, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-asked +read)\n%s\n%s", diff, got)
			}
			if edited, _ := manifest.DecodeText(got); !bytes.HasPrefix(edited, text[:m.Document.Start]) || !bytes.HasSuffix(edited, text[m.Document.End:]) {
				t.Errorf("another document changed:\n%s", got)
			}
			if again, err := RewriteSpec(got, m.Key(), spec); err != nil || !bytes.Equal(again, got) {
				t.Errorf("a second time something changes: %v", err)
			}
		}
	})
}

// alter edits the fields the bits of what say.
func alter(spec *v1alpha1.PromptSpec, title, text, tag string, what uint16) {
	for bit, edit := range []func(){
		func() { spec.Title = title },
		func() { spec.Description = text },
		func() { spec.Tags = append(spec.Tags, tag) },
		func() { spec.Tags = nil },
		func() { spec.Text, spec.Messages = text, nil },
		func() {
			spec.Text, spec.Messages = "", append(spec.Messages, v1alpha1.Message{Role: "user", Text: text})
		},
		func() {
			spec.Messages = append([]v1alpha1.Message{{Role: v1alpha1.Role(tag), Text: title}}, spec.Messages...)
		},
		func() {
			spec.Arguments = append(spec.Arguments, v1alpha1.Argument{Name: tag, Default: &text, Enum: []string{title, text}})
		},
		func() {
			spec.Arguments = append([]v1alpha1.Argument{{Name: title, Description: tag}}, spec.Arguments...)
		},
		func() { spec.Arguments = spec.Arguments[min(1, len(spec.Arguments)):] },
		func() { spec.Channels = append(spec.Channels, v1alpha1.Channel{Name: tag, Version: new(int64(what))}) },
		func() { spec.Channels = nil },
		func() { spec.WithdrawnVersions = append(spec.WithdrawnVersions, int64(what)) },
		func() { spec.Metadata = nil },
		func() { spec.Category = tag },
		func() { spec.Suspend = !spec.Suspend },
	} {
		if what&(1<<bit) != 0 {
			edit()
		}
	}
}

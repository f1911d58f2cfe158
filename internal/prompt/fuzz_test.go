package prompt_test

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

var syntaxes = []Syntax{Mustache, Simple, Plain}

// judged says whether an error is one callers know.
func judged(err error) bool {
	var (
		template *TemplateError
		limit    *LimitError
		spec     *SpecError
		includes *IncludeError
	)
	return errors.As(err, &template) || errors.As(err, &limit) || errors.As(err, &spec) || errors.As(err, &includes)
}

func FuzzCompile(f *testing.F) {
	for _, seed := range []struct{ a, b, f, g, metadata string }{
		{"{{> f}}{{x}}", "{{! c }}\n", "{", "{{> g}}", `{"a":1}`},
		{"{{#a}}\n {{> f}}\n{{/a}}", "{{^a}}{{{b}}}{{/a}}", "{{& c }}}", "\r\n", `{"b":{"\u00e9":[1e3,-0,"<"]}}`},
		{"{{> f}}{{> g@2}}", "{{{{a}}}}", "}}{", "{{#s}}{", ``},
		{"{{a}}{", "{ {{!}}", "\n{{> g}}\n", "  {{! }} ", `{"a":{}, "a":[]}`},
	} {
		for i := range syntaxes {
			f.Add(seed.a, seed.b, seed.f, seed.g, seed.metadata, uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, a, b, first, second, metadata string, syntax uint8) {
		spec := Spec{
			Title: strings.ToValidUTF8(strings.ReplaceAll(b, "\x00", ""), ""), Tags: []string{"y", "x"},
			Metadata: []byte(metadata), Syntax: syntaxes[int(syntax)%len(syntaxes)],
			Messages: []Message{{Role: User, Text: a}, {Role: Assistant, Text: b}},
		}
		if len(spec.Title) > MaxTitle {
			spec.Title = ""
		}
		stored := fragments(t, map[string]string{"f": first, "g": second, "g@2": second})
		c, err := Compile(spec, stored)
		if err != nil {
			if !judged(err) {
				t.Fatalf("an error nobody knows: %v", err)
			}
			return
		}
		again, err := Compile(spec, stored)
		if diff := cmp.Diff(c, again); diff != "" || err != nil {
			t.Fatalf("compiled again: %v (-first +second):\n%s", err, diff)
		}
		written, err := json.Marshal(c.Document)
		if err != nil {
			t.Fatal(err)
		}
		var read Document
		if err := json.Unmarshal(written, &read); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.Document, read); diff != "" {
			t.Fatalf("read back (-compiled +read):\n%s", diff)
		}
		if digest, err := DigestOf(&read); digest != c.Digest || err != nil {
			t.Fatalf("digest read back is %s, %v; was %s", digest, err, c.Digest)
		}
		if _, err := NewTemplate(&read); err != nil {
			t.Fatalf("compiled and does not prepare: %v\n%q", err, read.Messages)
		}
		refs, err := IncludedRefs(spec)
		if err != nil {
			t.Fatalf("compiled, but References: %v", err)
		}
		for _, ref := range refs {
			if _, ok := stored[ref]; !ok {
				t.Fatalf("compiled without %s", ref)
			}
		}
	})
}

func FuzzRender(f *testing.F) {
	for _, text := range []string{"{{a}}{{b}}", "{{#a}}{{b}}{{/a}}{{^a}}{{c}}{{/a}}", "{{{a}}}} {{", "{ {{a}} }", "plain"} {
		for i := range syntaxes {
			f.Add(text, "{{b}}", "", "}}", uint8(i))
		}
	}
	const mark = "\ue000"
	f.Fuzz(func(t *testing.T, body, a, b, c string, syntax uint8) {
		spec := Spec{Syntax: syntaxes[int(syntax)%len(syntaxes)], Messages: text(body).Messages}
		compiled, err := Compile(spec, nil)
		if err != nil {
			return
		}
		ready, err := NewTemplate(&compiled.Document)
		if err != nil {
			t.Fatal(err)
		}
		values, marks := map[string]string{}, map[string]string{}
		var fill []string
		for i, argument := range compiled.Document.Arguments {
			value := []string{a, b, c}[i%3]
			values[argument.Name], marks[argument.Name] = value, ""
			if value != "" {
				marks[argument.Name] = mark + string(rune('0'+i)) + mark
				fill = append(fill, marks[argument.Name], value)
			}
		}
		got, err := ready.Render(values)
		if err != nil {
			var argument *ArgumentError
			var limit *LimitError
			if !errors.As(err, &argument) && !errors.As(err, &limit) {
				t.Fatalf("an error nobody knows: %v", err)
			}
			return
		}
		// A render without placeholders gives the text.
		if len(values) == 0 && (spec.Syntax != Mustache || !strings.Contains(body, "{{")) && got[0].Text != body {
			t.Fatalf("%q became %q", body, got[0].Text)
		}
		// Values are inert: it makes no difference whether they are filled in by Render or afterwards.
		if strings.Contains(body, mark) {
			return
		}
		marked, err := ready.Render(marks)
		if err != nil {
			t.Fatalf("with marks: %v", err)
		}
		if want := strings.NewReplacer(fill...).Replace(marked[0].Text); want != got[0].Text {
			t.Fatalf("%q with %q gives %q, want %q", body, values, got[0].Text, want)
		}
		// Nor does the order in which a map is walked.
		for range 3 {
			if again, err := ready.Render(values); err != nil || again[0].Text != got[0].Text {
				t.Fatalf("rendered again: %q, %v; first %q", again, err, got[0].Text)
			}
		}
	})
}

func FuzzParseRef(f *testing.F) {
	for _, seed := range []string{"a", "house-style@3", "a@production", "a@latest", "a@007", "a@+1", "ns.a@1", "a@9223372036854775808", "-", "@"} {
		f.Add(seed)
	}
	shape := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(@([1-9][0-9]{0,18}|[a-z][-a-z0-9]{0,35}))?$`)
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := ParseRef(s)
		if err == nil && (ref.String() != s || !shape.MatchString(s)) {
			t.Fatalf("%q is read as %+v, written %q", s, ref, ref)
		}
		// Nineteen digits may be more than an int64 holds.
		if err != nil && shape.MatchString(s) && len(s)-strings.Index(s, "@") < 20 {
			t.Fatalf("%q: %v", s, err)
		}
	})
}

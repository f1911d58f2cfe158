package prompt_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

// The digest is an interface: servers compare it, statuses keep it, receipts carry it. This one was
// computed with sha256sum over canonical JSON written by hand.
func TestDigest_IsStable(t *testing.T) {
	t.Parallel()
	spec := text("Grüße <{{b}}> {{! c }}& {{a}}\n")
	spec.Title, spec.Tags, spec.Metadata = "T\u2028", []string{"y", "x"}, []byte(`{"n": 10.0, "A":"/"}`)
	const canonical = `{"arguments":[{"name":"b","required":true,"type":"String"},{"name":"a","required":true,"type":"String"}],` +
		`"messages":[{"role":"user","text":"Grüße <{{b}}> & {{a}}\n"}],"metadata":{"A":"/","n":10},` +
		`"source":[{"role":"user","text":"Grüße <{{b}}> {{! c }}& {{a}}\n"}],"syntax":"Mustache","tags":["x","y"],"title":"T` + "\u2028" + `"}`
	const want = "sha256:2f00d6ff20a3d08be0abf510c1e1b0db48b7439cfc5cf37a7968ca6448835518"
	if got := compile(t, spec, nil).Digest; got != want {
		t.Errorf("got %s, want %s for\n%s", got, want, canonical)
	}
}

func TestDigest_SeesWhatChangesADocument(t *testing.T) {
	t.Parallel()
	base := func() Spec {
		s := text("{{a}} {{b}}")
		s.Tags, s.Metadata = []string{"x", "y"}, []byte(`{"a":1,"b":[1,2]}`)
		s.Arguments = []Declaration{{Name: "a"}, {Name: "b"}}
		return s
	}
	yes := true
	for name, tc := range map[string]struct {
		change func(*Spec)
		same   bool
	}{
		"order of tags":             {func(s *Spec) { s.Tags = []string{"y", "x"} }, true},
		"order of names":            {func(s *Spec) { s.Metadata = []byte("{\n \"b\":[1.0,2e0],\t\"a\":1}") }, true},
		"syntax said":               {func(s *Spec) { s.Syntax = Mustache }, true},
		"type and required said":    {func(s *Spec) { s.Arguments[0].Type, s.Arguments[0].Required = String, &yes }, true},
		"text":                      {func(s *Spec) { s.Messages[0].Text = "{{a}}  {{b}}" }, false},
		"text that renders as much": {func(s *Spec) { s.Messages[0].Text = "{{a}} {{! c }}{{b}}" }, false},
		"role":                      {func(s *Spec) { s.Messages[0].Role = Assistant }, false},
		"order of arguments":        {func(s *Spec) { s.Arguments[0], s.Arguments[1] = s.Arguments[1], s.Arguments[0] }, false},
		"order in metadata":         {func(s *Spec) { s.Metadata = []byte(`{"a":1,"b":[2,1]}`) }, false},
		"empty metadata":            {func(s *Spec) { s.Metadata = []byte(`{}`) }, false},
		"title":                     {func(s *Spec) { s.Title = "t" }, false},
	} {
		spec := base()
		tc.change(&spec)
		want, got := compile(t, base(), nil).Digest, compile(t, spec, nil).Digest
		if (want == got) != tc.same {
			t.Errorf("%s: equal digests is %v, want %v", name, want == got, tc.same)
		}
	}
}

func TestCompile_DoesNotTouchItsSpec(t *testing.T) {
	t.Parallel()
	spec := text("{{a}}{{! c }}")
	spec.Tags = []string{"b", "a"}
	compile(t, spec, nil)
	if diff := cmp.Diff([]string{"b", "a"}, spec.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(text("{{a}}{{! c }}").Messages, spec.Messages); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

// A store may keep JSON its own way: jsonb orders names by length, adds blanks and writes large
// numbers out.
func TestDocument_ReadFromAStoreIsTheOneCompiled(t *testing.T) {
	t.Parallel()
	value := "d"
	spec := text("{{a}}{{! c }} <&>")
	spec.Arguments = []Declaration{{Name: "a", Default: &value, Enum: []string{"d", "e"}}}
	spec.Metadata = []byte(`{"bb":"<&>\u2028","a":1e21,"ccc":{"z":[],"y":null}}`)
	c := compile(t, spec, nil)
	plain, err := json.Marshal(c.Document)
	if err != nil {
		t.Fatal(err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, plain, "", "   "); err != nil {
		t.Fatal(err)
	}
	stored := strings.Replace(indented.String(), "1e+21", "1"+strings.Repeat("0", 21), 1)
	for name, text := range map[string]string{"plain": string(plain), "another way": stored} {
		var got Document
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.Document, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		digest, err := DigestOf(&got)
		if digest != c.Digest || err != nil {
			t.Errorf("%s: digest %s, %v; want %s", name, digest, err, c.Digest)
		}
	}
	for _, text := range []string{`{"messages":1}`, `{"metadata":{"a":1,"a":2}}`} {
		if err := new(Document).UnmarshalJSON([]byte(text)); err == nil {
			t.Errorf("read %s", text)
		}
	}
}

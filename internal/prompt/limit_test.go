package prompt_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

func TestCompile_Limits(t *testing.T) {
	t.Parallel()
	chain := map[string]string{}
	for i := range 6 {
		chain[fmt.Sprintf("d%d", i)] = fmt.Sprintf("{{> d%d}}", i+1)
	}
	chain["d6"] = "end"
	chain["silent"] = "{{! says nothing }}"
	chain["large"] = strings.Repeat("x", MaxText)
	chain["nested"] = strings.Repeat("{{#a}}", 20) + strings.Repeat("{{/a}}", 20)
	chain["many"] = strings.Repeat("{{> silent}}", 40)
	for i := range 70 {
		chain[fmt.Sprintf("f%d", i)] = "x"
	}
	var distinct, placeholders strings.Builder
	for i := range 65 {
		fmt.Fprintf(&distinct, "{{> f%d}}", i)
	}
	for i := range 129 {
		fmt.Fprintf(&placeholders, "{{p%d}}", i)
	}
	sections := func(n int) string { return strings.Repeat("{{#a}}", n) + "x" + strings.Repeat("{{/a}}", n) }
	messages := func(n int) Spec {
		var s Spec
		for range n {
			s.Messages = append(s.Messages, Message{Role: User, Text: "x"})
		}
		return s
	}
	for name, tc := range map[string]struct {
		spec Spec
		want string // empty: compiles
	}{
		"text at the limit":      {text(strings.Repeat("x", MaxText)), ""},
		"text over it":           {text(strings.Repeat("é", MaxText/2) + "x"), "the texts together have 262145 bytes; at most 262144 (256 KiB) are allowed; move parts into prompts of their own and include them with {{> name}}, or split the prompt"},
		"messages at the limit":  {messages(64), ""},
		"messages over it":       {messages(65), "65 messages; at most 64 are allowed; join some, or split the prompt"},
		"sections at the limit":  {text(sections(32)), ""},
		"sections over it":       {text("\n" + sections(33)), "line 2, column 193: sections are nested more than 32 deep"},
		"sections with includes": {text(strings.Repeat("{{#b}}", 13) + "{{> nested}}" + strings.Repeat("{{/b}}", 13)), "fragment nested, line 1, column 115: with includes expanded, sections are nested more than 32 deep"},
		"depth at the limit":     {text("{{> d2}}"), ""},
		"fragments over it":      {text(distinct.String()), "line 1, column 567: more than 64 different fragments, counting those inside fragments"},
		"includes at the limit":  {text(strings.Repeat("{{> silent}}", 1000)), ""},
		"includes over it":       {text(strings.Repeat("{{> silent}}", 1001)), "line 1, column 12001: more than 1000 includes, counting those inside fragments"},
		"includes of includes":   {text(strings.Repeat("{{> many}}", 25)), "fragment many, line 1, column 181: more than 1000 includes, counting those inside fragments"},
		"expanded at the limit":  {text(strings.Repeat("{{> large}}", 2)), ""},
		"expanded over it":       {text("{{> large}}{{> large}}!"), "line 1, column 23: with includes expanded the texts are longer than 524288 bytes (512 KiB); include less"},
		"placeholders over it":   {text(placeholders.String()), "the texts have 129 different placeholders; at most 128 are allowed; join some, or split the prompt"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(tc.spec, fragments(t, chain))
			if tc.want == "" {
				if err != nil {
					t.Fatalf("got %v, want it to compile", err)
				}
				return
			}
			if _, ok := errors.AsType[*LimitError](err); !ok {
				t.Fatalf("got %v, want a *LimitError", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestIncludedRefs_StopsAtTheLimits(t *testing.T) {
	t.Parallel()
	var distinct strings.Builder
	for i := range 65 {
		fmt.Fprintf(&distinct, "{{>f%d}}", i)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"different": {distinct.String(), "line 1, column 503: more than 64 different fragments"},
		"total":     {strings.Repeat("{{>a}}", 1001), "line 1, column 6001: more than 1000 includes"},
		"text":      {strings.Repeat("x", MaxText+1), "the texts together have 262145 bytes; at most 262144 (256 KiB) are allowed; move parts into prompts of their own and include them with {{> name}}, or split the prompt"},
	} {
		_, err := IncludedRefs(text(tc.text))
		var limit *LimitError
		if !errors.As(err, &limit) || err.Error() != tc.want {
			t.Errorf("%s: got %v, want a *LimitError %q", name, err, tc.want)
		}
	}
}

// Not parallel: it measures what the process allocates.
func TestCompile_RefusesNothingButIncludesCheaply(t *testing.T) {
	// Five levels of 256 KiB of includes would come to 43,690^5 texts: who made them would not come to an end.
	all := strings.Repeat("{{>a}}", MaxText/6)
	stored := map[string]string{}
	for i, name := range []string{"a", "b", "c", "d"} {
		stored[name] = strings.ReplaceAll(all, "a", string(rune('b'+i)))
	}
	stored["e"] = strings.Repeat("x", MaxText)
	closure := fragments(t, stored)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := time.Now()
	_, err := Compile(text(all), closure)
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	if _, ok := errors.AsType[*LimitError](err); !ok {
		t.Fatalf("got %v, want a *LimitError", err)
	}
	allocated := after.TotalAlloc - before.TotalAlloc
	t.Logf("%v after %v and %d KiB allocated", err, took, allocated>>10)
	if allocated > 512*MaxText {
		t.Errorf("took %d bytes; want a bounded refusal", allocated)
	}
}

func TestCompile_SpecErrors(t *testing.T) {
	t.Parallel()
	yes, value := true, func(s string) *string { return &s }
	with := func(change func(*Spec)) Spec {
		s := text("x")
		change(&s)
		return s
	}
	declare := func(d Declaration) Spec { return with(func(s *Spec) { s.Arguments = []Declaration{{Name: "z"}, d} }) }
	metadata := func(json string) Spec { return with(func(s *Spec) { s.Metadata = []byte(json) }) }
	for name, tc := range map[string]struct {
		spec Spec
		want string
	}{
		"syntax":                 {with(func(s *Spec) { s.Syntax = "Jinja" }), `syntax: "Jinja" is not one of Mustache, Simple, Plain`},
		"no messages":            {Spec{}, "messages: there is none; write text, or at least one message"},
		"role":                   {Spec{Messages: []Message{{Role: "system", Text: "x"}}}, `messages[0].role: "system" is not one of user, assistant`},
		"NUL in text":            {text("a\x00"), "messages[0].text: contains the character U+0000, which cannot be stored"},
		"invalid UTF-8":          {text("a\xff"), "messages[0].text: is not valid UTF-8"},
		"NUL in title":           {with(func(s *Spec) { s.Title = "\x00" }), "title: contains the character U+0000, which cannot be stored"},
		"long title":             {with(func(s *Spec) { s.Title = strings.Repeat("é", 101) }), "title: has 101 characters; at most 100 are allowed; shorten it"},
		"NUL in description":     {with(func(s *Spec) { s.Description = "\x00" }), "description: contains the character U+0000, which cannot be stored"},
		"category not UTF-8":     {with(func(s *Spec) { s.Category = "\xc3" }), "category: is not valid UTF-8"},
		"NUL in a tag":           {with(func(s *Spec) { s.Tags = []string{"a", "\x00"} }), "tags[1]: contains the character U+0000, which cannot be stored"},
		"empty tag":              {with(func(s *Spec) { s.Tags = []string{""} }), "tags[0]: is empty; remove it"},
		"tag twice":              {with(func(s *Spec) { s.Tags = []string{"a", "b", "a"} }), `tags[2]: "a" is there twice; tags must be unique`},
		"too many tags":          {with(func(s *Spec) { s.Tags = make([]string, 33) }), "tags: 33 tags; at most 32 are allowed; remove some"},
		"arguments in Plain":     {with(func(s *Spec) { s.Syntax, s.Arguments = Plain, []Declaration{{Name: "a"}} }), "arguments: a Plain prompt has no placeholders, so it cannot declare arguments; use syntax Mustache or Simple"},
		"too many arguments":     {with(func(s *Spec) { s.Arguments = make([]Declaration, 129) }), "arguments: 129 arguments; at most 128 are allowed; join some, or split the prompt"},
		"argument name":          {declare(Declaration{Name: "a-b"}), `arguments[1].name: "a-b" is not a name: 1 to 64 letters, digits and '_'`},
		"argument without name":  {declare(Declaration{}), `arguments[1].name: "" is not a name: 1 to 64 letters, digits and '_'`},
		"leading digit":          {declare(Declaration{Name: "1a"}), `arguments[1].name: "1a" starts with a digit, which only syntax Simple allows`},
		"declared twice":         {declare(Declaration{Name: "z"}), `arguments[1].name: "z" is declared twice; argument names must be unique`},
		"type":                   {declare(Declaration{Name: "a", Type: "Float"}), `arguments[1].type: "Float" is not one of String, Integer, Number, Boolean`},
		"NUL in description of":  {declare(Declaration{Name: "a", Description: "\x00"}), "arguments[1].description: contains the character U+0000, which cannot be stored"},
		"NUL in default":         {declare(Declaration{Name: "a", Default: value("\x00")}), "arguments[1].default: contains the character U+0000, which cannot be stored"},
		"long default":           {declare(Declaration{Name: "a", Default: value(strings.Repeat("x", 1025))}), "arguments[1].default: has 1025 characters; at most 1024 are allowed; shorten it"},
		"NUL in enum":            {declare(Declaration{Name: "a", Enum: []string{"\x00"}}), "arguments[1].enum[0]: contains the character U+0000, which cannot be stored"},
		"enum value twice":       {declare(Declaration{Name: "a", Enum: []string{"x", "x"}}), `arguments[1].enum[1]: "x" is there twice; enum values must be unique`},
		"too large an enum":      {declare(Declaration{Name: "a", Enum: make([]string, 65)}), "arguments[1].enum: 65 values; at most 64 are allowed; remove some, or leave enum out and describe the values"},
		"enum outside its type":  {declare(Declaration{Name: "a", Type: Number, Enum: []string{"1", ".5"}}), `arguments[1].enum[1]: ".5" is not a Number; write one as JSON does, such as 0.5 or 1e6`},
		"default and required":   {declare(Declaration{Name: "a", Default: value(""), Required: &yes}), "arguments[1]: an argument with a default is optional; drop required or default"},
		"default outside enum":   {declare(Declaration{Name: "a", Default: value("c"), Enum: []string{"a", "b"}}), `arguments[1].default: "c" is not one of a, b`},
		"default not Integer":    {declare(Declaration{Name: "a", Type: Integer, Default: value("1.5")}), `arguments[1].default: "1.5" is not an Integer; write a whole number, such as 5`},
		"default not Boolean":    {declare(Declaration{Name: "a", Type: Boolean, Default: value("yes")}), `arguments[1].default: "yes" is not a Boolean; write true or false`},
		"metadata not an object": {metadata(`["a"]`), `metadata: must be a JSON object, such as {"owner": "ops"}`},
		"metadata null":          {metadata(`null`), `metadata: must be a JSON object, such as {"owner": "ops"}`},
		"metadata not JSON":      {metadata(`{"a":}`), `metadata: is not JSON: invalid character '}' looking for beginning of value`},
		"metadata and more":      {metadata(`{} {}`), `metadata: is not JSON that can be kept: Improperly terminated JSON object`},
		"metadata open":          {metadata(`{"a":[1`), `metadata: is not JSON that can be kept: Unexpected EOF reached`},
		"metadata blank":         {metadata(` `), `metadata: is not JSON: EOF`},
		"metadata NUL":           {metadata(`{"a":["x\u0000"]}`), `metadata: contains the character U+0000, which cannot be stored`},
		"metadata NUL in a name": {metadata(`{"a\u0000":1}`), `metadata: contains the character U+0000, which cannot be stored`},
		"metadata not UTF-8":     {metadata("{\"a\":\"\xff\"}"), `metadata: is not valid UTF-8`},
		"metadata twice":         {metadata(`{"b":{"a":1,"\u0061":2}}`), `metadata: is not JSON that can be kept: Duplicate key: "a"`},
		"metadata surrogate":     {metadata(`{"a":"\ud800"}`), `metadata: is not JSON that can be kept: Missing surrogate`},
		"metadata large integer": {metadata(`{"a":9007199254740993}`), `metadata: the number 9007199254740993 cannot be kept exactly; write it as a string`},
		"metadata infinite":      {metadata(`{"a":1e999}`), `metadata: the number 1e999 cannot be kept exactly; write it as a string`},
		"metadata nested":        {metadata(strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33)), `metadata: objects and arrays are nested more than 32 deep`},
		"metadata long":          {metadata(`{"a":"` + strings.Repeat("x", MaxMetadata) + `"}`), `metadata: has 16392 bytes as compact JSON; at most 16384 (16 KiB) are allowed; shorten its values or remove some`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(tc.spec, nil)
			if _, ok := errors.AsType[*SpecError](err); !ok {
				t.Fatalf("got %v, want a *SpecError", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

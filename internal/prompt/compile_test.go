package prompt_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

// text is a prompt of one user message.
func text(s string) Spec { return Spec{Messages: []Message{{Role: User, Text: s}}} }

// fragments are stored fragments by how they are included: "name", "name@3".
func fragments(t testing.TB, texts map[string]string) map[Ref]Fragment {
	t.Helper()
	stored := map[Ref]Fragment{}
	for written, body := range texts {
		ref, err := ParseRef(written)
		if err != nil {
			t.Fatal(err)
		}
		version := ref.Version
		if version == 0 {
			version = 7
		}
		stored[ref] = Fragment{Name: ref.Name, Version: version, Syntax: Mustache, Messages: text(body).Messages}
	}
	return stored
}

// compile compiles what must compile.
func compile(t testing.TB, spec Spec, stored map[Ref]Fragment) *Compiled {
	t.Helper()
	c, err := Compile(spec, stored)
	if err != nil {
		t.Fatalf("Compile: %v", err)
	}
	return c
}

func TestCompile(t *testing.T) {
	t.Parallel()
	brief, no := "brief", false
	spec := Spec{
		Title: "Handover", Description: "Hand over", Category: "itsm",
		Tags:     []string{"shift", "incident"},
		Metadata: []byte(`{ "owner":"ops", "limits": {"z": 1.0, "a": "\u003c"} }`),
		Arguments: []Declaration{
			{Name: "ticket", Description: "Ticket number"},
			{Name: "tone", Enum: []string{"brief", "detailed"}, Default: &brief},
			{Name: "urgent", Type: Boolean, Required: &no},
		},
		Messages: []Message{
			{Role: User, Text: "Write {{ tone }} for {{{ticket}}}.\n{{! not shown }}\n{{> house-style@3}}\n"},
			{Role: Assistant, Text: "{{#urgent}}\nNow.\n{{/urgent}}\n"},
		},
	}
	c := compile(t, spec, fragments(t, map[string]string{
		"house-style@3":    "No slang. {{> sign}}{{> sign@production}}\n",
		"sign":             "Bye, {{&tone}}",
		"sign@production":  "!",
		"not-asked-for@12": "x",
	}))
	want := Document{
		Syntax: Mustache, Title: "Handover", Description: "Hand over", Category: "itsm",
		Tags:     []string{"incident", "shift"},
		Metadata: []byte(`{"limits":{"a":"<","z":1},"owner":"ops"}`),
		Arguments: []Argument{
			{Name: "ticket", Description: "Ticket number", Type: String, Required: true},
			{Name: "tone", Type: String, Enum: []string{"brief", "detailed"}, Default: &brief},
			{Name: "urgent", Type: Boolean},
		},
		Messages: []Message{
			{Role: User, Text: "Write {{tone}} for {{ticket}}.\nNo slang. Bye, {{tone}}!\n"},
			{Role: Assistant, Text: "{{#urgent}}Now.\n{{/urgent}}"},
		},
		Source: spec.Messages,
	}
	if diff := cmp.Diff(want, c.Document); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	wantIncludes := []Included{
		{Name: "house-style", Version: 3, Selector: "@3"},
		{Name: "sign", Version: 7},
		{Name: "sign", Version: 7, Selector: "@production"},
	}
	if diff := cmp.Diff(wantIncludes, c.Includes); diff != "" {
		t.Errorf("includes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.Messages, c.Document.AsWritten()); diff != "" {
		t.Errorf("as written (-want +got):\n%s", diff)
	}
}

func TestCompile_LeavesTextAlone(t *testing.T) {
	t.Parallel()
	const odd = "{{#a}} {{ b }} {{{c}}} {{d}} {{!e}}\r\n{{> f}} {{"
	for name, tc := range map[string]struct {
		spec          Spec
		wantArguments []Argument
	}{
		"Plain":    {Spec{Syntax: Plain, Messages: text(odd).Messages}, nil},
		"Simple":   {Spec{Syntax: Simple, Messages: text(odd).Messages}, []Argument{{Name: "c", Type: String, Required: true}, {Name: "d", Type: String, Required: true}}},
		"Mustache": {text("Hello {{x}}{{#y}}!{{/y}}"), []Argument{{Name: "x", Type: String, Required: true}, {Name: "y", Type: String}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := compile(t, tc.spec, nil).Document
			if diff := cmp.Diff(tc.spec.Messages, d.Messages); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
			if d.Source != nil {
				t.Errorf("source is %q, want none where nothing was expanded", d.Source)
			}
			if diff := cmp.Diff(tc.wantArguments, d.Arguments); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompile_InfersArguments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want []Argument
	}{
		"none":                            {"Hello", nil},
		"a value is required":             {"{{b}} {{a}} {{b}}", []Argument{{Name: "b", Type: String, Required: true}, {Name: "a", Type: String, Required: true}}},
		"only asked about is optional":    {"{{#a}}x{{/a}}{{^b}}y{{/b}}", []Argument{{Name: "a", Type: String}, {Name: "b", Type: String}}},
		"asked about and used":            {"{{#a}}{{a}}{{/a}}", []Argument{{Name: "a", Type: String, Required: true}}},
		"an empty section still asks":     {"{{#a}}{{/a}}", []Argument{{Name: "a", Type: String}}},
		"what a fragment uses is ours":    {"{{> f}}", []Argument{{Name: "from_fragment", Type: String, Required: true}}},
		"what a comment says is not used": {"{{! {{a }}", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := compile(t, text(tc.text), fragments(t, map[string]string{"f": "{{from_fragment}}"}))
			if diff := cmp.Diff(tc.want, c.Document.Arguments); diff != "" {
				t.Errorf("arguments (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryArgumentOptional(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		text string
		want bool
	}{
		"no arguments": {"x", false},
		"one required": {"{{#a}}{{b}}{{/a}}", false},
		"all optional": {"{{#a}}b{{/a}}", true},
	} {
		if got := compile(t, text(tc.text), nil).EveryArgumentOptional(); got != tc.want {
			t.Errorf("%s: got %v, want %v", name, got, tc.want)
		}
	}
}

func TestCompile_TemplateErrors(t *testing.T) {
	t.Parallel()
	stored := map[string]string{
		"bad":       "fine\n  {{oops",
		"unknown":   "a\nb {{stranger}}",
		"opens":     "x{",
		"begins":    "{y",
		"a":         "{{> b}}",
		"b":         "\n {{> a}}",
		"two-lines": "1\n2",
	}
	for name, tc := range map[string]struct {
		text string
		want string
	}{
		"unclosed tag":           {"é\nää {{name", `line 2, column 4: "{{" opens a tag that is never closed; write "}}" after the name, or use syntax Simple or Plain for literal braces`},
		"unclosed section":       {"{{#a}}\n{{#b}}{{/b}}", `line 1, column 1: the section "a" is never closed; write {{/a}} where it ends`},
		"mismatched close":       {"{{#a}}\n{{#b}}\n{{/a}}", `line 3, column 1: {{/a}} closes the section "b" opened at line 2, column 1; write {{/b}} first`},
		"close without open":     {"x {{/a}}", `line 1, column 3: {{/a}} closes a section that was never opened; write {{#a}} before it, or remove it`},
		"empty":                  {"{{}}", `line 1, column 1: {{}} names nothing; write {{name}}, or for literal braces use syntax Simple or Plain`},
		"blank":                  {"{{ }}", `line 1, column 1: {{ }} names nothing; write {{name}}, or for literal braces use syntax Simple or Plain`},
		"the current value":      {"{{.}}", `line 1, column 1: {{.}} is not supported, since no argument is a list; write the argument's name, as in {{name}}`},
		"dotted":                 {"{{a.b}}", `line 1, column 1: {{a.b}} is a dotted name, which is not supported, since arguments have no fields; write an argument such as {{a_b}}`},
		"delimiters":             {"{{=<% %>=}}", `line 1, column 1: {{=<% %>=}} would change the delimiters, which is not supported; keep {{ and }}, or for literal braces use syntax Simple or Plain`},
		"inheritance":            {"{{<parent}}", `line 1, column 1: {{<parent}} is template inheritance, which is not supported; include a fragment with {{> name}}`},
		"blanks in a name":       {"{{#if a}}", `line 1, column 1: {{#if a}} is not a tag: a name is letters, digits and '_'; for literal braces use syntax Simple or Plain`},
		"over a line end":        {"{{\na}}", `line 1, column 1: {{\na}} is not a tag: a name is letters, digits and '_'; for literal braces use syntax Simple or Plain`},
		"JSON":                   {`{"a": {{"b": 1}}}`, `line 1, column 7: {{"b": 1}} is not a tag: a name is letters, digits and '_'; for literal braces use syntax Simple or Plain`},
		"leading digit":          {"{{1st}}", `line 1, column 1: {{1st}} starts with a digit; a name starts with a letter or '_' (syntax Simple allows a digit)`},
		"long name":              {"{{" + strings.Repeat("n", 65) + "}}", `line 1, column 1: {{` + strings.Repeat("n", 40) + `…}} has a name of 65 characters; at most 64 are allowed; shorten it`},
		"two braces of three":    {"{{{a}} b", `line 1, column 1: {{{a}} needs three closing braces; write {{name}} for a value, or use syntax Simple or Plain for literal braces`},
		"include of a path":      {"{{> a/b}}", `line 1, column 1: include {{> a/b}}: "a/b" is not the name of a prompt: at most 63 lower-case letters, digits and '-', starting and ending with a letter or digit`},
		"include of version 0":   {"{{> a@0}}", `line 1, column 1: include {{> a@0}}: "0" is neither a version nor a channel: write @3 for version 3, or @production for a channel (a lower-case letter, then letters, digits and '-', at most 36)`},
		"in a fragment":          {"1\n{{> bad}}", `fragment bad, line 2, column 3: "{{" opens a tag that is never closed; write "}}" after the name, or use syntax Simple or Plain for literal braces`},
		"brace before a tag":     {"{{> opens}}{{x}}", `line 1, column 12: joining the texts here puts a literal "{" right before another "{", which would read as a tag; put a blank between them`},
		"brace before a brace":   {"{{> opens}}{{> begins}}", `fragment begins, line 1, column 1: joining the texts here puts a literal "{" right before another "{", which would read as a tag; put a blank between them`},
		"brace before a section": {"{{> opens}}{{! gone }}{{#x}}{{/x}}", `line 1, column 23: joining the texts here puts a literal "{" right before another "{", which would read as a tag; put a blank between them`},
		"brace before its own":   {"{{> opens}}{", `line 1, column 12: joining the texts here puts a literal "{" right before another "{", which would read as a tag; put a blank between them`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(text(tc.text), fragments(t, stored))
			if _, ok := errors.AsType[*TemplateError](err); !ok {
				t.Fatalf("got %v, want a *TemplateError", err)
			}
			if diff := cmp.Diff(tc.want, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompile_TemplateErrorPlaces(t *testing.T) {
	t.Parallel()
	stored := fragments(t, map[string]string{"sign@3": "x\n y {{who}}"})
	other := stored[Ref{Name: "sign", Selector: Selector{Version: 3}}]
	other.Syntax = Simple
	stored[Ref{Name: "simple"}] = other
	other.Syntax, other.Messages = Mustache, append(other.Messages, other.Messages...)
	stored[Ref{Name: "talk"}] = other
	two := func(second string) Spec {
		return Spec{
			Arguments: []Declaration{{Name: "a"}},
			Messages:  []Message{{Role: User, Text: "{{a}}"}, {Role: Assistant, Text: second}},
		}
	}
	none := text("{{x}}")
	none.Arguments = []Declaration{}
	simple := Spec{Syntax: Simple, Arguments: []Declaration{{Name: "a"}}, Messages: text("{{a}}\n{{{b}}}").Messages}
	for name, tc := range map[string]struct {
		spec Spec
		want *TemplateError
	}{
		"undeclared":                 {two("\n {{b}}"), &TemplateError{Where{Message: 2, Line: 2, Column: 2}, "{{b}} is not a declared argument; declare it under arguments, or use one of a"}},
		"undeclared section":         {two("{{^b}}{{/b}}"), &TemplateError{Where{Message: 2, Line: 1, Column: 1}, "{{^b}} is not a declared argument; declare it under arguments, or use one of a"}},
		"undeclared in a fragment":   {two("{{> sign@3}}"), &TemplateError{Where{Message: 2, Fragment: "sign@3", Line: 2, Column: 4}, "{{who}} is not a declared argument; declare it under arguments, or use one of a"}},
		"none declared":              {none, &TemplateError{Where{Line: 1, Column: 1}, "{{x}} is not a declared argument; arguments is empty, so declare it there, or leave arguments out to have every placeholder become one"}},
		"undeclared in Simple":       {simple, &TemplateError{Where{Line: 2, Column: 2}, "{{b}} is not a declared argument; declare it under arguments, or use one of a"}},
		"long name in Simple":        {Spec{Syntax: Simple, Messages: text("{{" + strings.Repeat("n", 65) + "}}").Messages}, &TemplateError{Where{Line: 1, Column: 1}, "{{" + strings.Repeat("n", 40) + "…}} has a name of 65 characters; at most 64 are allowed; shorten it"}},
		"a Simple fragment":          {two("{{> simple}}"), &TemplateError{Where{Message: 2, Line: 1, Column: 1}, "{{> simple}} includes a prompt whose syntax is Simple; only Mustache prompts can be included"}},
		"a fragment of two messages": {two("{{> talk}}"), &TemplateError{Where{Message: 2, Line: 1, Column: 1}, "{{> talk}} includes a prompt of 2 messages; only a prompt of one message can be included"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(tc.spec, stored)
			var got *TemplateError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want a *TemplateError", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompile_RefusesIncludes(t *testing.T) {
	t.Parallel()
	stored := fragments(t, map[string]string{
		"a": "x\n{{> b}}", "b": "\n {{> a}}",
		"d1": "{{> d2}}", "d2": "{{> d3}}", "d3": "{{> d4}}", "d4": "{{> d5}}", "d5": "{{> d6}}", "d6": "end",
	})
	for name, tc := range map[string]struct {
		text    string
		want    IncludeError
		message string
	}{
		"cycle among fragments": {
			"{{> a}}",
			IncludeError{Fault: IncludeCycle, Path: []string{"a", "b", "a"}, Where: &Where{Fragment: "b", Line: 2, Column: 2}},
			`fragment b, line 2, column 2: includes form a cycle: a → b → a; remove one of them`,
		},
		"depth over it": {
			"{{> d1}}",
			IncludeError{Fault: IncludeTooDeep, Path: []string{"d1", "d2", "d3", "d4", "d5", "d6"}, Where: &Where{Fragment: "d5", Line: 1, Column: 1}},
			"fragment d5, line 1, column 1: includes are nested more than 5 deep: d1 → d2 → d3 → d4 → d5 → d6",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Compile(text(tc.text), stored)
			got, is := errors.AsType[*IncludeError](err)
			if !is {
				t.Fatalf("got %v, want an *IncludeError", err)
			}
			if diff := cmp.Diff(tc.want, *got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tc.message, err.Error()); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCompile_NamesMissingFragments(t *testing.T) {
	t.Parallel()
	stored := fragments(t, map[string]string{"a": "{{> c}}{{> b@2}}"})
	spec := Spec{Messages: []Message{{Role: User, Text: "x"}, {Role: User, Text: "{{> a}}\n{{> b@2}} {{> d@production}}"}}}
	_, err := Compile(spec, stored)
	var got *IncludeError
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want an *IncludeError", err)
	}
	want := &IncludeError{
		Fault: IncludeMissing,
		Refs: []Ref{
			{Name: "c"},
			{Name: "b", Selector: Selector{Version: 2}},
			{Name: "d", Selector: Selector{Channel: "production"}},
		},
		Where: &Where{Message: 2, Fragment: "a", Line: 1, Column: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	const message = "message 2, fragment a, line 1, column 1: fragments c, b@2, d@production are not published in this namespace; publish them or correct the includes"
	if diff := cmp.Diff(message, err.Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestCompile_ErrorsOfOne(t *testing.T) {
	t.Parallel()
	_, err := Compile(text("x {{> a@3}}"), nil)
	if want := "line 1, column 3: fragment a@3 is not published in this namespace; publish it or correct the include"; err == nil || err.Error() != want {
		t.Errorf("missing: got %v, want %s", err, want)
	}
	_, err = Compile(text("x {{> a}}"), fragments(t, map[string]string{"a": "\x00"}))
	if want := "line 1, column 3: {{> a}} includes a text that contains the character U+0000, which cannot be stored"; err == nil || err.Error() != want {
		t.Errorf("broken fragment: got %v, want %s", err, want)
	}
	all := &ArgumentError{Fault: ArgumentTooLarge, Problem: "too much"}
	if all.Error() != "too much" {
		t.Errorf("got %s", all)
	}
}

func TestCompile_SimpleTakesNamesThatStartWithADigit(t *testing.T) {
	t.Parallel()
	spec := Spec{Syntax: Simple, Arguments: []Declaration{{Name: "1st"}}, Messages: text("{{1st}}").Messages}
	d := compile(t, spec, nil).Document
	if diff := cmp.Diff([]Argument{{Name: "1st", Type: String, Required: true}}, d.Arguments); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(spec.Messages, d.AsWritten()); diff != "" {
		t.Errorf("as written (-want +got):\n%s", diff)
	}
}

func TestIncludedRefs(t *testing.T) {
	t.Parallel()
	const body = "{{> b}}{{>a@3}} {{> a }}\n{{! {{> no}}{{> a@3 }}{{>a@latest}}"
	want := []Ref{
		{Name: "b"},
		{Name: "a", Selector: Selector{Version: 3}},
		{Name: "a"},
		{Name: "a", Selector: Selector{Channel: "latest"}},
	}
	got, err := IncludedRefs(text(body))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("spec: %v (-want +got):\n%s", err, diff)
	}
	got, err = Fragment{Name: "f", Version: 1, Syntax: Mustache, Messages: text(body).Messages}.IncludedRefs()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("fragment: %v (-want +got):\n%s", err, diff)
	}
	for _, syntax := range []Syntax{Simple, Plain} {
		got, err := IncludedRefs(Spec{Syntax: syntax, Messages: text(body).Messages})
		if len(got) != 0 || err != nil {
			t.Errorf("%s: got %v, %v; only Mustache has includes", syntax, got, err)
		}
	}
	_, err = Fragment{Name: "f", Version: 4, Syntax: Mustache, Messages: text("\n{{").Messages}.IncludedRefs()
	if want := `fragment f@4, line 2, column 1: "{{" opens a tag that is never closed; write "}}" after the name, or use syntax Simple or Plain for literal braces`; err == nil || err.Error() != want {
		t.Errorf("broken fragment: got %v, want %s", err, want)
	}
}

package prompt_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

// prepare compiles and prepares what must do both.
func prepare(t testing.TB, spec Spec, stored map[Ref]Fragment) *Template {
	t.Helper()
	ready, err := NewTemplate(&compile(t, spec, stored).Document)
	if err != nil {
		t.Fatalf("Prepare: %v", err)
	}
	return ready
}

func TestRender(t *testing.T) {
	t.Parallel()
	no, value := false, func(s string) *string { return &s }
	typed := []Declaration{
		{Name: "s", Required: &no},
		{Name: "i", Type: Integer, Required: &no},
		{Name: "n", Type: Number, Required: &no},
		{Name: "b", Type: Boolean, Required: &no},
		{Name: "d", Default: value("dflt")},
		{Name: "off", Type: Boolean, Default: value("false")},
		{Name: "blank", Default: value("")},
	}
	const each = "{{#s}}s={{s}} {{/s}}{{#i}}i={{i}} {{/i}}{{#n}}n={{n}} {{/n}}{{#b}}b={{b}} {{/b}}{{#d}}d={{d}} {{/d}}{{#off}}off={{off}} {{/off}}{{#blank}}blank{{/blank}}"
	for name, tc := range map[string]struct {
		syntax    Syntax
		arguments []Declaration
		text      string
		values    map[string]string
		want      string
	}{
		"nothing given":              {Mustache, typed, each, nil, "d=dflt "},
		"everything given":           {Mustache, typed, each, map[string]string{"s": " ", "i": "-007", "n": "1.50e+3", "b": "true", "d": "x", "off": "true", "blank": "y"}, "s=  i=-007 n=1.50e+3 b=true d=x off=true blank"},
		"zero is something":          {Mustache, typed, each, map[string]string{"i": "0", "n": "0"}, "i=0 n=0 d=dflt "},
		"false and empty are falsy":  {Mustache, typed, each, map[string]string{"s": "", "b": "false", "d": ""}, ""},
		"false as a String is text":  {Mustache, typed, each, map[string]string{"s": "false"}, "s=false d=dflt "},
		"falsy values still print":   {Mustache, typed, "{{b}}{{off}}[{{blank}}{{s}}]", map[string]string{"b": "false"}, "falsefalse[]"},
		"inverted":                   {Mustache, typed, "{{^s}}a{{/s}}{{^off}}b{{/off}}{{^d}}c{{/d}}", nil, "ab"},
		"sections in sections":       {Mustache, typed, "{{#d}}1{{^s}}2{{#i}}3{{/i}}4{{/s}}5{{/d}}6", nil, "12456"},
		"skipped with what is in it": {Mustache, typed, "a{{#s}}b{{#d}}c{{/d}}{{^d}}e{{/d}}f{{/s}}g", nil, "ag"},
		"values are inert":           {Mustache, nil, "{{a}}{{b}}", map[string]string{"a": "{{b}}{{#b}}", "b": "{{> x}}{{a}}"}, "{{b}}{{#b}}{{> x}}{{a}}"},
		"values make no tag":         {Mustache, nil, "{ {{a}}{{b}} }", map[string]string{"a": "{{", "b": "a}}"}, "{ {{a}} }"},
		"no escaping":                {Mustache, nil, "{{a}}", map[string]string{"a": "<&\"'>\r\n"}, "<&\"'>\r\n"},
		"brace after a tag":          {Mustache, nil, "{{a}}}", map[string]string{"a": "x"}, "x}"},
		"Simple":                     {Simple, nil, "{{{a}}} {{ a }} {{a}}{{1}}{{a}", map[string]string{"a": "{{1}}", "1": "x"}, "{{{1}}} {{ a }} {{1}}x{{a}"},
		"Simple takes standalone":    {Simple, nil, "x\n  {{a}}\n", map[string]string{"a": ""}, "x\n  \n"},
		"Simple with an open end":    {Simple, nil, "{{a}} {{b", map[string]string{"a": "1"}, "1 {{b"},
		"Plain":                      {Plain, nil, "{{a}} {{#b}}", nil, "{{a}} {{#b}}"},
		"a comment and no more":      {Mustache, nil, "{{! only me }}\n", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ready := prepare(t, Spec{Syntax: tc.syntax, Arguments: tc.arguments, Messages: text(tc.text).Messages}, nil)
			got, err := ready.Render(tc.values)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Message{{Role: User, Text: tc.want}}, got); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRender_KeepsRolesAndOrder(t *testing.T) {
	t.Parallel()
	ready := prepare(t, Spec{Messages: []Message{
		{Role: User, Text: "Who is {{who}}?"},
		{Role: Assistant, Text: "Nobody knows."},
		{Role: User, Text: "{{who}}"},
	}}, nil)
	want := []Message{
		{Role: User, Text: "Who is Ann?"},
		{Role: Assistant, Text: "Nobody knows."},
		{Role: User, Text: "Ann"},
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			got, err := ready.Render(map[string]string{"who": "Ann"})
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		})
	}
	all.Wait()
}

func TestRender_RefusesValues(t *testing.T) {
	t.Parallel()
	brief, no := "brief", false
	spec := text("{{ticket}}{{tone}}{{count}}{{ratio}}{{urgent}}")
	spec.Arguments = []Declaration{
		{Name: "ticket"},
		{Name: "tone", Enum: []string{"brief", "detailed"}, Default: &brief},
		{Name: "count", Type: Integer, Required: &no},
		{Name: "ratio", Type: Number, Required: &no},
		{Name: "urgent", Type: Boolean, Required: &no},
		{Name: "more", Required: &no}, {Name: "more2", Required: &no}, {Name: "more3", Required: &no},
	}
	ready := prepare(t, spec, nil)
	large := strings.Repeat("x", MaxValue)
	for name, tc := range map[string]struct {
		change map[string]string
		want   *ArgumentError
	}{
		"unknown":        {map[string]string{"tonne": "x", "zone": "y"}, &ArgumentError{"tonne", ArgumentUnknown, "this prompt takes no such argument; it takes ticket, tone, count, ratio, urgent, more, more2, more3"}},
		"not in enum":    {map[string]string{"tone": "loud"}, &ArgumentError{"tone", ArgumentInvalid, `"loud" is not one of brief, detailed`}},
		"not an Integer": {map[string]string{"count": "1.0"}, &ArgumentError{"count", ArgumentInvalid, `"1.0" is not an Integer; write a whole number, such as 5`}},
		"not a Number":   {map[string]string{"ratio": "NaN"}, &ArgumentError{"ratio", ArgumentInvalid, `"NaN" is not a Number; write one as JSON does, such as 0.5 or 1e6`}},
		"not a Boolean":  {map[string]string{"urgent": "yes"}, &ArgumentError{"urgent", ArgumentInvalid, `"yes" is not a Boolean; write true or false`}},
		"NUL":            {map[string]string{"ticket": "\x00"}, &ArgumentError{"ticket", ArgumentInvalid, "contains the character U+0000, which cannot be stored"}},
		"invalid UTF-8":  {map[string]string{"ticket": "\xff"}, &ArgumentError{"ticket", ArgumentInvalid, "is not valid UTF-8"}},
		"one too large":  {map[string]string{"ticket": large + "x"}, &ArgumentError{"ticket", ArgumentTooLarge, "has 65537 bytes; at most 65536 (64 KiB) are allowed; shorten it"}},
		"all too large":  {map[string]string{"ticket": large, "more": large, "more2": large, "more3": large, "count": "1"}, &ArgumentError{"", ArgumentTooLarge, "the values together have 262145 bytes; at most 262144 (256 KiB) are allowed; shorten them"}},
		"long and wrong": {map[string]string{"tone": strings.Repeat("é", 100)}, &ArgumentError{"tone", ArgumentInvalid, `"` + strings.Repeat("é", 80) + `…" is not one of brief, detailed`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			values := map[string]string{"ticket": "INC-1"}
			maps.Copy(values, tc.change)
			_, err := ready.Render(values)
			var got *ArgumentError
			if !errors.As(err, &got) {
				t.Fatalf("got %v, want an *ArgumentError", err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
	_, err := ready.Render(map[string]string{"tone": "loud"})
	if want := `argument "ticket": is required; give it a value`; err == nil || err.Error() != want {
		t.Errorf("missing: got %v, want %s", err, want)
	}
	_, err = prepare(t, text("x"), nil).Render(map[string]string{"a": "b"})
	if want := `argument "a": this prompt takes no arguments; leave it out`; err == nil || err.Error() != want {
		t.Errorf("no arguments: got %v, want %s", err, want)
	}
}

// TestRender_EmptyValues: an empty value is none where the argument cannot be empty, and a text where it can.
func TestRender_EmptyValues(t *testing.T) {
	t.Parallel()
	brief, no := "brief", false
	spec := text("<{{text}}|{{tone}}|{{maybe}}|{{count}}{{^count}}none{{/count}}|{{ratio}}|{{#urgent}}!{{/urgent}}{{^urgent}}calm{{/urgent}}>")
	spec.Arguments = []Declaration{
		{Name: "text"},
		{Name: "tone", Enum: []string{"brief", "detailed"}, Default: &brief},
		{Name: "maybe", Enum: []string{"", "x"}, Default: new("x")},
		{Name: "count", Type: Integer, Required: &no},
		{Name: "ratio", Type: Number, Default: new("0.5")},
		{Name: "urgent", Type: Boolean, Required: &no},
	}
	ready := prepare(t, spec, nil)
	values := map[string]string{"text": "", "tone": "", "maybe": "", "count": "", "ratio": "", "urgent": ""}
	got, err := ready.Render(values)
	if err != nil || got[0].Text != "<|brief||none|0.5|calm>" {
		t.Errorf("got %q, %v", got, err)
	}
	if diff := cmp.Diff([]string{"maybe", "text"}, ready.GivenNames(values)); diff != "" {
		t.Errorf("given (-want +got)\n%s", diff)
	}
	spec.Arguments[1].Default = nil
	_, err = prepare(t, spec, nil).Render(values)
	if want := `argument "tone": is required; give it a value`; err == nil || err.Error() != want {
		t.Errorf("an empty value for what is required: got %v, want %s", err, want)
	}
}

func TestRender_StopsAtItsLimit(t *testing.T) {
	t.Parallel()
	ready := prepare(t, Spec{Messages: []Message{
		{Role: User, Text: strings.Repeat("{{a}}", 8)},
		{Role: User, Text: strings.Repeat("{{a}}", 8)},
		{Role: User, Text: "{{b}}"},
	}}, nil)
	values := map[string]string{"a": strings.Repeat("x", MaxValue), "b": ""}
	got, err := ready.Render(values)
	if err != nil || len(got[0].Text)+len(got[1].Text) != MaxRendered {
		t.Fatalf("at the limit: %v", err)
	}
	values["b"] = "!"
	_, err = ready.Render(values)
	if _, ok := errors.AsType[*LimitError](err); !ok {
		t.Fatalf("over the limit: got %v, want a *LimitError", err)
	}
	if diff := cmp.Diff("the rendered messages are longer than 1048576 bytes (1 MiB); give shorter values", err.Error()); diff != "" {
		t.Errorf("message (-want +got):\n%s", diff)
	}
}

func TestNewTemplate_RefusesWhatWasNotCompiled(t *testing.T) {
	t.Parallel()
	a := []Argument{{Name: "a", Type: String, Required: true}}
	for name, d := range map[string]Document{
		"syntax":         {Syntax: "Jinja", Messages: text("x").Messages},
		"undeclared":     {Syntax: Mustache, Messages: text("{{a}}").Messages},
		"padding":        {Syntax: Mustache, Arguments: a, Messages: text("{{ a }}").Messages},
		"triple":         {Syntax: Mustache, Arguments: a, Messages: text("{{{a}}}").Messages},
		"comment":        {Syntax: Mustache, Messages: text("{{!a}}").Messages},
		"include":        {Syntax: Mustache, Messages: text("{{>a}}").Messages},
		"open section":   {Syntax: Mustache, Arguments: a, Messages: text("{{#a}}").Messages},
		"one twice":      {Syntax: Plain, Arguments: append(a, a...), Messages: text("x").Messages},
		"many arguments": {Syntax: Plain, Arguments: make([]Argument, MaxArguments+1), Messages: text("x").Messages},
		"many messages":  {Syntax: Plain, Messages: make([]Message, MaxMessages+1)},
	} {
		if _, err := NewTemplate(&d); err == nil {
			t.Errorf("%s: prepared, want an error", name)
		}
	}
}

func TestRender_Types(t *testing.T) {
	t.Parallel()
	for kind, values := range map[Type]struct{ taken, refused []string }{
		Integer: {[]string{"0", "-1", "007", strings.Repeat("9", 40)}, []string{"", "-", "+1", "1.0", "1e3", " 1", "1 ", "٣", "--1"}},
		Number:  {[]string{"0", "-0", "1.50", "-0.1", "1e3", "1E+3", "2e-07", "10"}, []string{"", "-", ".5", "1.", "01", "1e", "1e+", "e3", "1.2.3", "+1", "1,5", "NaN", "Inf", "0x1", "1_0", "1e1.5"}},
		Boolean: {[]string{"true", "false"}, []string{"", "True", "1", "yes"}},
		String:  {[]string{"", "\n", "{{x}}"}, nil},
	} {
		ready := prepare(t, Spec{Arguments: []Declaration{{Name: "x", Type: kind}}, Messages: text("{{x}}").Messages}, nil)
		for _, value := range values.taken {
			got, err := ready.Render(map[string]string{"x": value})
			if err != nil || got[0].Text != value {
				t.Errorf("%s %q: got %q, %v", kind, value, got, err)
			}
		}
		for _, value := range values.refused {
			if got, err := ready.Render(map[string]string{"x": value}); err == nil {
				t.Errorf("%s %q: got %q, want an error", kind, value, got)
			}
		}
	}
}

package prompt_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	. "github.com/lectern-dev/lectern/internal/prompt"
)

// Why a case of the language's own suite is not ours to pass. A case that is refused is compiled,
// and must be an error; the others ask for values no caller can give, or for other output.
const (
	dotted    = "refused: dotted names"
	current   = "refused: {{.}}"
	recursive = "refused: a fragment that includes itself"
	absent    = "refused: a fragment that is not there"
	escaped   = "we do not escape for HTML"
	indented  = "we do not indent what is included"
	nested    = "values are scalars, not lists or objects"
)

var leftOut = map[string]map[string]string{
	"comments": {},
	"interpolation": {
		"HTML Escaping":                                    escaped,
		"Dotted Names - Basic Interpolation":               dotted,
		"Dotted Names - Triple Mustache Interpolation":     dotted,
		"Dotted Names - Ampersand Interpolation":           dotted,
		"Dotted Names - Arbitrary Depth":                   dotted,
		"Dotted Names - Broken Chains":                     dotted,
		"Dotted Names - Broken Chain Resolution":           dotted,
		"Dotted Names - Initial Resolution":                dotted,
		"Dotted Names - Context Precedence":                dotted,
		"Dotted Names are never single keys":               dotted,
		"Dotted Names - No Masking":                        dotted,
		"Implicit Iterators - Basic Interpolation":         current,
		"Implicit Iterators - HTML Escaping":               current,
		"Implicit Iterators - Triple Mustache":             current,
		"Implicit Iterators - Ampersand":                   current,
		"Implicit Iterators - Basic Integer Interpolation": current,
	},
	"inverted": {
		"Context":                      nested,
		"List":                         nested,
		"Empty List":                   nested,
		"Dotted Names - Truthy":        dotted,
		"Dotted Names - Falsey":        dotted,
		"Dotted Names - Broken Chains": dotted,
	},
	"partials": {
		"Failed Lookup":                    absent,
		"Recursion":                        recursive,
		"Standalone Without Previous Line": indented,
		"Standalone Without Newline":       indented,
		"Standalone Indentation":           indented,
	},
	"sections": {
		"Context":                             nested,
		"Parent contexts":                     dotted,
		"Variable test":                       current,
		"List Contexts":                       dotted,
		"Deeply Nested Contexts":              current,
		"List":                                nested,
		"Empty List":                          nested,
		"Implicit Iterator - String":          current,
		"Implicit Iterator - Integer":         current,
		"Implicit Iterator - Decimal":         current,
		"Implicit Iterator - Array":           current,
		"Implicit Iterator - HTML Escaping":   current,
		"Implicit Iterator - Triple mustache": current,
		"Implicit Iterator - Ampersand":       current,
		"Implicit Iterator - Root-level":      current,
		"Dotted Names - Truthy":               dotted,
		"Dotted Names - Falsey":               dotted,
		"Dotted Names - Broken Chains":        dotted,
	},
}

// specCase is a case as the suite writes it.
type specCase struct {
	Name, Template, Expected string
	Data                     json.RawMessage
	Partials                 map[string]string
}

// testdata is the folder of shared test inputs, or "" where there is none.
func testdata(t testing.TB) string {
	folder := os.Getenv("LECTERN_TESTDATA")
	if folder == "" {
		folder = filepath.Join("..", "..", "..", "shared", "data")
	}
	if _, err := os.Stat(folder); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("shared test inputs: %v; set LECTERN_TESTDATA", err)
		}
		t.Logf("shared test inputs: %v; working on the cases written here only", err)
		return ""
	}
	return folder
}

func TestCompile_MustacheSpec(t *testing.T) {
	t.Parallel()
	folder := testdata(t)
	if folder == "" {
		return
	}
	for suite, out := range leftOut {
		text, err := os.ReadFile(filepath.Join(folder, "mustache-spec", suite+".json"))
		if err != nil {
			t.Fatal(err)
		}
		var file struct{ Tests []specCase }
		if err := json.Unmarshal(text, &file); err != nil {
			t.Fatal(err)
		}
		known := map[string]bool{}
		for _, c := range file.Tests {
			known[c.Name] = true
			t.Run(suite+"/"+c.Name, func(t *testing.T) {
				t.Parallel()
				switch reason := out[c.Name]; reason {
				case "":
					passes(t, c)
				case escaped, indented, nested:
				default:
					isRefused(t, c, reason)
				}
			})
		}
		for name := range out {
			if !known[name] {
				t.Errorf("%s/%s is left out and not in the suite", suite, name)
			}
		}
	}
}

func passes(t *testing.T, c specCase) {
	stored := fragments(t, c.Partials)
	var given map[string]any
	decoder := json.NewDecoder(strings.NewReader(string(c.Data)))
	decoder.UseNumber()
	if err := decoder.Decode(&given); err != nil {
		t.Fatal(err)
	}
	// What the suite leaves out of its data is an optional argument here, and so is null.
	spec, no := text(c.Template), false
	values := map[string]string{}
	for _, a := range compile(t, spec, stored).Document.Arguments {
		d := Declaration{Name: a.Name, Required: &no}
		switch value := given[a.Name].(type) {
		case nil:
		case bool:
			d.Type = Boolean
			values[a.Name] = fmt.Sprint(value)
		case string, json.Number:
			values[a.Name] = fmt.Sprint(value)
		default:
			t.Fatalf("%s is %T", a.Name, value)
		}
		spec.Arguments = append(spec.Arguments, d)
	}
	got, err := prepare(t, spec, stored).Render(values)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Message{{Role: User, Text: c.Expected}}, got); diff != "" {
		t.Errorf("%q (-want +got):\n%s", c.Template, diff)
	}
}

func isRefused(t *testing.T, c specCase, reason string) {
	_, err := Compile(text(c.Template), fragments(t, c.Partials))
	var template *TemplateError
	var includes *IncludeError
	if errors.As(err, &includes) && (includes.Fault == IncludeMissing) == (reason == absent) || errors.As(err, &template) {
		return
	}
	t.Errorf("%q compiled with %v, want it %s", c.Template, err, reason)
}

// The suite is not everywhere; these stand for it, and add what it does not ask.
func TestCompile_StandaloneLines(t *testing.T) {
	t.Parallel()
	stored := map[string]string{"f": "one\ntwo", "g": "one\n", "s": "  {{#a}}\nin\n  {{/a}}  ", "none": "{{! nothing }}"}
	for name, tc := range map[string]struct{ text, want string }{
		"comment":                      {"a\n \t{{! c }}\t \nb", "a\nb"},
		"comment over lines":           {"a\n{{! c\n c }}\nb", "a\nb"},
		"first line":                   {"{{! c }}\nb", "b"},
		"last line":                    {"a\n  {{! c }}", "a\n"},
		"alone":                        {" {{! c }} ", ""},
		"CRLF":                         {"a\r\n{{! c }}\r\nb", "a\r\nb"},
		"CR is no line end":            {"a\n{{! c }}\rb", "a\n\rb"},
		"beside text":                  {"a\nx {{! c }}\nb", "a\nx \nb"},
		"text after":                   {"a\n{{! c }} x\nb", "a\n x\nb"},
		"two tags":                     {"a\n{{! c }}{{! d }}\nb", "a\n\nb"},
		"sections":                     {"a\n {{#a}}\nb\n {{/a}}\nc\n {{^a}} \nd\n{{/a}}", "a\n{{#a}}b\n{{/a}}c\n{{^a}}d\n{{/a}}"},
		"a variable never":             {"a\n  {{a}}  \nb", "a\n  {{a}}  \nb"},
		"triple and ampersand never":   {" {{{a}}} \n {{& a }} ", " {{a}} \n {{a}} "},
		"include":                      {"a\n  {{> f}}  \nb", "a\none\ntwob"},
		"include ending its line":      {"a\n  {{> g}}\nb", "a\none\nb"},
		"include beside text":          {"a {{> g}}\nb", "a one\n\nb"},
		"each text by itself":          {"x {{> s}} y", "x {{#a}}in\n{{/a}} y"},
		"include of nothing":           {"a\n{{> none}}\nb", "a\nb"},
		"texts joined around nothing":  {"a{{> none}}{{! c }}b", "ab"},
		"other blanks do not count":    {"a\n\u00a0{{! c }}\nb", "a\n\u00a0\nb"},
		"section closed where it says": {"{{#a}}\n{{#a}}\n{{/a}}\n{{/a}}\n", "{{#a}}{{#a}}{{/a}}{{/a}}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := compile(t, text(tc.text), fragments(t, stored)).Document.Messages
			if diff := cmp.Diff(text(tc.want).Messages, got); diff != "" {
				t.Errorf("normal form (-want +got):\n%s", diff)
			}
		})
	}
}

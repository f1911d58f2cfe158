package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

const head = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: a}\nspec:\n"

func TestRead_ExplainsYAMLMistakes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec string // from line 5 on
		want []string
	}{
		"a number as default": {
			"  text: \"{{a}}\"\n  arguments: [{name: a, default: 5}]",
			[]string{
				`f.yaml:6:34: spec.arguments[0].default in body must be of type string: "integer"; YAML reads 5 as a number, and text is wanted here: write default: "5"`,
			},
		},
		"a version as default": {
			"  text: \"{{a}}\"\n  arguments:\n  - name: a\n    default: 1.10",
			[]string{
				`f.yaml:8:14: spec.arguments[0].default in body must be of type string: "number"; YAML reads 1.10 as a number, and text is wanted here: write default: "1.10"`,
			},
		},
		"yes and no in brackets": {
			"  text: \"{{a}}\"\n  arguments:\n  - {name: a, enum: [yes, no]}",
			[]string{
				`f.yaml:7:22: spec.arguments[0].enum[0] in body must be of type string: "boolean"; YAML reads yes as true or false, and text is wanted here: write ["yes", "no"]`,
				`f.yaml:7:27: spec.arguments[0].enum[1] in body must be of type string: "boolean"; YAML reads no as true or false, and text is wanted here: write ["yes", "no"]`,
			},
		},
		"on and off in lines": {
			"  text: \"{{a}}\"\n  arguments:\n  - name: a\n    enum:\n    - on\n    - maybe",
			[]string{
				`f.yaml:9:7: spec.arguments[0].enum[0] in body must be of type string: "boolean"; YAML reads on as true or false, and text is wanted here: write - "on"`,
			},
		},
		"n is a boolean, too": {
			"  text: \"{{n}}\"\n  arguments:\n  - name: n",
			[]string{
				`f.yaml:7:11: spec.arguments[0].name in body must be of type string: "boolean"; YAML reads n as true or false, and text is wanted here: write name: "n"`,
			},
		},
		"nothing after a key": {
			"  text: Hello\n  title:",
			[]string{
				`f.yaml:6:3: nothing is written after title:, which kubectl apply drops and kubectl apply --server-side refuses; write a value, or remove the line`,
			},
		},
		"a year as title": {
			"  text: Hello\n  title: 2026",
			[]string{
				`f.yaml:6:10: spec.title in body must be of type string: "integer"; YAML reads 2026 as a number, and text is wanted here: write title: "2026"`,
			},
		},
		"one tag without brackets": {
			"  text: Hello\n  tags: one",
			[]string{
				`f.yaml:6:9: spec.tags in body must be of type array: "string"; a list stands in brackets, even of one: write tags: [one]`,
			},
		},
		"tags without brackets": {
			"  text: Hello\n  tags: one, two",
			[]string{
				`f.yaml:6:9: spec.tags in body must be of type array: "string"; a list stands in brackets: write tags: [one, two]`,
			},
		},
		"a number in quotes": {
			"  text: Hello\n  historyLimit: \"5\"",
			[]string{
				`f.yaml:6:17: spec.historyLimit in body must be of type integer: "string"; in quotes it is text: write historyLimit: 5`,
			},
		},
		"a placeholder first": {
			"  text: {{name}} hello",
			[]string{
				`f.yaml:5:9: YAML reads {{ at the start of a value as a mapping: put the value in quotes: write text: "{{name}} hello"`,
			},
		},
		"a placeholder alone": {
			"  text: {{name}}",
			[]string{
				`f.yaml:5:9: YAML reads {{ at the start of a value as a mapping: put the value in quotes: write text: "{{name}}"`,
			},
		},
		"an include alone": {
			"  text: {{> house-style}}",
			[]string{
				`f.yaml:5:9: YAML reads {{ at the start of a value as a mapping: put the value in quotes: write text: "{{> house-style}}"`,
			},
		},
		"a placeholder in braces": {
			"  messages:\n  - {role: user, text: {{name}}}",
			[]string{
				"f.yaml:6:24: YAML reads {{ at the start of a value as a mapping: put the value in quotes, or write it as a block after |",
			},
		},
		"a tab before a text": {
			"  text: |\n\tHello",
			[]string{
				"f.yaml:6:1: a tab stands in the indentation, where YAML allows blanks only; replace it by blanks",
			},
		},
		"a tab before a key": {
			"\ttext: Hello",
			[]string{
				"f.yaml:5:1: a tab stands in the indentation, where YAML allows blanks only; replace it by blanks",
			},
		},
		"a colon in a value": {
			"  text: Note: be brief",
			[]string{
				`f.yaml:5:9: a colon and a blank inside a value begin another key: put the value in quotes: write text: "Note: be brief"`,
			},
		},
		"a star first": {
			"  text: *bold* words",
			[]string{
				`f.yaml:5:9: YAML reads * at the start of a value as an alias: put the value in quotes: write text: "*bold* words"`,
			},
		},
		"an at sign first": {
			"  text: @you do it",
			[]string{
				`f.yaml:5:9: a value cannot begin with @: put it in quotes: write text: "@you do it"`,
			},
		},
		"a back quote first": {
			"  text: `code` first",
			[]string{
				"f.yaml:5:9: a value cannot begin with `: put it in quotes: write text: \"`code` first\"",
			},
		},
		"a quote first": {
			"  text: \"Quoted\" and more",
			[]string{
				`f.yaml:5:9: the value begins with a quote and goes on after the closing one: put all of it in quotes: write text: "\"Quoted\" and more"`,
			},
		},
		"an apostrophe that opens": {
			"  text: 'it's",
			[]string{
				`f.yaml:5:9: the value begins with a quote and goes on after the closing one: put all of it in quotes: write text: "'it's"`,
			},
		},
		"an exclamation mark first": {
			"  text: !important do it",
			[]string{
				`f.yaml:5:9: YAML takes !important for a tag and drops it; put the text in quotes: "!important do it"`,
			},
		},
		"an ampersand first": {
			"  text: &nbsp do it",
			[]string{
				`f.yaml:5:9: warning: YAML takes &nbsp for an anchor and drops it, and nothing uses it; put the text in quotes: "&nbsp do it"`,
			},
		},
		"an entity first": {
			"  text: &nbsp; do it",
			[]string{
				`f.yaml:5:9: YAML reads & at the start of a value as an anchor: put the value in quotes: write text: "&nbsp; do it"`,
			},
		},
		"a comma in braces": {
			"  text: \"{{a}}\"\n  arguments: [{name: a, description: first, second}]",
			[]string{
				`f.yaml:6:45: unknown field "spec.arguments[0].second"; inside { } a comma ends a value: put text with a comma in quotes`,
			},
		},
		"a misspelt field": {
			"  text: Hello\n  txet: Hello\n  metadata: {anything: goes}",
			[]string{
				`f.yaml:6:3: unknown field "spec.txet"`,
			},
		},
		"a key twice": {
			"  text: Hello\n  text: 5",
			[]string{
				`f.yaml:6:3: "text" is written twice, first in line 5; remove one`,
			},
		},
		"indented too far": {
			"  text: Hello\n   title: there",
			[]string{
				"f.yaml:6:1: this is not YAML: mapping values are not allowed in this context; check how far the line is indented",
			},
		},
		"a quote never closed": {
			"  text: Hello\n  title: \"unclosed",
			[]string{
				"f.yaml:6:1: this is not YAML: a quote is opened and never closed",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, judged(t, head+tc.spec+"\n")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

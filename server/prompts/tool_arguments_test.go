package prompts

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// taking is a tool's table with one argument of every shape.
var taking = []member{
	required("name", ofText, "Name of it"),
	optional("kind", ofText, "Kind", "brief", "long"),
	optional("limit", ofWhole, "Limit"),
	optional("version", ofWholeOrNull, "Version"),
	optional("threshold", ofNumber, "Threshold"),
	optional("template", ofFlag, "Template"),
	optional("tags", ofTexts, "Tags"),
	optional("variables", ofValues, "Variables"),
	optional("metadata", ofObject, "Metadata"),
}

func TestReadArguments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arguments string
		want      given
	}{
		"only what is required": {`{"name":"a"}`, given{"name": "a"}},
		"all of them": {
			`{"name":"a","kind":"long","limit":3,"version":7,"threshold":0.5,"template":false,"tags":["x",""],
			  "variables":{"who":""},"metadata":{"n":9007199254740993}}`,
			given{
				"name": "a", "kind": "long", "limit": int64(3), "version": int64(7), "threshold": 0.5, "template": false,
				"tags": []string{"x", ""}, "variables": map[string]string{"who": ""}, "metadata": json.RawMessage(`{"n":9007199254740993}`),
			},
		},
		"whole numbers written as JSON may":  {`{"name":"a","limit":2.0,"version":1e2}`, given{"name": "a", "limit": int64(2), "version": int64(100)}},
		"nothing":                            {`{"name":"","limit":0}`, given{"name": "", "limit": int64(0)}},
		"null where that means something":    {`{"name":"a","version":null}`, given{"name": "a", "version": nil}},
		"a name written twice, the last one": {`{"name":"a","name":"b"}`, given{"name": "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readArguments(taking, json.RawMessage(tc.arguments))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestArgumentsAreRefusedInOurWords(t *testing.T) {
	t.Parallel()
	for arguments, want := range map[string]string{
		``:                                        `argument "name" is required: Name of it`,
		`{}`:                                      `argument "name" is required: Name of it`,
		`[1]`:                                     `the arguments must be a JSON object`,
		`{"name":3}`:                              `argument "name": 3 is not a string`,
		`{"name":null}`:                           `argument "name": null is not a string; leave it out, or give one`,
		`{"name":"a\u0000"}`:                      `argument "name": contains the character U+0000, which cannot be stored`,
		`{"name":"a","kind":"huge"}`:              `argument "kind": "huge" is not one of brief, long`,
		`{"name":"a","limit":2.5}`:                `argument "limit": 2.5 is not a whole number`,
		`{"name":"a","limit":-1}`:                 `argument "limit": -1 is less than 0`,
		`{"name":"a","limit":-1.0}`:               `argument "limit": -1.0 is less than 0`,
		`{"name":"a","limit":"3"}`:                `argument "limit": "3" is not a whole number`,
		`{"name":"a","limit":1e300}`:              `argument "limit": 1e300 is too large`,
		`{"name":"a","limit":true}`:               `argument "limit": true is not a whole number`,
		`{"name":"a","limit":null}`:               `argument "limit": null is not a whole number; leave it out, or give one`,
		`{"name":"a","threshold":""}`:             `argument "threshold": "" is not a number`,
		`{"name":"a","template":1}`:               `argument "template": 1 is not true or false`,
		`{"name":"a","tags":"x"}`:                 `argument "tags": "x" is not a list of strings`,
		`{"name":"a","tags":[null]}`:              `argument "tags": [null] has a null where a string belongs`,
		`{"name":"a","tags":[1]}`:                 `argument "tags": [1] is not a list of strings`,
		`{"name":"a","variables":{"x":null}}`:     `argument "variables": {"x":null} has a null where a string belongs`,
		`{"name":"a","variables":{"x":1}}`:        `argument "variables": {"x":1} is not an object of strings`,
		`{"name":"a","variables":{"x":"\u0000"}}`: `argument "variables": contains the character U+0000, which cannot be stored`,
		`{"name":"a","metadata":[]}`:              `argument "metadata": [] is not an object`,
		`{"name":"a","colour":"red","b":1}`:       `argument "b": this tool takes no such argument; it takes name, kind, limit, version, threshold, template, tags, variables, metadata`,
	} {
		_, err := readArguments(taking, json.RawMessage(arguments))
		if got := text0(err); got != "ValidationError: "+want {
			t.Errorf("%s\n got %s\nwant ValidationError: %s", arguments, got, want)
		}
	}
	_, err := readArguments(nil, json.RawMessage(`{"a":1}`))
	if got, want := text0(err), `ValidationError: argument "a": this tool takes no arguments; leave it out`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func text0(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

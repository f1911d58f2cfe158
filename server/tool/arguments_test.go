package tool

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyKind has one argument of every kind; those in front of the rest of a tool's may come from another struct.
type everyKind struct {
	named
	Kind      *string           `json:"kind,omitempty" description:"Kind" enum:"brief,long"`
	Limit     *int64            `json:"limit,omitempty" description:"Limit"`
	Version   Optional[int64]   `json:"version,omitzero" description:"Version"`
	Threshold *float64          `json:"threshold,omitempty" description:"Threshold"`
	Template  *bool             `json:"template,omitempty" description:"Template"`
	Tags      *[]string         `json:"tags,omitempty" description:"Tags"`
	Variables map[string]string `json:"variables,omitempty" description:"Variables"`
	Metadata  json.RawMessage   `json:"metadata,omitempty" description:"Metadata"`
}

type named struct {
	Name string `json:"name" description:"Name of it"`
}

func readEveryKind(arguments string) (in everyKind, err error) {
	err = readArguments(fieldsOf(reflect.TypeFor[everyKind]()), json.RawMessage(arguments), reflect.ValueOf(&in).Elem())
	return in, err
}

func TestReadArguments(t *testing.T) {
	t.Parallel()
	a := named{"a"}
	number := func(n int64) Optional[int64] { return Optional[int64]{Given: true, Value: &n} }
	for name, tc := range map[string]struct {
		arguments string
		want      everyKind
	}{
		"only what is required": {`{"name":"a"}`, everyKind{named: a}},
		"all of them": {
			`{"name":"a","kind":"long","limit":3,"version":7,"threshold":0.5,"template":false,"tags":["x",""],
			  "variables":{"who":""},"metadata":{"n":9007199254740993}}`,
			everyKind{
				named: a, Kind: new("long"), Limit: new(int64(3)), Version: number(7), Threshold: new(0.5), Template: new(false),
				Tags: &[]string{"x", ""}, Variables: map[string]string{"who": ""}, Metadata: json.RawMessage(`{"n":9007199254740993}`),
			},
		},
		"whole numbers written as JSON may":  {`{"name":"a","limit":2.0,"version":1e2}`, everyKind{named: a, Limit: new(int64(2)), Version: number(100)}},
		"nothing":                            {`{"name":"","limit":0,"tags":[]}`, everyKind{Limit: new(int64(0)), Tags: &[]string{}}},
		"null where that means something":    {`{"name":"a","version":null}`, everyKind{named: a, Version: Optional[int64]{Given: true}}},
		"a name written twice, the last one": {`{"name":"a","name":"b"}`, everyKind{named: named{"b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readEveryKind(tc.arguments)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(everyKind{})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestReadArguments_Refusals(t *testing.T) {
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
		_, err := readEveryKind(arguments)
		if got := errorText(err); got != "ValidationError: "+want {
			t.Errorf("%s\n got %s\nwant ValidationError: %s", arguments, got, want)
		}
	}
	err := readArguments(nil, json.RawMessage(`{"a":1}`), reflect.Value{})
	if got, want := errorText(err), `ValidationError: argument "a": this tool takes no arguments; leave it out`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

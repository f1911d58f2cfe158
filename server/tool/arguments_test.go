package tool

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// everyKind has one argument of every kind; those in front of the rest of a tool's may come from another struct.
type everyKind struct {
	named
	Kind      *string         `json:"kind,omitempty" description:"Kind" enum:"brief,long"`
	Limit     *int64          `json:"limit,omitempty" description:"Limit"`
	Threshold *float64        `json:"threshold,omitempty" description:"Threshold"`
	Template  *bool           `json:"template,omitempty" description:"Template"`
	Tags      *[]string       `json:"tags,omitempty" description:"Tags"`
	Variables Scalars         `json:"variables,omitempty" description:"Variables"`
	Metadata  json.RawMessage `json:"metadata,omitempty" description:"Metadata"`
}

type named struct {
	Name string `json:"name" description:"Name of it"`
}

// membersOf are the members of an object in JSON.
func membersOf(t *testing.T, object string) map[string]json.RawMessage {
	t.Helper()
	members := map[string]json.RawMessage{}
	if object != "" {
		require.NoError(t, json.Unmarshal([]byte(object), &members))
	}
	return members
}

func readEveryKind(t *testing.T, arguments string) (in everyKind, err error) {
	t.Helper()
	err = readArguments(fieldsOf(reflect.TypeFor[everyKind]()), membersOf(t, arguments), reflect.ValueOf(&in).Elem())
	return in, err
}

func TestReadArguments(t *testing.T) {
	t.Parallel()
	a := named{"a"}
	for name, tc := range map[string]struct {
		arguments string
		want      everyKind
	}{
		"only what is required": {`{"name":"a"}`, everyKind{named: a}},
		"all of them": {
			`{"name":"a","kind":"long","limit":3,"threshold":0.5,"template":false,"tags":["x",""],
			  "variables":{"who":""},"metadata":{"n":9007199254740993}}`,
			everyKind{
				named: a, Kind: new("long"), Limit: new(int64(3)), Threshold: new(0.5), Template: new(false),
				Tags: &[]string{"x", ""}, Variables: Scalars{"who": ""}, Metadata: json.RawMessage(`{"n":9007199254740993}`),
			},
		},
		"a whole number with a fraction":     {`{"name":"a","limit":2.0}`, everyKind{named: a, Limit: new(int64(2))}},
		"a whole number with an exponent":    {`{"name":"a","limit":1e2}`, everyKind{named: a, Limit: new(int64(100))}},
		"the largest whole number":           {`{"name":"a","limit":9007199254740991}`, everyKind{named: a, Limit: new(int64(1<<53 - 1))}},
		"nothing":                            {`{"name":"","limit":0,"tags":[]}`, everyKind{Limit: new(int64(0)), Tags: &[]string{}}},
		"null is an argument that is absent": {`{"name":"a","kind":null,"limit":null,"threshold":null,"template":null,"tags":null,"variables":null,"metadata":null}`, everyKind{named: a}},
		"so is the empty string":             {`{"name":"a","kind":"","limit":"","threshold":"","template":"","tags":"","variables":"","metadata":""}`, everyKind{named: a}},
		"but for a text that is required":    {`{"name":""}`, everyKind{}},
		"numbers and booleans as written": {
			`{"name":"a","variables":{"i":-7,"f":1.50,"e":1E+3,"big":12345678901234567890,"t":true,"f2":false,"n":null,"s":"1.50"}}`,
			everyKind{named: a, Variables: Scalars{"i": "-7", "f": "1.50", "e": "1E+3", "big": "12345678901234567890", "t": "true", "f2": "false", "s": "1.50"}},
		},
		"a name written twice, the last one": {`{"name":"a","name":"b"}`, everyKind{named: named{"b"}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readEveryKind(t, tc.arguments)
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
		`{"name":3}`:                              `argument "name": 3 is not a string`,
		`{"name":null}`:                           `argument "name" is required: Name of it`,
		`{"name":"a\u0000"}`:                      `argument "name": contains the character U+0000, which cannot be stored`,
		`{"name":"a","kind":"huge"}`:              `argument "kind": "huge" is not one of brief, long`,
		`{"name":"a","limit":2.5}`:                `argument "limit": 2.5 is not a whole number`,
		`{"name":"a","limit":-1}`:                 `argument "limit": -1 is less than 0`,
		`{"name":"a","limit":-1.0}`:               `argument "limit": -1.0 is less than 0`,
		`{"name":"a","limit":"3"}`:                `argument "limit": "3" is not a whole number, but a string: write 3 without quotes`,
		`{"name":"a","limit":"three"}`:            `argument "limit": "three" is not a whole number`,
		`{"name":"a","limit":1e300}`:              `argument "limit": 1e300 is too large: whole numbers go up to 9007199254740991`,
		`{"name":"a","limit":9007199254740992}`:   `argument "limit": 9007199254740992 is too large: whole numbers go up to 9007199254740991`,
		`{"name":"a","limit":9007199254740992.0}`: `argument "limit": 9007199254740992.0 is too large: whole numbers go up to 9007199254740991`,
		`{"name":"a","limit":true}`:               `argument "limit": true is not a whole number`,
		`{"name":"a","threshold":" "}`:            `argument "threshold": " " is not a number`,
		`{"name":"a","limit":"03"}`:               `argument "limit": "03" is not a whole number`,
		`{"name":"a","limit":"null"}`:             `argument "limit": "null" is not a whole number`,
		`{"name":"a","threshold":"0.5"}`:          `argument "threshold": "0.5" is not a number, but a string: write 0.5 without quotes`,
		`{"name":"a","template":"true"}`:          `argument "template": "true" is not true or false, but a string: write true without quotes`,
		`{"name":"a","tags":"[]"}`:                `argument "tags": "[]" is not a list of strings, but a string: write [] without quotes`,
		`{"name":"a","template":1}`:               `argument "template": 1 is not true or false`,
		`{"name":"a","tags":"x"}`:                 `argument "tags": "x" is not a list of strings`,
		`{"name":"a","tags":[null]}`:              `argument "tags": [null] has a null where a string belongs`,
		`{"name":"a","tags":[1]}`:                 `argument "tags": [1] is not a list of strings`,
		`{"name":"a","variables":[]}`:             `argument "variables": [] is not an object of strings, numbers and booleans`,
		`{"name":"a","variables":{"x":[1]}}`:      `argument "variables": "x" is [1], which is not a string, a number or a boolean`,
		`{"name":"a","variables":{"x":{}}}`:       `argument "variables": "x" is {}, which is not a string, a number or a boolean`,
		`{"name":"a","variables":{"x":"\u0000"}}`: `argument "variables": contains the character U+0000, which cannot be stored`,
		`{"name":"a","metadata":[]}`:              `argument "metadata": [] is not an object`,
		`{"name":"a","colour":"red","b":1}`:       `argument "b": this tool takes no such argument; it takes name, kind, limit, threshold, template, tags, variables, metadata`,
	} {
		_, err := readEveryKind(t, arguments)
		if got := errorText(err); got != "ValidationError: "+want {
			t.Errorf("%s\n got %s\nwant ValidationError: %s", arguments, got, want)
		}
	}
	err := readArguments(nil, membersOf(t, `{"a":1}`), reflect.Value{})
	if got, want := errorText(err), `ValidationError: argument "a": this tool takes no arguments; leave it out`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var plain struct {
		Title string `json:"title"`
	}
	err = readArguments(fieldsOf(reflect.TypeOf(plain)), nil, reflect.ValueOf(&plain).Elem())
	if got, want := errorText(err), `ValidationError: argument "title" is required; give it a value`; got != want {
		t.Errorf("without a description: got %s, want %s", got, want)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

package prompt

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// storedDocuments are as stores write them, and as others might.
var storedDocuments = map[string]string{
	"what jsonb gives": `{"tags": ["a", "b"], "title": "A \"title\"", "syntax": "Mustache", "source": [{"role": "user", "text": "a\n{{b}}\t\\"}], "category": "c", ` +
		`"messages": [{"role": "user", "text": "ä\r\b\f\u0001\u001F {{b}}"}, {"role": "assistant", "text": ""}], "metadata": {"b": 1, "aa": "x", "c": true, "d": null, "e": false, "f": 0}, ` +
		`"arguments": [{"name": "b", "type": "String", "required": true}, {"enum": ["x", ""], "name": "c", "type": "Number", "default": "", "required": false, "description": "d"}], "description": "é\u0000"}`,
	"without blanks": `{"syntax":"Plain","messages":[{"role":"user","text":"x"}]}`,
	"empty lists":    `{"syntax":"Plain","tags":[],"arguments":[],"messages":[]}`,
	"words not known": `{"syntax":"Plainer","messages":[{"role":"users","text":""},{"role":"us","text":""},{"role":"user\"","text":"x"},{"role":"","text":""}],` +
		`"arguments":[{"type":"Str\\ing"},{"type":"Boolean"}]}`,
	"long lists":  `{"tags":["a","b","c","d","e"],"arguments":[{"name":"a"},{"name":"b","default":"x"},{"name":"c"}]}`,
	"no metadata": `{"syntax":"Plain","metadata":{},"messages":[]}`,
}

// otherDocuments are read by encoding/json, or not at all.
var otherDocuments = map[string]string{
	"a character as an escape":     `{"title":"\u00e9\ud83d\ude00\u2028\u0085"}`,
	"a lone surrogate":             `{"title":"\ud83d"}`,
	"invalid UTF-8":                "{\"title\":\"\xff\"}",
	"a name twice":                 `{"title":"a","title":"b"}`,
	"another case":                 `{"Title":"a"}`,
	"an unknown name":              `{"titel":"a","title":"b"}`,
	"a name with an escape":        `{"t\u0069tle":"b"}`,
	"null":                         `{"title":null,"tags":null,"metadata":null,"messages":null,"arguments":[null]}`,
	"a number for a text":          `{"title":1}`,
	"a text for a boolean":         `{"arguments":[{"required":"true"}]}`,
	"nested metadata":              `{"metadata":{"b":[1,{"a":"x"}],"a":{}}}`,
	"metadata of many ways":        `{"metadata":{"c":1.50,"b":-0,"a":1e3,"d":12345678901234567890,"e":"\u00e9","é":1}}`,
	"metadata with a number first": `{"metadata":{"a":01}}`,
	"metadata twice":               `{"metadata":{"a":1,"a":2}}`,
	"metadata of many members":     `{"metadata":{` + strings.TrimSuffix(strings.Repeat(`"a":1,`, 17), ",") + `}}`,
	"metadata that is a list":      `{"metadata":[1]}`,
	"more behind it":               `{"title":"a"} x`,
	"not closed":                   `{"title":"a"`,
	"an open string":               `{"title":"a`,
	"an escape at the end":         `{"title":"a\`,
	"no escape":                    `{"title":"\x"}`,
	"a comma too many":             `{"title":"a",}`,
	"a line break in a string":     "{\"title\":\"a\nb\"}",
	"a line break after an escape": "{\"title\":\"\\t\nb\"}",
	"a list":                       `["title"]`,
	"nothing":                      ``,
	"a known word as an escape":    `{"messages":[{"role":"us\u0065r"}]}`,
	"a known word that is open":    `{"syntax":"Plain`,
}

func TestDocument_UnmarshalJSON(t *testing.T) {
	t.Parallel()
	for name, text := range storedDocuments {
		if _, ok := readStored([]byte(text)); !ok {
			t.Errorf("%s: is not read in one pass", name)
		}
		verifyDecoded(t, name, []byte(text))
	}
	for name, text := range otherDocuments {
		verifyDecoded(t, name, []byte(text))
	}
}

// verifyDecoded holds one pass against encoding/json and the canonicalizer.
func verifyDecoded(t *testing.T, name string, text []byte) {
	t.Helper()
	want, wantErr := decodeDocument(text)
	var got Document
	err := got.UnmarshalJSON(text)
	if (err == nil) != (wantErr == nil) {
		t.Errorf("%s: got %v, want %v", name, err, wantErr)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-encoding/json +one pass):\n%s", name, diff)
	}
}

// TestDocument_UnmarshalJSON_Compiled reads what Compile makes, as Go writes it, in one pass.
func TestDocument_UnmarshalJSON_Compiled(t *testing.T) {
	t.Parallel()
	value := "v"
	compiled, err := Compile(Spec{
		Title: "T <b>", Description: "D & d", Category: "c", Tags: []string{"b", "a"}, Metadata: []byte(`{"owner":"ops","n":3}`),
		Arguments: []Declaration{{Name: "x", Type: Integer}, {Name: "y", Enum: []string{"v"}, Default: &value, Description: "d"}},
		Messages:  []Message{{Role: User, Text: "a {{! no }}\n{{x}}\t\"{{y}}\" \\ ü"}, {Role: Assistant, Text: "b"}},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(&compiled.Document); err != nil {
		t.Fatal(err)
	}
	got, ok := readStored([]byte(text.String()))
	if !ok {
		t.Fatalf("is not read in one pass: %s", text.String())
	}
	if diff := cmp.Diff(compiled.Document, got); diff != "" {
		t.Errorf("(-compiled +read)\n%s", diff)
	}
}

func FuzzDocument_UnmarshalJSON(f *testing.F) {
	for _, all := range []map[string]string{storedDocuments, otherDocuments} {
		for _, text := range all {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) { verifyDecoded(t, "fuzzed", text) })
}

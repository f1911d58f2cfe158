package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
)

// streams are files in which the end of one object and the beginning of the next are not where one looks for them.
var streams = []string{
	"", "---\n", "---\n---\na: b\n", "# c\n---\n\n--- # d\na: b\n---\n", "a: b\n---\nc: d", "a: |\n  b\n---\n  c\n", "a: \"b\n---\nc\"\n",
	`{"a":1}{"b":2}` + "\n" + `{"c":3}`, `{"a":1}` + "\n---\nb: 2\n", `{"a":1}{"b":2}` + "\n---\nc: 3\n", `{"a":1} and more`, `  {"a":1}` + "\n  \n",
	"{a: b}\n---\n{c: d}\n", "  {a: b}\n", "\n\n{a: b, c:\n d}\n", "{", "[1, 2]\n", "a: b\n--- c\n", "-----\n", "a: b\r\n---\r\nc: d\r\n", "a: b\n...\n", "null\n---\n~\n",
	"a: 1_000\nb: 010\nc: yes\nd: 2026-01-31\n1: e\n", "a: &x [1]\nb: *x\nc: {<<: {d: e}}\n", "a: b\na: c\n", "\ta: b\n", `{"a":"\ud83d"}`, "\x00", "a\rb: c\n", "a: |+\n  b\n\n",
}

// FuzzSplitDocuments holds the documents of any text to what kubectl's own decoder reads of it in one go.
func FuzzSplitDocuments(f *testing.F) {
	for _, text := range streams {
		f.Add([]byte(text))
	}
	for _, file := range samples(f, "*.yaml", 5) {
		f.Add(file.Content)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		want, failed := decodeStream(text)
		documents, refused := SplitDocuments("f.yaml", text)
		if refused != nil {
			return
		}
		var got []any
		for _, d := range documents {
			if problem := d.Parse(); problem != nil {
				if !failed && len(got) == len(want) && !isStricter(problem.Message) {
					t.Errorf("kubectl reads all, and we: %s", problem)
				}
				break
			}
			if d.Value != nil {
				got = append(got, d.Value)
			}
		}
		if len(got) > len(want) {
			t.Fatalf("kubectl reads %d objects, and we %d", len(want), len(got))
		}
		if diff := cmp.Diff(want[:len(got)], got); diff != "" && len(got) > 0 {
			t.Errorf("(-kubectl +we)\n%s", diff)
		}
		end := 0
		for _, d := range documents {
			if d.Start < end || d.End < d.Start || !bytes.Equal(d.Text, text[d.Start:d.End]) {
				t.Fatalf("a document from %d to %d, behind one that ends at %d", d.Start, d.End, end)
			}
			end = d.End
		}
	})
}

// isStricter says whether a problem is one of those we have and kubectl has not.
func isStricter(message string) bool {
	for _, words := range []string{"second document", "this is not YAML", "inside each other", "contains itself", "filled in", "the key of a mapping", "as a mapping"} {
		if strings.Contains(message, words) {
			return true
		}
	}
	return false
}

// decodeStream reads a text as kubectl does: what it reads before it fails, and whether it fails.
func decodeStream(text []byte) (objects []any, failed bool) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	for {
		var raw runtime.RawExtension
		if err := decoder.Decode(&raw); errors.Is(err, io.EOF) {
			return objects, false
		} else if err != nil {
			return objects, true
		}
		if trimmed := bytes.TrimSpace(raw.Raw); len(trimmed) == 0 || string(trimmed) == "null" {
			continue
		}
		var object any
		if err := utiljson.Unmarshal(raw.Raw, &object); err != nil {
			return objects, true
		}
		objects = append(objects, object)
	}
}

func TestSplitDocuments_PlacesObjectsOfOneLine(t *testing.T) {
	t.Parallel()
	one := `{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"NAME"},"spec":{"text":"é","titel":"x"}}`
	want := []string{`f.yaml:1:100: unknown field "spec.titel"`, `f.yaml:1:212: unknown field "spec.titel"`, `f.yaml:2:100: unknown field "spec.titel"`}
	got := judged(t, strings.Replace(one, "NAME", "aaaa", 1)+strings.Replace(one, "NAME", "bbbb", 1)+"\n"+strings.Replace(one, "NAME", "cccc", 1))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What is behind a stream of JSON is not JSON. A fault in it has a name and is not taken for YAML.
func TestRead_FaultsOfJSONStreams(t *testing.T) {
	t.Parallel()
	one, err := json.Marshal(map[string]any{"apiVersion": "lectern.dev/v1alpha1", "kind": "Prompt", "metadata": map[string]any{"name": "a"}, "spec": map[string]any{"text": "x"}})
	if err != nil {
		t.Fatal(err)
	}
	two := strings.Replace(string(one), `"a"`, `"b"`, 1)
	want := []string{"f.yaml:2:1: this is not JSON: invalid character 'x' looking for beginning of value; kubectl reads nothing of the file from here on"}
	if diff := cmp.Diff(want, judged(t, string(one)+two+"\nx: y\n")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

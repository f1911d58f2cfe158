package edit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestNoteVersion(t *testing.T) {
	const head = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: greet}\nspec:\n  text: Hello # spoken\n"
	digest := "sha256:" + strings.Repeat("ab", 32)
	line := "status:\n  version: 3\n  digest: " + digest + "\n"
	seen := store.LastObserved{Version: 3, Digest: prompt.Digest(digest)}
	for name, tc := range map[string]struct{ file, want string }{
		"a new status":                  {head, head + line},
		"without an end of line":        {strings.TrimSuffix(head, "\n"), head + line},
		"between others":                {"# first\n---\n" + head + "---\n# last\n", "# first\n---\n" + head + line + "---\n# last\n"},
		"behind a comment":              {head + "# the end\n", head + "# the end\n" + line},
		"behind a text that keeps ends": {head + "  description: |+\n    d\n\n", head + "  description: |+\n    d\n\n" + line},
		"lines of another system":       {strings.ReplaceAll(head, "\n", "\r\n"), strings.ReplaceAll(head+line, "\n", "\r\n")},
		"an older number":               {head + "status:\n  version: 2 # noted\n  digest: sha256:old\n", head + "status:\n  version: 3 # noted\n  digest: " + digest + "\n"},
		"a status of a cluster":         {head + "status: {observedGeneration: 4}\n", head + "status: {observedGeneration: 4, version: 3, digest: " + digest + "}\n"},
		"JSON": {`{"apiVersion":"lectern.dev/v1alpha1","kind":"Prompt","metadata":{"name":"greet"},"spec":{"text":"x"}}`,
			`{"apiVersion": "lectern.dev/v1alpha1", "kind": "Prompt", "metadata": {"name": "greet"}, "spec": {"text": "x"}, "status": {"version": 3, "digest": "` + digest + `"}}` + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := NoteVersion([]byte(tc.file), store.Key{Namespace: promptobject.DefaultNamespace, Name: "greet"}, seen)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			m, err := findPrompt(got, store.Key{Namespace: promptobject.DefaultNamespace, Name: "greet"})
			if err != nil {
				t.Fatal(err)
			}
			if read := promptobject.PublicationOf(m.Prompt, nil, 1).LastObserved; read != seen {
				t.Errorf("read back it is %+v", read)
			}
		})
	}
}

func TestNoteVersion_RefusesAnItemOfAList(t *testing.T) {
	t.Parallel()
	file := "kind: List\napiVersion: v1\nitems:\n- apiVersion: lectern.dev/v1alpha1\n  kind: Prompt\n  metadata: {name: a}\n  spec: {text: x}\n"
	_, err := NoteVersion([]byte(file), key("a"), store.LastObserved{Version: 1})
	const want = "prompt default/a, at line 4, is written in a way that cannot be numbered here; edit the file by hand"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

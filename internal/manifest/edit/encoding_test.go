package edit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"

	"github.com/lectern-dev/lectern/internal/manifest"
	"github.com/lectern-dev/lectern/internal/store"
)

// An edit leaves a file in the encoding it has; PowerShell writes UTF-16.
func TestEdits_KeepTheEncoding(t *testing.T) {
	t.Parallel()
	for name, codec := range map[string]encoding.Encoding{
		"UTF-8":                        unicode.UTF8,
		"UTF-8 with a byte order mark": unicode.UTF8BOM,
		"UTF-16, little end first":     unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
		"UTF-16, big end first":        unicode.UTF16(unicode.BigEndian, unicode.UseBOM),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			encode := func(text string) []byte {
				out, err := codec.NewEncoder().String(text)
				if err != nil {
					t.Fatal(err)
				}
				return []byte(out)
			}
			text := "# é 😀\r\n" + strings.ReplaceAll(named("a")+"---\n"+named("b"), "\n", "\r\n")
			file := encode(text)
			spec := specIn(t, text, "a")
			spec.Text = "Bye 😀"
			rewritten, err := RewriteSpec(file, key("a"), spec)
			if err != nil {
				t.Fatal(err)
			}
			want := strings.Replace(text, "Hello", "Bye 😀", 1)
			if diff := cmp.Diff(encode(want), rewritten); diff != "" {
				t.Errorf("rewritten (-want +got)\n%s", diff)
			}
			noted, err := NoteVersion(file, key("b"), store.LastObserved{Version: 3, Digest: "d"})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(encode(text+"status: {version: 3, digest: d}\r\n"), noted); diff != "" {
				t.Errorf("noted (-want +got)\n%s", diff)
			}
			removed, err := RemovePrompt(file, key("a"))
			if err != nil {
				t.Fatal(err)
			}
			if got := read(t, manifest.File{Name: "f.yaml", Content: removed}); len(got.Manifests) != 1 || got.Manifests[0].Key() != key("b") {
				t.Errorf("removed: %v", got.Problems)
			}
		})
	}
}

func TestEdits_RefuseToLoseBytes(t *testing.T) {
	t.Parallel()
	file := []byte(strings.Replace(named("a"), "Hello", "\"Hell\xffo\"", 1))
	spec := specIn(t, named("a"), "a")
	spec.Title = "T"
	if got, err := RewriteSpec(file, key("a"), spec); err == nil || !strings.Contains(err.Error(), "save it as UTF-8") {
		t.Errorf("%q, %v", got, err)
	}
}

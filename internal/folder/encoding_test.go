package folder_test

import (
	"testing"

	"golang.org/x/text/encoding/unicode"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestRequestChange_UTF16: PowerShell writes UTF-16. Such a file is served and edited, and stays one.
func TestRequestChange_UTF16(t *testing.T) {
	t.Parallel()
	codec := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	file, err := codec.NewEncoder().String(manifest("greet", "Grüezi"))
	require.NoError(t, err)
	d := open(t, map[string]string{"greet.yaml": file})
	if got := d.text(key("greet")); got != "Grüezi" {
		t.Errorf("served is %q", got)
	}
	d.ends(update("greet", content("Tschüss 😀")), store.ChangePublished, "", "")
	if got := d.text(key("greet")); got != "Tschüss 😀" {
		t.Errorf("served afterwards is %q", got)
	}
	want, err := codec.NewEncoder().String(manifest("greet", "Tschüss 😀"))
	require.NoError(t, err)
	if got := d.file("greet.yaml"); got != want {
		t.Errorf("the file is %q", got)
	}
}

// TestOpen_DoesNotServeHalfAPrompt: a line of --- at column 0 ends the manifest in the middle of its text.
func TestOpen_DoesNotServeHalfAPrompt(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"greet.yaml": "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: greet}\nspec:\n  text: |\n    First half\n---\n    Second half\n"})
	if got := d.text(key("greet")); got != gone {
		t.Errorf("served is %q", got)
	}
	if d.log.Count("this --- ends prompt default/greet") == 0 {
		t.Errorf("the log does not say why:\n%s", d.log.String())
	}
}

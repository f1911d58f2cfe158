package laptop

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestASaveBetweenLookAndExchange is an editor's that comes in the moment nobody can look into: it stays.
func TestASaveBetweenLookAndExchange(t *testing.T) {
	dir := t.TempDir()
	part, target := filepath.Join(dir, "part"), filepath.Join(dir, "target")
	for path, text := range map[string]string{part: "ours", target: "saved"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := swap(part, target, []byte("decided on"), []byte("ours")); !errors.Is(err, errMoved) {
		t.Errorf("got %v, want that the file moved", err)
	}
	for path, want := range map[string]string{part: "ours", target: "saved"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", filepath.Base(path), got, err, want)
		}
	}
}

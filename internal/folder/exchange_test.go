//go:build linux || darwin

package folder

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestSwapIfUnchanged_SaveInBetween: what an editor saves between the comparison and the exchange stays.
func TestSwapIfUnchanged_SaveInBetween(t *testing.T) {
	dir := t.TempDir()
	part, target := filepath.Join(dir, "part"), filepath.Join(dir, "target")
	for path, text := range map[string]string{part: "ours", target: "saved"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := swapIfUnchanged(part, target, []byte("decided on"), []byte("ours")); !errors.Is(err, errMoved) {
		t.Errorf("got %v, want that the file moved", err)
	}
	for path, want := range map[string]string{part: "ours", target: "saved"} {
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s is %q, %v, want %q", filepath.Base(path), got, err, want)
		}
	}
}

// TestSwapIfUnchanged_UnreadableFile: what was taken out and cannot be read is put back.
func TestSwapIfUnchanged_UnreadableFile(t *testing.T) {
	dir := t.TempDir()
	part, target := filepath.Join(dir, "part"), filepath.Join(dir, "target")
	if err := errors.Join(os.WriteFile(part, []byte("ours"), 0o600), os.Mkdir(target, 0o700)); err != nil {
		t.Fatal(err)
	}
	if err := swapIfUnchanged(part, target, []byte("decided on"), []byte("ours")); err == nil || errors.Is(err, errMoved) {
		t.Errorf("got %v, want that it cannot be read", err)
	}
	if got, err := os.ReadFile(part); err != nil || string(got) != "ours" {
		t.Errorf("part is %q, %v, want ours", got, err)
	}
}

// TestSwapBack_KeepsTheSave: what was saved is kept under a name that no later change sweeps.
func TestSwapBack_KeepsTheSave(t *testing.T) {
	dir := t.TempDir()
	part, target := filepath.Join(dir, ".lectern-1.tmp"), filepath.Join(dir, "target")
	if err := os.WriteFile(part, []byte("saved"), 0o600); err != nil {
		t.Fatal(err)
	}
	aside := filepath.Join(dir, ".lectern-1.removed")
	want := target + " was saved meanwhile and cannot be put back: no such file or directory; what was saved is in " + aside
	if err := swapBack(part, target, []byte("ours"), os.ErrPermission); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got, err := os.ReadFile(aside); err != nil || string(got) != "saved" {
		t.Errorf("aside is %q, %v, want what was saved", got, err)
	}
}

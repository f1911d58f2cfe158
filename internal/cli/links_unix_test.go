//go:build unix

package cli

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestValidateCommand_FollowsLinks as a server does: those of a mounted ConfigMap, to files and to folders, each once.
func TestValidateCommand_FollowsLinks(t *testing.T) {
	t.Parallel()
	prompt := func(name string) string { return start + "metadata: {name: " + name + "}\nspec: {text: x}\n" }
	dir := folder(t, map[string]string{
		"mount/..2026_11_29/a.yaml": prompt("a"), "mount/..2026_11_29/bad.yaml": prompt("bad") + "status: {version: three}\n",
		"shared/b.yaml": prompt("b"), "single.yaml": prompt("c"),
	})
	for link, to := range map[string]string{
		"mount/..data": "..2026_11_29", "mount/a.yaml": "..data/a.yaml", "mount/bad.yaml": "..data/bad.yaml",
		"mount/linked": "../shared", "mount/again": "../shared", "mount/round": "..", "mount/nothing.yaml": "nowhere",
	} {
		if err := os.Symlink(to, filepath.Join(dir, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	printed, failed := run(t, ValidateCommand(), dir, "", "DIR/mount")
	want := "DIR/mount/bad.yaml:5:19: status.version: expected numeric (int or float), got string; a cluster writes status itself: " +
		"kubectl apply drops it, and kubectl apply --server-side refuses the file; remove status\n"
	if diff := cmp.Diff([]string{want, "not valid: 1 problem in 4 files"}, []string{printed, failed}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

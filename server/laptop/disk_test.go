package laptop

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestWriting holds each way to write against what may be there instead of what was decided on.
func TestWriting(t *testing.T) {
	for name, tc := range map[string]struct {
		there string // "" is no file
		write func(name string) error
		want  string
		moved bool
		// sweeps says that what a killed process left goes, too.
		sweeps bool
	}{
		"replace":                       {"one", func(n string) error { return replace(n, []byte("one"), []byte("two")) }, "two", false, true},
		"replace what was saved over":   {"saved", func(n string) error { return replace(n, []byte("one"), []byte("two")) }, "saved", true, true},
		"replace what is gone":          {"", func(n string) error { return replace(n, []byte("one"), []byte("two")) }, "", true, false},
		"rename over":                   {"one", func(n string) error { return renamed(n, "one", "two") }, "two", false, false},
		"rename over what was saved":    {"saved", func(n string) error { return renamed(n, "one", "two") }, "saved", true, false},
		"create":                        {"", func(n string) error { return create(n, []byte("two")) }, "two", false, true},
		"create where something is":     {"saved", func(n string) error { return create(n, []byte("two")) }, "saved", true, true},
		"remove":                        {"one", func(n string) error { return remove(n, []byte("one")) }, "", false, false},
		"remove what was saved over":    {"saved", func(n string) error { return remove(n, []byte("one")) }, "saved", true, false},
		"remove what is gone":           {"", func(n string) error { return remove(n, []byte("one")) }, "", true, false},
		"take away what was saved over": {"saved", func(n string) error { return takeAway(n, []byte("one")) }, "saved", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "f.yaml")
			if tc.there != "" {
				if err := os.WriteFile(path, []byte(tc.there), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, ".lectern-1.tmp"), nil, 0o600); err != nil { // of a process that was killed
				t.Fatal(err)
			}
			if err := tc.write(path); tc.moved != errors.Is(err, errMoved) || !tc.moved && err != nil {
				t.Errorf("got %v, moved wanted %t", err, tc.moved)
			}
			got, _ := os.ReadFile(path)
			if diff := cmp.Diff(tc.want, string(got)); diff != "" {
				t.Errorf("content (-want +got):\n%s", diff)
			}
			if left, _ := filepath.Glob(filepath.Join(dir, ".lectern-*")); tc.sweeps && len(left) > 0 {
				t.Errorf("left: %v", left)
			}
		})
	}
}

func renamed(name, before, after string) error {
	part := name + ".part"
	if err := os.WriteFile(part, []byte(after), 0o600); err != nil {
		return err
	}
	return renameOver(part, name, []byte(before))
}

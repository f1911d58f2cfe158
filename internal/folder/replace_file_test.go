package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReplaceFile holds each way to write against what may be there instead of what was decided on.
func TestReplaceFile(t *testing.T) {
	for name, tc := range map[string]struct {
		there string // "" is no file
		write func(name string) error
		want  string
		moved bool
		// sweeps says that what a killed process left goes, too.
		sweeps bool
	}{
		"replace":                       {"one", func(n string) error { return replaceFile(n, []byte("one"), []byte("two")) }, "two", false, true},
		"replace what was saved over":   {"saved", func(n string) error { return replaceFile(n, []byte("one"), []byte("two")) }, "saved", true, true},
		"replace what is gone":          {"", func(n string) error { return replaceFile(n, []byte("one"), []byte("two")) }, "", true, false},
		"rename over":                   {"one", func(n string) error { return renamed(n, "one", "two") }, "two", false, false},
		"rename over what was saved":    {"saved", func(n string) error { return renamed(n, "one", "two") }, "saved", true, false},
		"create":                        {"", func(n string) error { return createFile(n, []byte("two")) }, "two", false, true},
		"create where something is":     {"saved", func(n string) error { return createFile(n, []byte("two")) }, "saved", true, true},
		"remove":                        {"one", func(n string) error { return removeFile(n, []byte("one")) }, "", false, false},
		"remove what was saved over":    {"saved", func(n string) error { return removeFile(n, []byte("one")) }, "saved", true, false},
		"remove what is gone":           {"", func(n string) error { return removeFile(n, []byte("one")) }, "", true, false},
		"claim":                         {"", func(n string) error { return claimed(n, "two") }, "two", false, false},
		"claim where something is":      {"saved", func(n string) error { return claimed(n, "two") }, "saved", true, false},
		"put back":                      {"", func(n string) error { return returned(n, "two") }, "two", true, false},
		"put back where something is":   {"saved", func(n string) error { return returned(n, "two") }, "saved", true, false},
		"take away what was saved over": {"saved", func(n string) error { return moveAside(n, []byte("one")) }, "saved", true, false},
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

func claimed(name, content string) error {
	part := name + ".part"
	if err := os.WriteFile(part, []byte(content), 0o600); err != nil {
		return err
	}
	if err := claimThenRename(part, name); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return errMoved
}

// TestWriteTemp_SameProcessNumber: containers that share a folder have the same process number, and one of them may be killed at any
// time.
func TestWriteTemp_SameProcessNumber(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"first.yaml", "second.yaml"} {
		if err := createFile(filepath.Join(dir, name), []byte("x")); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf(".lectern-%d.tmp", os.Getpid())), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestClaimThenRename_FailureLeavesNothing: where no file was there is none.
func TestClaimThenRename_FailureLeavesNothing(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f.yaml")
	if err := claimThenRename(name+".none", name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want that there is no file to rename", err)
	}
	if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the claimed name: %v, want that nothing is there", err)
	}
}

func returned(name, content string) error {
	aside := name + ".aside"
	if err := os.WriteFile(aside, []byte(content), 0o600); err != nil {
		return err
	}
	err := putBack(aside, name)
	if _, left := os.Stat(aside); left == nil {
		return errors.New("the file aside is there still")
	}
	return err
}

// TestPutBack_NamesWhatStays: what cannot be put back is still there: it may be the only copy of what somebody saved.
func TestPutBack_NamesWhatStays(t *testing.T) {
	dir := t.TempDir()
	aside, name := filepath.Join(dir, "aside"), filepath.Join(dir, "gone", "f.yaml")
	if err := os.WriteFile(aside, []byte("saved"), 0o600); err != nil {
		t.Fatal(err)
	}
	want := name + " was saved meanwhile and cannot be put back: no such file or directory; what was saved is in " + aside
	if err := putBack(aside, name); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if got, err := os.ReadFile(aside); err != nil || string(got) != "saved" {
		t.Errorf("aside is %q, %v", got, err)
	}
}

func renamed(name, before, after string) error {
	part := name + ".part"
	if err := os.WriteFile(part, []byte(after), 0o600); err != nil {
		return err
	}
	return renameOver(part, name, []byte(before))
}

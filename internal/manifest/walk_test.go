package manifest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// newFolder makes a folder of files, and of links where the text begins with "->".
func newFolder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		at := filepath.Join(root, filepath.FromSlash(name))
		err := os.MkdirAll(filepath.Dir(at), 0o700)
		if to, isLink := strings.CutPrefix(text, "->"); isLink {
			err = errors.Join(err, os.Symlink(to, at))
		} else {
			err = errors.Join(err, os.WriteFile(at, []byte(text), 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestReadFolder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files    map[string]string
		want     []string
		problems []string
	}{
		"names": {
			map[string]string{"b.yaml": "", "a/c.yml": "", "d.json": "", "e.txt": "", ".git/f.yaml": "", ".g.yaml": ""},
			[]string{"a/c.yml", "b.yaml", "d.json"}, nil,
		},
		"what is no file": {
			map[string]string{"null.yaml": "->/dev/null", "b.yaml": ""},
			[]string{"b.yaml"}, []string{"null.yaml: cannot be read: it is not a regular file"},
		},
		"links to files and folders": {
			map[string]string{".real/a.yaml": "", "folder": "->.real", "file.yaml": "->.real/a.yaml", "dangling.yaml": "->nothing.yaml"},
			[]string{"file.yaml", "folder/a.yaml"}, nil,
		},
		"a link to itself": {
			map[string]string{"loop.yaml": "->loop.yaml"},
			nil, []string{"loop.yaml: cannot be read: too many levels of symbolic links"},
		},
		"a link to the folder it is in": {
			map[string]string{"a/b/c.yaml": "", "a/b/up": "->../..", "a/here": "->."},
			[]string{"a/b/c.yaml"}, nil,
		},
		"the first path in order names a folder": {
			map[string]string{"m/x.yaml": "", "a": "->m", "z": "->m", "b/in": "->../m"},
			[]string{"a/x.yaml"}, nil,
		},
		"a mounted ConfigMap": {
			map[string]string{"..2024/a.yaml": "", "..2024/sub/b.yaml": "", "..data": "->..2024", "a.yaml": "->..data/a.yaml", "sub": "->..data/sub"},
			[]string{"a.yaml", "sub/b.yaml"}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := newFolder(t, tc.files)
			files, problems, err := ReadFolder(t.Context(), root)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range files {
				got = append(got, strings.TrimPrefix(f.Name, root+"/"))
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("files (-want +got)\n%s", diff)
			}
			told := said(problems)
			for i := range told {
				told[i] = strings.TrimPrefix(told[i], root+"/")
			}
			if diff := cmp.Diff(tc.problems, told); diff != "" {
				t.Errorf("problems (-want +got)\n%s", diff)
			}
		})
	}
	_, problems, err := ReadFolder(t.Context(), "not there")
	if err != nil || len(problems) != 1 || problems[0].File != "not there" {
		t.Errorf("a folder that is not there: %v, %v", problems, err)
	}
}

// TestWalk_FoldersThatLinkToEachOther: each folder is entered once, however many paths there are; those of 50 folders have
// more links than a system follows.
func TestWalk_FoldersThatLinkToEachOther(t *testing.T) {
	t.Parallel()
	for _, folders := range []int{12, 50} {
		files := map[string]string{}
		for i := range folders {
			files[fmt.Sprintf("d%02d/f%02d.yaml", i, i)] = "x"
			for j := range folders {
				if j != i {
					files[fmt.Sprintf("d%02d/d%02d", i, j)] = fmt.Sprintf("->../d%02d", j)
				}
			}
		}
		var entered int
		var found []string
		for at := range Walk(t.Context(), newFolder(t, files)) {
			switch {
			case at.Err != nil:
				t.Errorf("%s: %v", at.Path, at.Err)
			case at.Stat.IsDir():
				entered++
			default:
				found = append(found, at.Path)
			}
		}
		if entered != folders+1 || len(found) != folders {
			t.Errorf("%d folders were entered %d times and gave %d files, want each once, and one of each", folders, entered, len(found))
		}
		if want := "d00/d01/d02/d03/f03.yaml"; !slices.Contains(found, want) {
			t.Errorf("a folder is not named by its first path, %s: %q", want, found)
		}
	}
}

// TestWalk_EndsWithItsContext: nothing is yielded after it.
func TestWalk_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	files := map[string]string{}
	for i := range 50 {
		files[fmt.Sprintf("d%02d/f.yaml", i)] = "x"
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	met := 0
	for range Walk(ctx, newFolder(t, files)) {
		if met++; met == 3 {
			cancel()
		}
	}
	if met != 3 {
		t.Errorf("%d were met, want none after the context ended with the third", met)
	}
	if _, _, err := ReadFolder(ctx, t.TempDir()); !errors.Is(err, context.Canceled) {
		t.Errorf("reading ends with %v", err)
	}
}

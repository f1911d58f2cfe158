package folder

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestChangedPaths: an event is about a file, about the whole folder, or about nothing.
func TestChangedPaths(t *testing.T) {
	t.Parallel()
	root := filepath.FromSlash("/prompts")
	for name, tc := range map[string]struct {
		path string
		op   fsnotify.Op
		want changedPaths
	}{
		"a manifest written":              {"/prompts/sub/a.yaml", fsnotify.Write, changedPaths{paths: map[string]bool{"sub/a.yaml": true}}},
		"a manifest removed":              {"/prompts/a.json", fsnotify.Remove, changedPaths{paths: map[string]bool{"a.json": true}}},
		"a manifest's mode":               {"/prompts/a.yaml", fsnotify.Chmod, changedPaths{}},
		"a folder made":                   {"/prompts/sub", fsnotify.Create, changedPaths{all: true}},
		"a mounted ConfigMap's new state": {"/prompts/..data", fsnotify.Create, changedPaths{all: true}},
		"the folder itself moved":         {"/prompts", fsnotify.Rename, changedPaths{all: true}},
		"another file written":            {"/prompts/debug.log", fsnotify.Write, changedPaths{}},
		"what this program writes":        {"/prompts/.lectern-7.tmp", fsnotify.Create, changedPaths{}},
	} {
		var got changedPaths
		heard := got.add(root, fsnotify.Event{Name: filepath.FromSlash(tc.path), Op: tc.op})
		if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(changedPaths{})); diff != "" || heard != (got.all || len(got.paths) > 0) {
			t.Errorf("%s: heard is %t (-want +got)\n%s", name, heard, diff)
		}
	}
}

// TestSyncPaths reads the files it is told of and no others, until there is reason to look at all.
func TestSyncPaths(t *testing.T) {
	t.Parallel()
	f, file, into := openFolder(t)
	other := filepath.Join(f.root, "other.yaml")
	served := func() []string {
		var names []string
		page, err := into.List(t.Context(), store.ListQuery{Scope: store.Scope{All: true}, Limit: 9})
		require.NoError(t, err)
		for _, p := range page.Prompts {
			v, err := into.Get(t.Context(), p.Key, prompt.Selector{})
			require.NoError(t, err)
			names = append(names, p.Key.Name+" "+v.Document.Messages[0].Text)
		}
		slices.Sort(names)
		return names
	}
	write := func(path, text string) {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		setTime(t, path, time.Now().Add(-time.Second))
	}
	f.lastScan = time.Now().Add(-time.Hour) // the files are written after it, by their time
	write(file, strings.Replace(greet, "Hello", "Hi", 1))
	write(other, strings.Replace(greet, "name: greet", "name: other", 1))
	for _, step := range []struct {
		what string
		sync func()
		want []string
	}{
		{"of neither", func() { f.syncPaths(t.Context(), nil) }, []string{"greet Hello"}},
		{"of one", func() { f.syncPaths(t.Context(), []string{"greet.yaml"}) }, []string{"greet Hi"}},
		{"of the other", func() { f.syncPaths(t.Context(), []string{"other.yaml"}) }, []string{"greet Hi", "other Hello"}},
		{"of one that is gone", func() {
			require.NoError(t, os.Remove(other))
			f.syncPaths(t.Context(), []string{"other.yaml"})
		}, []string{"greet Hi", "other Hello"}},
		{"again, which is a scan of all", func() { f.syncPaths(t.Context(), nil) }, []string{"greet Hi"}},
	} {
		step.sync()
		if diff := cmp.Diff(step.want, served()); diff != "" {
			t.Errorf("after a scan %s (-want +got)\n%s", step.what, diff)
		}
	}
}

package folder

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const greet = "apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata:\n  name: greet\nspec:\n  text: Hello\n"

// openFolder opens a folder with one file that was left alone, and does not follow it.
func openFolder(t *testing.T) (f *Folder, file string, into *memory.Store) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "greet.yaml")
	require.NoError(t, os.WriteFile(file, []byte(greet), 0o600))
	setTime(t, file, time.Now().Add(-time.Minute))
	into = memory.New()
	f, err := Open(t.Context(), dir, into, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return f, file, into
}

func setTime(t *testing.T, file string, at time.Time) {
	t.Helper()
	require.NoError(t, os.Chtimes(file, at, at))
}

func isServed(t *testing.T, s *memory.Store) bool {
	t.Helper()
	_, err := s.Get(t.Context(), store.Key{Namespace: "default", Name: "greet"}, prompt.Selector{})
	return err == nil
}

// TestRemoveMissing_UnreadFolder: what a scan misses and the next cannot look for is not gone.
func TestRemoveMissing_UnreadFolder(t *testing.T) {
	t.Parallel()
	f, file, into := openFolder(t)
	require.NoError(t, os.Remove(file))
	f.syncOnce(t.Context())
	require.NoError(t, os.Rename(f.root, f.root+".away"))
	f.syncOnce(t.Context())
	if !isServed(t, into) {
		t.Error("it was removed by a scan that could not read the folder")
	}
	require.NoError(t, os.Rename(f.root+".away", f.root))
	f.syncOnce(t.Context())
	if isServed(t, into) {
		t.Error("it is served still, though a scan that read the folder missed it, too")
	}
}

// TestNextPending: when a file may be read depends on what its time says, and whether that can be believed.
func TestNextPending(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f.yaml")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	now := time.Now()
	for name, tc := range map[string]struct {
		age, lastScan time.Duration // lastScan is how long ago; 0 is never
		want          time.Duration
	}{
		"old, at the start":                   {time.Hour, 0, 0},
		"young, at the start":                 {30 * time.Millisecond, 0, 70 * time.Millisecond},
		"of the future, at the start":         {-time.Hour, 0, quietPeriod},
		"of the near future":                  {-time.Millisecond, 0, quietPeriod},
		"written since the last scan":         {time.Second, 5 * time.Second, 0},
		"young, written since the last scan":  {30 * time.Millisecond, 5 * time.Second, 70 * time.Millisecond},
		"written before the last scan missed": {time.Hour, 5 * time.Second, quietPeriod},
	} {
		t.Run(name, func(t *testing.T) {
			setTime(t, file, now.Add(-tc.age))
			stat, err := os.Stat(file)
			require.NoError(t, err)
			lastScan := time.Time{}
			if tc.lastScan != 0 {
				lastScan = now.Add(-tc.lastScan)
			}
			first := nextPending(pendingFile{}, false, stat, now, lastScan)
			if got := max(0, first.restIn(now)); got.Round(time.Millisecond) != tc.want {
				t.Errorf("it may be read in %s, want %s", got, tc.want)
			}
			later := now.Add(quietPeriod)
			if again := nextPending(first, true, stat, later, now); !again.isAtRest(later) {
				t.Errorf("found the same after %s it is not read: %+v", quietPeriod, again)
			}
		})
	}
}

// TestSyncOnce_EndedContext: a scan whose context ended changes nothing.
func TestSyncOnce_EndedContext(t *testing.T) {
	t.Parallel()
	f, file, into := openFolder(t)
	require.NoError(t, os.Remove(file))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		f.syncOnce(ctx)
	}
	if !isServed(t, into) {
		t.Error("scans that were not to be made removed a prompt")
	}
}

// TestReadForEdit_SameTime: a save that leaves size and time of a file as they were is not overwritten, and is found.
func TestReadForEdit_SameTime(t *testing.T) {
	t.Parallel()
	f, file, into := openFolder(t)
	known := f.files["greet.yaml"]
	require.NoError(t, os.WriteFile(file, []byte(greet[:len(greet)-3]+"p!\n"), 0o600))
	setTime(t, file, known.stat.ModTime())
	stat, err := os.Stat(file)
	require.NoError(t, err)
	known.stat = stat // as if its other times were the same, too
	tags := []string{"t"}
	o, err := f.RequestChange(t.Context(), store.ChangeRequest{
		ID: "00000001-0000-4000-8000-000000000001", Subject: "local:anna", Action: store.ActionUpdate,
		Key: store.Key{Namespace: "default", Name: "greet"}, Edit: store.Edit{Tags: &tags},
	})
	require.NoError(t, err)
	v, err := into.Get(t.Context(), o.Key, prompt.Selector{})
	require.NoError(t, err)
	if o.State != store.ChangePublished || v.Document.Messages[0].Text != "Help!" {
		t.Errorf("%+v; served is %q, want the save with the change", o, v.Document.Messages[0].Text)
	}
}

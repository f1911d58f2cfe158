package audit_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newSmallDisk returns a folder on a disk of 1 MiB and how much a spool may take there: more than there is. Who may not mount one
// gets a folder and a limit of that size.
func newSmallDisk(t *testing.T) (folder string, maxBytes int64) {
	t.Helper()
	folder = t.TempDir()
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=1m")
	if errors.Is(err, syscall.EPERM) {
		return folder, 1 << 20
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(folder, syscall.MNT_DETACH)) })
	return folder, 1 << 30
}

// TestSpool_FullDisk: on a disk that is full rows are dropped and counted, no write is begun, rows of one that was find the room that
// was promised, and all that was kept is loaded once the database is back.
func TestSpool_FullDisk(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	d.setAway(true)
	folder, maxBytes := newSmallDisk(t)
	s := openSpool(t, audit.Options{Folder: folder, Loader: d, MaxBytes: maxBytes, Keys: newKeys(t)})
	row := newRow(0, true)
	row.Payload.Redacted = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	require.NoError(t, s.Sync())
	kept := 0
	for s.Append(row) == nil {
		kept++
	}
	if err := s.Append(row); !errors.Is(err, audit.ErrFull) {
		t.Errorf("append to a full disk: %v, want %v", err, audit.ErrFull)
	}
	if err := s.Sync(); !errors.Is(err, audit.ErrFull) {
		t.Errorf("sync before a write on a full disk: %v, want %v", err, audit.ErrFull)
	}
	stats := s.Stats()
	t.Logf("%d rows of 10 kB fit into 1 MiB; %+v", kept, stats)
	if kept < 50 || stats.Appended != int64(kept) || stats.Dropped != 2 || stats.Segments != 1 {
		t.Errorf("statistics %+v after %d rows, want 2 dropped and one segment", stats, kept)
	}
	d.setAway(false)
	require.NoError(t, s.Flush(t.Context()))
	if targets, damaged := d.targets(); len(targets) != kept || damaged != 0 {
		t.Errorf("%d rows arrived, %d damaged, want %d", len(targets), damaged, kept)
	}
	require.NoError(t, s.Sync())
	for range 20 { // of a write that was begun
		require.NoError(t, s.Append(row))
	}
}

// TestSpool_PromisedRoom: rows of a write find the room that was promised though the loader took their segment meanwhile.
func TestSpool_PromisedRoom(t *testing.T) {
	t.Parallel()
	folder, maxBytes := newSmallDisk(t)
	if maxBytes == 1<<20 {
		t.Log("no disk can be mounted: the limit of the spool is as far as this goes")
	}
	s := openSpool(t, audit.Options{Folder: folder, Loader: noLoader{}, MaxBytes: maxBytes})
	row := newRow(0, true)
	row.Payload.Redacted = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	require.NoError(t, s.Append(row))
	require.NoError(t, s.Sync())
	if s.Flush(t.Context()) == nil {
		t.Fatal("nobody loads, and it is flushed")
	}
	if maxBytes > 1<<20 {
		fillDisk(t, folder)
	}
	for n := range 20 {
		if err := s.Append(row); err != nil {
			t.Fatalf("row %d of a write that was begun: %v", n, err)
		}
	}
}

// fillDisk takes what room there is left.
func fillDisk(t *testing.T, folder string) {
	t.Helper()
	file, err := os.Create(filepath.Join(folder, "filling"))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, file.Close()) })
	for _, size := range []int{4096, 1} {
		for err == nil {
			_, err = file.Write(make([]byte, size))
		}
		err = nil
	}
}

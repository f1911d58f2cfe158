package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

func newKeys(t testing.TB) *seal.StorageKeys {
	t.Helper()
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	return keys
}

// database is what a spool loads into, as a server does.
type database struct {
	*testing.T
	*postgres.Store
	// queryRow and exec are the superuser's.
	queryRow func(sql string, into ...any)
	exec     func(sql string)
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	owner := pgtest.New(t)
	store, err := postgres.Open(t.Context(), pgtest.AsServerRole(t, owner))
	require.NoError(t, err)
	t.Cleanup(store.Close)
	admin := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	return &database{t, store,
		func(sql string, into ...any) {
			t.Helper()
			require.NoError(t, admin.QueryRow(t.Context(), sql).Scan(into...))
		},
		func(sql string) { t.Helper(); _, err := admin.Exec(t.Context(), sql); require.NoError(t, err) },
	}
}

// setAway has servers not reach the database, or reach it again.
func (d *database) setAway(away bool) {
	d.Helper()
	change := "grant connect on database %s to public"
	if away {
		change = "revoke connect on database %s from public"
	}
	var name string
	d.queryRow("select quote_ident(current_database())", &name)
	d.exec(fmt.Sprintf(change, name))
	d.exec("select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
}

// targets returns what the rows are about that arrived, in order, and how many were said to be damaged.
func (d *database) targets() (targets []string, damaged int) {
	d.Helper()
	d.queryRow(`select (select array_agg(target order by target) from mcp_tool_usage),
		(select coalesce(sum(damaged), 0) from audit_batches)`, &targets, &damaged)
	return targets, damaged
}

func newRow(n int, write bool) *audit.ToolUsage {
	return &audit.ToolUsage{
		CallID: audit.NewID(), StartedAt: time.Now(), Method: "tools/call", Tool: "get_request", Write: write, WriteBegun: write,
		Target: fmt.Sprintf("request/%02d", n), Outcome: audit.OutcomeSuccess,
	}
}

func targetsUpTo(n int) (targets []string) {
	for i := range n {
		targets = append(targets, fmt.Sprintf("request/%02d", i))
	}
	return targets
}

func openSpool(t testing.TB, o audit.Options) *audit.Spool {
	t.Helper()
	s, err := audit.Open(o)
	require.NoError(t, err)
	return s
}

// writeSegment returns a segment of so many rows as a process leaves it that is killed: its name, what is in it, and where its rows end.
func writeSegment(t testing.TB, rows int, keys audit.Keys) (name string, content []byte, ends []int) {
	t.Helper()
	folder := t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: noLoader{}, Keys: keys})
	for n := range rows {
		require.NoError(t, s.Append(newRow(n, false)))
		paths, err := filepath.Glob(filepath.Join(folder, "*.audit"))
		require.NoError(t, err)
		if len(paths) != 1 {
			t.Fatalf("there are %d segments", len(paths))
		}
		name = filepath.Base(paths[0])
		content, err = os.ReadFile(paths[0])
		require.NoError(t, err)
		content = content[:s.Stats().SpoolBytes] // behind it is room for the next rows
		ends = append(ends, len(content))
	}
	return name, content, ends
}

// noLoader is for spools that never load.
type noLoader struct{}

func (noLoader) LoadAudit(context.Context, audit.Batch) (bool, error) {
	return false, store.ErrUnavailable
}

func forEachSealing(t *testing.T, test func(t *testing.T, keys audit.Keys)) {
	t.Helper()
	t.Run("sealed", func(t *testing.T) { t.Parallel(); test(t, newKeys(t)) })
	t.Run("with checksums alone", func(t *testing.T) { t.Parallel(); test(t, nil) })
}

// TestSegment_FlippedByte changes each byte of a segment: the row it is in is lost and counted, and no other.
func TestSegment_FlippedByte(t *testing.T) {
	t.Parallel()
	forEachSealing(t, func(t *testing.T, keys audit.Keys) {
		name, content, ends := writeSegment(t, 3, keys)
		for at := range content {
			broken := bytes.Clone(content)
			broken[at] ^= 0x55
			lost, _ := slices.BinarySearch(ends, at+1)
			want := slices.Delete(targetsUpTo(3), lost, lost+1)
			got, damaged, _ := audit.ReadSegment(name, broken, keys)
			if diff := cmp.Diff(want, got); diff != "" || damaged != 1 {
				t.Fatalf("byte %d of %d, in row %d: %d damaged, rows (-want +got)\n%s", at, len(content), lost, damaged, diff)
			}
		}
		t.Logf("each of %d bytes of 3 rows was changed", len(content))
	})
}

// TestSegment_CutTail cuts a segment at each length: rows that were written to their end are there, and nothing is said to be damaged.
func TestSegment_CutTail(t *testing.T) {
	t.Parallel()
	forEachSealing(t, func(t *testing.T, keys audit.Keys) {
		name, content, ends := writeSegment(t, 3, keys)
		for length := range len(content) + 1 {
			for what, tail := range map[string][]byte{"cut": nil, "filled with zeros": make([]byte, 100)} {
				written := length
				for len(tail) > 0 && written < len(content) && content[written] == 0 { // zeros in the place of zeros are what was written
					written++
				}
				complete, found := slices.BinarySearch(ends, written)
				if found {
					complete++
				}
				got, damaged, cut := audit.ReadSegment(name, append(bytes.Clone(content[:length]), tail...), keys)
				if diff := cmp.Diff(targetsUpTo(complete), got); diff != "" || what == "cut" && (damaged != 0 || cut == found == (length > 0)) {
					t.Fatalf("%s after %d of %d bytes: %d damaged, cut %t, rows (-want +got)\n%s", what, length, len(content), damaged, cut, diff)
				}
			}
		}
	})
}

// TestSegment_OfAnother: frames are of one segment; under another name none opens.
func TestSegment_OfAnother(t *testing.T) {
	t.Parallel()
	forEachSealing(t, func(t *testing.T, keys audit.Keys) {
		_, content, _ := writeSegment(t, 3, keys)
		got, damaged, _ := audit.ReadSegment(audit.NewID().String()+".audit", content, keys)
		if len(got) != 0 || damaged == 0 {
			t.Errorf("rows %q are there, %d are damaged, want none and one at least", got, damaged)
		}
	})
}

// TestSegment_IsSealed: with keys nothing of a row is on the disk, and without them its file is its owner's alone.
func TestSegment_IsSealed(t *testing.T) {
	t.Parallel()
	_, content, _ := writeSegment(t, 1, newKeys(t))
	if bytes.Contains(content, []byte("request")) {
		t.Error("the row is on the disk as it is")
	}
	folder := t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: noLoader{}})
	require.NoError(t, s.Append(newRow(1, false)))
	paths, err := filepath.Glob(filepath.Join(folder, "*"))
	require.NoError(t, err)
	info, err := os.Stat(paths[0])
	require.NoError(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the segment has mode %v, want 0600", info.Mode())
	}
}

// TestSegment_LostKey: what another key sealed waits a while, is lost then and counted, and what opens is loaded.
func TestSegment_LostKey(t *testing.T) {
	t.Parallel()
	old := newKeys(t)
	name, content, _ := writeSegment(t, 3, old)
	folder, l := t.TempDir(), newDatabase(t)
	path := filepath.Join(folder, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	s := openSpool(t, audit.Options{Folder: folder, Loader: l, Keys: newKeys(t)})
	require.NoError(t, s.Flush(t.Context()))
	if _, err := os.Stat(path); err != nil || s.Stats().Damaged != 0 {
		t.Fatalf("the segment does not wait for its key: %v, %+v", err, s.Stats())
	}
	s.WaitNoLongerForKeys()
	require.NoError(t, s.Flush(t.Context()))
	_, damaged := l.targets()
	aside, err := filepath.Glob(filepath.Join(folder, "*.unreadable"))
	require.NoError(t, err)
	if stats := s.Stats(); damaged != 3 || stats.Damaged != 3 || stats.Segments != 0 || len(aside) != 1 {
		t.Errorf("%d rows are said to be damaged, statistics %+v, %d files set aside; want 3 lost and the segment kept for a person", damaged, stats, len(aside))
	}
}

// TestSpool_TakesOver: segments of a process that ended are loaded by the next, once, and those of one that lives are not touched.
func TestSpool_TakesOver(t *testing.T) {
	t.Parallel()
	folder, keys, l := t.TempDir(), newKeys(t), newDatabase(t)
	living := openSpool(t, audit.Options{Folder: folder, Loader: l, Keys: keys})
	require.NoError(t, living.Append(newRow(0, false)))
	name, content, _ := writeSegment(t, 2, keys)
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	next := openSpool(t, audit.Options{Folder: folder, Loader: l, Keys: keys})
	require.NoError(t, next.Flush(t.Context()))
	if next.Stats().Loaded != 2 {
		t.Errorf("%d rows were loaded, want the 2 of the process that ended", next.Stats().Loaded)
	}
	require.NoError(t, living.Flush(t.Context()))
	if living.Stats().Loaded != 1 {
		t.Errorf("%d rows were loaded, want the one of the process that lives", living.Stats().Loaded)
	}
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	if len(left) != 0 || next.Stats().SpoolBytes != 0 || living.Stats().SpoolBytes != 0 {
		t.Errorf("%d files are left; %+v, %+v", len(left), next.Stats(), living.Stats())
	}
}

// TestSpool_Away: rows wait while the database is away, in memory and on the disk, and none is lost or loaded twice.
func TestSpool_Away(t *testing.T) {
	t.Parallel()
	l := newDatabase(t)
	l.setAway(true)
	folder := t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: l, MaxQueue: 1000})
	const rows = 50
	for n := range rows {
		require.NoError(t, s.Append(newRow(n, false)))
		if s.Flush(t.Context()) == nil {
			t.Fatal("rows are loaded with the database away")
		}
	}
	if stats := s.Stats(); stats.QueuedBytes > 1000 || stats.Appended != rows || stats.LoadFailures != rows || stats.Segments > 2 {
		t.Errorf("statistics %+v, want at most 1000 bytes queued, in one segment that waits and one that grows", stats)
	}
	l.setAway(false)
	require.NoError(t, s.Flush(t.Context()))
	got, damaged := l.targets()
	if diff := cmp.Diff(targetsUpTo(rows), got); diff != "" || damaged != 0 {
		t.Errorf("%d damaged, rows (-want +got)\n%s", damaged, diff)
	}
	if stats := s.Stats(); stats.SpoolBytes != 0 || stats.QueuedBytes != 0 || stats.Segments != 0 || stats.Loaded != rows {
		t.Errorf("statistics %+v, want all loaded and nothing left", stats)
	}
}

// TestSpool_UnreadableSegment: a segment that is gone from the folder keeps none behind it from being loaded.
func TestSpool_UnreadableSegment(t *testing.T) {
	t.Parallel()
	folder, l := t.TempDir(), newDatabase(t)
	name, content, _ := writeSegment(t, 2, nil)
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	s := openSpool(t, audit.Options{Folder: folder, Loader: l})
	require.NoError(t, os.Remove(filepath.Join(folder, name)))
	require.NoError(t, s.Append(newRow(0, false)))
	require.NoError(t, s.Flush(t.Context()))
	if stats := s.Stats(); stats.Loaded != 1 || stats.Damaged != 1 || stats.Segments != 0 || stats.SpoolBytes != 0 {
		t.Errorf("statistics %+v, want a loss that is counted and the row behind it loaded", stats)
	}
}

// TestSpool_Full: at its limit the spool drops what was only read, keeps room for rows of writes that were begun, and refuses new ones.
func TestSpool_Full(t *testing.T) {
	t.Parallel()
	l := newDatabase(t)
	l.setAway(true)
	folder := t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: l, MaxBytes: 1 << 20})
	big := func(write bool) *audit.ToolUsage {
		row := newRow(0, write)
		row.Payload.Redacted = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
		return row
	}
	kept := 0
	for ; s.Append(big(false)) == nil; kept++ {
		require.NoError(t, s.Sync())
	}
	if err := s.Append(big(false)); !errors.Is(err, audit.ErrFull) {
		t.Errorf("append of a read: %v, want %v", err, audit.ErrFull)
	}
	writes := 0
	for ; s.Sync() == nil; writes++ {
		require.NoError(t, s.Append(big(true)))
	}
	if err := s.Sync(); !errors.Is(err, audit.ErrFull) || writes < 10 {
		t.Errorf("sync after %d writes: %v, want %v after some", writes, err, audit.ErrFull)
	}
	for range 20 { // those that were under way
		require.NoError(t, s.Append(big(true)))
	}
	stats := s.Stats()
	t.Logf("%d rows of reads and %d of writes fit into 1 MiB, and 20 of writes that were under way; %d bytes", kept, writes, stats.SpoolBytes)
	if stats.Dropped != 2 || stats.SpoolBytes > 1<<20 {
		t.Errorf("statistics %+v, want 2 dropped and at most 1 MiB", stats)
	}
	l.setAway(false)
	require.NoError(t, s.Flush(t.Context()))
	require.NoError(t, s.Append(big(false)))
	require.NoError(t, s.Sync())
}

// TestSpool_Old: what waited for too long is removed and counted.
func TestSpool_Old(t *testing.T) {
	t.Parallel()
	s := openSpool(t, audit.Options{Folder: t.TempDir(), Loader: noLoader{}, MaxAge: time.Nanosecond})
	require.NoError(t, s.Append(newRow(0, false), newRow(1, false)))
	if s.Flush(t.Context()) == nil {
		t.Error("nobody loads, and it is flushed")
	}
	s.RemoveOld()
	if stats := s.Stats(); stats.Expired != 2 || stats.SpoolBytes != 0 || stats.Segments != 0 {
		t.Errorf("statistics %+v, want 2 rows expired", stats)
	}
}

// TestSpool_OldGone: a segment that waited for too long, and that somebody else removed meanwhile, is counted as lost all the same.
func TestSpool_OldGone(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: noLoader{}, MaxAge: time.Nanosecond})
	require.NoError(t, s.Append(newRow(0, false)))
	require.NoError(t, s.Append(newRow(1, false)))
	if s.Flush(t.Context()) == nil {
		t.Error("nobody loads, and it is flushed")
	}
	files, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, file := range files {
		require.NoError(t, os.Remove(filepath.Join(folder, file.Name())))
	}
	s.RemoveOld()
	if stats := s.Stats(); stats.Expired != 2 || stats.SpoolBytes != 0 || stats.Segments != 0 {
		t.Errorf("statistics %+v, want 2 rows expired", stats)
	}
}

// TestSpool_OldOnes: what waited for too long before a process began is not loaded first: the database may have forgotten that it was.
func TestSpool_OldOnes(t *testing.T) {
	t.Parallel()
	folder, l := t.TempDir(), newDatabase(t)
	name, content, _ := writeSegment(t, 2, nil)
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), content, 0o600))
	s := openSpool(t, audit.Options{Folder: folder, Loader: l, MaxAge: time.Nanosecond})
	require.NoError(t, s.Flush(t.Context()))
	if stats := s.Stats(); stats.Loaded != 0 || stats.Expired != 2 || stats.Segments != 0 {
		t.Errorf("statistics %+v, want 2 rows expired and none loaded", stats)
	}
}

// TestSpool_Run loads what many append at once, and what is left when it ends.
func TestSpool_Run(t *testing.T) {
	t.Parallel()
	l, folder := newDatabase(t), t.TempDir()
	s := openSpool(t, audit.Options{Folder: folder, Loader: l, Keys: newKeys(t)})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	var appending sync.WaitGroup
	const writers, each = 8, 500
	for range writers {
		appending.Go(func() {
			for n := range each {
				if err := s.Append(newRow(n%100, false)); err != nil {
					t.Error(err)
				}
				if n%100 == 0 && s.Sync() != nil {
					t.Error("it is not synced")
				}
			}
		})
	}
	appending.Wait()
	stop()
	require.NoError(t, <-ended)
	if got, damaged := l.targets(); len(got) != writers*each || damaged != 0 {
		t.Errorf("%d rows arrived, %d damaged, want %d", len(got), damaged, writers*each)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("%d files are left: %v", len(left), err)
	}
	if err := s.Append(newRow(0, false)); err == nil {
		t.Error("a spool that ended takes rows")
	}
}

func TestOpen_Refuses(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]audit.Options{
		"no folder":          {Loader: noLoader{}},
		"too few bytes":      {Folder: t.TempDir(), Loader: noLoader{}, MaxBytes: 1000},
		"more than 30 days":  {Folder: t.TempDir(), Loader: noLoader{}, MaxAge: 31 * 24 * time.Hour},
		"a file as a folder": {Folder: "spool_test.go", Loader: noLoader{}},
	} {
		if _, err := audit.Open(o); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}

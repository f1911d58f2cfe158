package audit_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newRefusal returns the row of a call of a tool that writes, which did nothing.
func newRefusal(subject string, outcome audit.Outcome) *audit.ToolUsage {
	row := newRow(0, true)
	row.WriteBegun, row.Outcome, row.Actor = false, outcome, audit.Actor{Subject: subject, Proof: "oidc"}
	return row
}

// TestSpool_Refusals: with the database away, callers whose calls did nothing, which costs them nothing, keep nobody's writes from being
// made, nor reads from being audited; and what one of them takes leaves room for the refusals of others.
func TestSpool_Refusals(t *testing.T) {
	t.Parallel()
	l := newDatabase(t)
	l.setAway(true)
	s := openSpool(t, audit.Options{Folder: t.TempDir(), Loader: l, MaxBytes: 1 << 20})
	outcomes := []audit.Outcome{audit.OutcomeDenied, audit.OutcomeThrottled, audit.OutcomeError, audit.OutcomeCancelled}
	flood := func(subject string) (kept int) {
		for n := range 5000 {
			if s.Append(newRefusal(subject, outcomes[n%len(outcomes)])) == nil {
				kept++
			}
		}
		return kept
	}
	ofMallory, ofMarvin := flood("mallory"), flood("marvin")
	stats := s.Stats()
	t.Logf("of 5000 refusals of each of two callers %d and %d are kept, in %d bytes of 1 MiB", ofMallory, ofMarvin, stats.SpoolBytes)
	if ofMallory < 50 || ofMarvin < 50 || stats.SpoolBytes > 1<<17 || stats.Refusals != int64(10_000-ofMallory-ofMarvin) || stats.Dropped != 0 {
		t.Errorf("statistics %+v, want some kept of each, the rest counted, and 1/8 of the spool taken at most", stats)
	}
	require.NoError(t, s.Sync())
	require.NoError(t, s.Append(newRow(1, true)))
	require.NoError(t, s.Append(newRow(2, false)))
	l.setAway(false)
	require.NoError(t, s.Flush(t.Context()))
	if again := flood("mallory"); again != ofMallory {
		t.Errorf("%d refusals are kept once those before are loaded, want %d as before", again, ofMallory)
	}
}

// TestSpool_ReserveForWrites: what reads leave is for writes, of a large spool a quarter.
func TestSpool_ReserveForWrites(t *testing.T) {
	t.Parallel()
	const size = 8 << 20
	s := openSpool(t, audit.Options{Folder: t.TempDir(), Loader: noLoader{}, MaxBytes: size})
	read := newRow(0, false)
	read.Payload.Redacted = []byte(`"` + strings.Repeat("x", 60_000) + `"`)
	for s.Append(read) == nil {
		continue
	}
	if taken := s.Stats().SpoolBytes; taken > size*3/4 || taken < size*3/4-100_000 {
		t.Errorf("reads take %d bytes of %d, want three quarters", taken, size)
	}
	require.NoError(t, s.Sync())
}

// TestSpool_WithoutPayload: of a row that finds no room with what was said, the rest is kept.
func TestSpool_WithoutPayload(t *testing.T) {
	t.Parallel()
	s := openSpool(t, audit.Options{Folder: t.TempDir(), Loader: noLoader{}, MaxBytes: 1 << 20})
	row := newRow(0, true)
	row.Payload.Redacted, row.Payload.Sealed = []byte(`"`+strings.Repeat("x", 60_000)+`"`), make([]byte, 600_000)
	require.NoError(t, s.Append(row))
	before := s.Stats().SpoolBytes
	require.NoError(t, s.Append(row))
	if added := s.Stats().SpoolBytes - before; added > 1000 {
		t.Errorf("a row without what was said takes %d bytes", added)
	}
}

// TestSpool_PromiseToWrites: on a disk that is full, reads do not take the room that was promised to a write that was begun.
func TestSpool_PromiseToWrites(t *testing.T) {
	t.Parallel()
	folder, maxBytes := newSmallDisk(t)
	s := openSpool(t, audit.Options{Folder: folder, Loader: noLoader{}, MaxBytes: maxBytes})
	require.NoError(t, s.Sync())
	row, reads := newRow(0, false), 0
	row.Payload.Redacted = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	var err error
	for ; err == nil; reads++ {
		err = s.Append(row)
	}
	if !errors.Is(err, audit.ErrFull) {
		t.Fatalf("append to a full disk: %v", err)
	}
	row = newRow(1, true)
	row.Payload.Redacted = []byte(`"` + strings.Repeat("x", 10_000) + `"`)
	for n := range 20 {
		if err := s.Append(row); err != nil {
			t.Fatalf("row %d of a write that was begun, after %d reads: %v", n, reads, err)
		}
	}
	t.Logf("%d reads found room, and the write", reads)
}

package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// BenchmarkVerifyAudit is what it takes to verify 300,000 rows of five connections, as many of each table.
func BenchmarkVerifyAudit(b *testing.B) {
	const wanted, connections = 300_000, 5
	owner := pgtest.New(b)
	db := openStore(b, owner)
	db.SetCallTimeout(10 * time.Minute)
	require.NoError(b, claimWriter(b, db, cluster).AddAuditMonths(b.Context()))
	spool, err := audit.Open(audit.Options{Folder: b.TempDir(), Loader: db})
	require.NoError(b, err)
	for n := range wanted / 2 {
		usage := newUsage(n)
		call := newAPICall(usage.CallID)
		usage.Connection.UID = fmt.Sprint("u", n%connections)
		call.Connection = usage.Connection
		require.NoError(b, spool.Append(usage, call))
		if n%10_000 == 0 {
			require.NoError(b, spool.Flush(b.Context()))
		}
	}
	require.NoError(b, spool.Flush(b.Context()))
	for b.Loop() {
		v, err := db.VerifyAudit(b.Context(), 100)
		require.NoError(b, err)
		if v.Rows != wanted || v.Chains != connections || len(v.Problems) > 0 {
			b.Fatalf("verified %d rows in %d chains, with problems: %v", v.Rows, v.Chains, v.Problems)
		}
	}
	b.ReportMetric(wanted*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

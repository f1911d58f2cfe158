package audit_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// BenchmarkAppend is what a call pays before its answer leaves.
func BenchmarkAppend(b *testing.B) {
	for name, keys := range map[string]audit.Keys{"sealed": newKeys(b), "with checksums alone": nil} {
		b.Run(name, func(b *testing.B) {
			s := openSpool(b, audit.Options{Folder: b.TempDir(), Loader: noLoader{}, Keys: keys, MaxBytes: 1 << 40})
			row := newRow(1, false)
			row.Actor, row.Client = audit.Actor{Subject: "system:serviceaccount:support:triage", Proof: "kubernetes"}, audit.Client{Name: "agent", Version: "1.0"}
			row.Prompt = audit.Prompt{Namespace: "support", Name: "triage", Version: 3, Digest: "sha256:0123456789012345678901234567890123456789012345678901234567890123"}
			b.ReportAllocs()
			for b.Loop() {
				require.NoError(b, s.Append(row))
			}
		})
	}
}

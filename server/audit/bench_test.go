package audit

import (
	"context"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// noLoader takes every batch.
type noLoader struct{}

func (noLoader) LoadAudit(context.Context, audit.Batch) (bool, error) { return true, nil }

// BenchmarkRecorder is what a prompts/get costs beside its answer: the row, and its frame in the spool.
func BenchmarkRecorder(b *testing.B) {
	spool, err := audit.Open(audit.Options{Folder: b.TempDir(), Loader: noLoader{}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- spool.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			b.Error(err)
		}
	}()
	r := NewRecorder(Config{Writer: spool})
	asked := auth.WithIdentity(context.Background(), auth.Identity{Subject: "system:serviceaccount:agents:triage", Proof: "kubernetes"})
	key := store.Key{Namespace: "support", Name: "triage"}
	call := &transport.Call{Method: string(mcp.MethodPromptsGet), Name: "support.triage"}
	b.ReportAllocs()
	for b.Loop() {
		ctx, end := r.Begin(asked, call, nil, transport.Trace{}, time.Now())
		e := FromContext(ctx)
		e.UsePrompt(key)
		e.UseVersion(3, "sha256:6f1c1b1a0b1c1d1e1f202122232425262728292a2b2c2d2e2f30313233343536")
		end(nil)
	}
}

package changes_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"

	"github.com/lectern-dev/lectern/controllers/changes"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// counted counts the looks at the database, and at a request that was found by the first one.
type counted struct {
	*postgres.Writer
	looks, retries atomic.Int32
}

func (c *counted) PromptsWithOpenChanges(ctx context.Context, limit int) ([]store.Key, error) {
	if c.looks.Add(1) == 1 {
		return []store.Key{{Namespace: "a", Name: "found before"}}, nil
	}
	return c.Writer.PromptsWithOpenChanges(ctx, limit)
}

func (c *counted) NextChange(ctx context.Context, key store.Key) (store.OpenChange, error) {
	defer c.retries.Add(1)
	return c.Writer.NextChange(ctx, key)
}

// TestStart_OutageIsLoggedOnce, however often the database is asked meanwhile.
func TestStart_OutageIsLoggedOnce(t *testing.T) {
	t.Parallel()
	s, err := postgres.Open(t.Context(), postgres.Options{Host: t.TempDir(), Database: "a", User: "a"}) // no socket there
	require.NoError(t, err)
	t.Cleanup(s.Close)
	writer := &counted{Writer: s.Writer("a cluster")}
	var lines atomic.Int32
	worker := &changes.Changes{
		Store: writer, Concurrency: 1,
		Listen: func(ctx context.Context, wake func()) error {
			for asked := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-asked.C {
				wake()
			}
			return ctx.Err()
		},
		Log: funcr.New(func(_, said string) {
			lines.Add(1)
			t.Log(said)
		}, funcr.Options{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Start(ctx) }()
	require.Eventually(t, func() error {
		if looks, retries := writer.looks.Load(), writer.retries.Load(); looks < 10 || retries < 3 {
			return fmt.Errorf("%d looks, %d at the request", looks, retries)
		}
		return nil
	})
	cancel()
	require.NoError(t, <-ended)
	if n := lines.Load(); n != 1 {
		t.Errorf("%d lines tell of %d looks at a database that is away, want 1", n, writer.looks.Load())
	}
}

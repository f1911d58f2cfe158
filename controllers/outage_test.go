package controllers

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
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
)

// counted counts the looks at the database.
type counted struct {
	*postgres.Writer
	looks atomic.Int32
}

func (c *counted) OpenChanges(ctx context.Context, limit int) ([]store.Key, error) {
	defer c.looks.Add(1)
	return c.Writer.OpenChanges(ctx, limit)
}

// TestAnOutageIsToldOnce, however often the database is asked meanwhile.
func TestAnOutageIsToldOnce(t *testing.T) {
	t.Parallel()
	s, err := postgres.Open(t.Context(), pgtest.New(t))
	must(t, err)
	writer := &counted{Writer: s.Writer("a cluster")}
	must(t, writer.Claim(t.Context()))
	s.Close()
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
	eventually(t, func() error {
		if n := writer.looks.Load(); n < 10 {
			return fmt.Errorf("%d looks", n)
		}
		return nil
	})
	cancel()
	must(t, <-ended)
	if n := lines.Load(); n != 1 {
		t.Errorf("%d lines tell of %d looks at a database that is away, want 1", n, writer.looks.Load())
	}
}

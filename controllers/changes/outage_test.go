package changes_test

import (
	"context"
	"fmt"
	"strings"
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
		Listen: func(ctx context.Context, wake func()) {
			for asked := time.NewTicker(time.Millisecond); ctx.Err() == nil; <-asked.C {
				wake()
			}
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

// fatal panics at the requests of one prompt, and counts what is asked of both that it knows.
type fatal struct {
	*postgres.Writer
	panics, others atomic.Int32
}

func (f *fatal) PromptsWithOpenChanges(context.Context, int) ([]store.Key, error) {
	return []store.Key{{Namespace: "a", Name: "fatal"}, {Namespace: "a", Name: "other"}}, nil
}

func (f *fatal) NextChange(_ context.Context, key store.Key) (store.OpenChange, error) {
	if key.Name == "fatal" {
		f.panics.Add(1)
		panic("a request nobody foresaw")
	}
	f.others.Add(1)
	return store.OpenChange{}, fmt.Errorf("read %s: %w", key.Name, store.ErrUnavailable)
}

// TestStart_PanicOfOneRequest: it is tried again like others that fail, and the others go on.
func TestStart_PanicOfOneRequest(t *testing.T) {
	t.Parallel()
	s, err := postgres.Open(t.Context(), postgres.Options{Host: t.TempDir(), Database: "a", User: "a"}) // no socket there
	require.NoError(t, err)
	t.Cleanup(s.Close)
	writer := &fatal{Writer: s.Writer("a cluster")}
	var told atomic.Int32
	worker := &changes.Changes{
		Store: writer, Concurrency: 1,
		Listen: func(ctx context.Context, wake func()) {
			wake()
			<-ctx.Done()
		},
		Log: funcr.New(func(_, said string) {
			if strings.Contains(said, "a request nobody foresaw") && strings.Contains(said, "outage_test.go") {
				told.Add(1)
			}
		}, funcr.Options{}),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- worker.Start(ctx) }()
	require.Eventually(t, func() error {
		if panics, others := writer.panics.Load(), writer.others.Load(); panics < 2 || others < 2 || told.Load() == 0 {
			return fmt.Errorf("%d panics, %d looks at the other request, %d lines", panics, others, told.Load())
		}
		return nil
	})
	cancel()
	require.NoError(t, <-ended)
}

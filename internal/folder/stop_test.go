package folder_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/folder"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// countdown is a context that ends when it was asked so often whether it did.
type countdown struct {
	context.Context
	cancel context.CancelFunc
	left   atomic.Int64
}

func newCountdown(ctx context.Context, asked int64) *countdown {
	c := &countdown{}
	c.Context, c.cancel = context.WithCancel(ctx)
	c.left.Store(asked)
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) <= 0 {
		c.cancel()
	}
	return c.Context.Err()
}

// TestOpen_EndsWithItsContext: it is asked of for every file, in each part of the work, and nothing goes on after it.
func TestOpen_EndsWithItsContext(t *testing.T) {
	t.Parallel()
	const files = 200
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	for i := range files {
		d.writeOld(fmt.Sprintf("f%03d.yaml", i), manifest(fmt.Sprintf("p%03d", i), "x"))
	}
	for what, tc := range map[string]struct {
		asked     int64
		published bool // something, but not all
	}{
		"while it walks":    {files / 2, false},
		"while it reads":    {files + files/2, false},
		"while it compiles": {2*files + files/2, true},
	} {
		t.Run(what, func(t *testing.T) {
			into := memory.New()
			ctx := newCountdown(t.Context(), tc.asked)
			if _, err := folder.Open(ctx, d.dir, into, slog.New(slog.DiscardHandler)); !errors.Is(err, context.Canceled) {
				t.Errorf("it ends with %v", err)
			}
			n, err := into.Count(t.Context(), store.Scope{All: true})
			require.NoError(t, err)
			if n == files || tc.published != (n > 0) {
				t.Errorf("it published %d of %d prompts", n, files)
			}
			if over := -ctx.left.Load(); over > 20 {
				t.Errorf("after its end it was asked of %d times more", over)
			}
		})
	}
}

// TestRequestChange_ProgramEnds: a change that waits for its file gives up when the program ends.
func TestRequestChange_ProgramEnds(t *testing.T) {
	t.Parallel()
	d := &harness{T: t, dir: t.TempDir(), store: memory.New(), log: &logbuffer.Buffer{}}
	d.write("greet.yaml", manifest("greet", "x"))
	ctx, stop := context.WithCancel(t.Context())
	var err error
	d.folder, err = folder.Open(ctx, d.dir, d.store, slog.New(slog.NewTextHandler(d.log, nil)))
	require.NoError(t, err)
	stop()
	d.keepsWriting("greet.yaml", func() {
		require.Until(t, "changes are given up", func() bool {
			_, err := d.request(update("greet", store.Edit{Description: new("d")}))
			return errors.Is(err, context.Canceled)
		})
	})
}

// keepsWriting writes to a file all the time while something is done.
func (d *harness) keepsWriting(path string, while func()) {
	d.Helper()
	text := manifest("busy", strings.Repeat("x", 100))
	ctx, stop := context.WithCancel(d.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		pause := time.NewTicker(10 * time.Millisecond)
		defer pause.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			d.write(path, text[:len(text)-n%50])
			<-pause.C
		}
	})
	defer wg.Wait()
	defer stop()
	while()
}

// TestRequestChange_WaitsForItsOwnFileOnly: another file that is written all the time holds up no change, and keeps nothing
// that is gone.
func TestRequestChange_WaitsForItsOwnFileOnly(t *testing.T) {
	t.Parallel()
	d := open(t, map[string]string{"mine.yaml": manifest("mine", "x"), "leaves.yaml": manifest("leaves", "x")})
	d.keepsWriting("busy.yaml", func() {
		require.Until(t, "the file is found", func() bool { return d.folder.IsPending("busy.yaml") })
		const changes = 60 // that would wait for 2 s each, and so for four minutes
		begun := time.Now()
		for i := range changes {
			d.ends(update("mine", content(fmt.Sprint("text ", i))), store.ChangePublished, "", "")
			d.ends(store.ChangeRequest{Key: key(fmt.Sprint("new-", i)), Action: store.ActionAdd, Edit: content("x")}, store.ChangePublished, "", "")
		}
		if took := time.Since(begun); took > 3*time.Minute {
			t.Errorf("%d changes of other files took %s", 2*changes, took)
		}
		t.Logf("%d changes beside a file that is being written took %s", 2*changes, time.Since(begun).Round(time.Millisecond))
		d.remove("leaves.yaml")
		d.soonServed("leaves", gone)
	})
}

package server

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/prompts"
)

// lossy takes changes, and loses some of its answers.
type lossy struct {
	prompts.Changes
	lose atomic.Int32
}

func (l *lossy) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	outcome, err := l.Changes.RequestChange(ctx, request)
	if err == nil && l.lose.Add(-1) >= 0 {
		return store.ChangeOutcome{}, fmt.Errorf("read from secret-host:5432: %w", store.ErrUnavailable)
	}
	return outcome, err
}

// TestALostAnswerIsAskedForAgain: what was stored all the same is one change, and the call says what became of it.
func TestALostAnswerIsAskedForAgain(t *testing.T) {
	t.Parallel()
	author := library(t)
	author.Undertake()
	changes := &lossy{Changes: author.Store}
	changes.lose.Store(2)
	box := openToolbox(t, start(t, author, withTools(author), func(d *Deps) { d.Changes = changes }), "/mcp/it")
	if got, want := box.says(t, "add_prompt", `{"name":"Once","content":"a"}`), `Created prompt "Once" with ID: once`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if total := box.call(t, "search_prompts", `{"query":"once"}`).structured["total"]; total != 1.0 {
		t.Errorf("%v prompts were made", total)
	}
}

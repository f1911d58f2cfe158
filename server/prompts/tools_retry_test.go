package prompts_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/prompts"
)

// losesAnswers takes changes, and loses some of its answers.
type losesAnswers struct {
	prompts.Changes
	lose atomic.Int32
}

func (l *losesAnswers) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	outcome, err := l.Changes.RequestChange(ctx, request)
	if err == nil && l.lose.Add(-1) >= 0 {
		return store.ChangeOutcome{}, fmt.Errorf("read from secret-host:5432: %w", store.ErrUnavailable)
	}
	return outcome, err
}

// TestChangeRequest_LostAnswerIsRetried: what was stored all the same is one change, and the call says what became of it.
func TestChangeRequest_LostAnswerIsRetried(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	author.RunController()
	changes := &losesAnswers{Changes: author.Store}
	changes.lose.Store(2)
	box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) { d.Changes = changes }), "/mcp/it")
	if got, want := box.text(t, "add_prompt", `{"name":"Once","content":"a"}`), `Created prompt "Once" with ID: once`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if total := box.call(t, "search_prompts", `{"query":"once"}`).structured["total"]; total != 1.0 {
		t.Errorf("%v prompts were made", total)
	}
}

// deaf is a source that never gives a hint.
type deaf struct{ catalog.Source }

func (deaf) Listen(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// TestChangeRequest_IsReadByTheNextCall: who changes a prompt reads the change with the next call, whether or not the server hears of it by itself.
func TestChangeRequest_IsReadByTheNextCall(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	prompts := catalog.New(deaf{author}, catalog.Options{RetryEvery: time.Hour, PollEvery: time.Hour})
	box := connectTools(t, startOn(t, prompts, withTools(author), withChanges(author)), "/mcp/it")
	hasty := connectTools(t, start(t, author, withTools(author), withChanges(author), func(d *server.Deps) { d.OutcomeTimeout = time.Nanosecond }), "/mcp/it")
	require.Until(t, "ready", func() bool { return prompts.CheckReady() == nil })
	read := func() string { return box.text(t, "apply_template", `{"id":"greeting","variables":{}}`) }
	if got := read(); got != "Hello." {
		t.Fatalf("got %q", got)
	}
	change := hasty.call(t, "update_prompt", `{"id":"greeting","content":"Accepted first."}`).structured["changeId"]
	author.RunController()
	require.Until(t, "it is published", func() bool {
		return box.call(t, "get_prompt_change", fmt.Sprintf(`{"changeId":%q}`, change)).structured["state"] == "published"
	})
	if got := read(); got != "Accepted first." {
		t.Errorf("after get_prompt_change said published: %q", got)
	}
	box.text(t, "update_prompt", `{"id":"greeting","content":"At once."}`)
	if got := read(); got != "At once." {
		t.Errorf("after update_prompt said updated: %q", got)
	}
}

package prompts_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
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

// countsReads counts how often outcomes are read.
type countsReads struct {
	prompts.Changes
	reads atomic.Int32
}

func (c *countsReads) ChangeOutcomes(ctx context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	c.reads.Add(1)
	return c.Changes.ChangeOutcomes(ctx, subject, ids)
}

// TestChangeRequest_OutcomeIsNotified: a call learns of the outcome from Postgres itself, though nothing polls. Each read
// has a reason: the request was stored, or there was a notification that it was, or that it is final.
func TestChangeRequest_OutcomeIsNotified(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	author.RunController(catalogtest.HandoverKey)
	changes := &countsReads{Changes: author.Store}
	box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) {
		d.Changes, d.OutcomePoll, d.OutcomeTimeout = changes, time.Hour, wait.Patience
	}), "/mcp")
	for _, c := range []struct{ tool, arguments, want string }{
		{"add_prompt", `{"name":"Once","content":"a"}`, `Created prompt "Once" with ID: it/once`},
		{"update_prompt", `{"id":"it/once","content":"b"}`, `Updated prompt "Once" (version 2)`},
		{"update_prompt", `{"id":"it/once","content":"b"}`, `Updated prompt "Once" (version 2)`},
		{"set_prompt_channel", `{"id":"it/once","channel":"beta","version":1}`, `Channel beta of prompt "Once" points to version 1`},
		{"delete_prompt", `{"id":"it/once"}`, `Deleted prompt with ID: it/once`},
		{"update_prompt", `{"id":"support/incident-handover","content":"c"}`, `! Error updating prompt: OwnedElsewhereError:`},
	} {
		changes.reads.Store(0)
		if got := box.text(t, c.tool, c.arguments); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.tool, got, c.want)
		}
		if reads := changes.reads.Load(); reads > 3 {
			t.Errorf("%s read the outcome %d times; once right after storing and for two notifications are three", c.tool, reads)
		}
	}
}

// deaf is a source that never gives a hint.
type deaf struct{ catalog.Source }

func (deaf) Listen(ctx context.Context, _ func()) { <-ctx.Done() }

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

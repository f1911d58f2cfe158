package prompts_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestChangeRequest_Quota: a caller for whom too much waits is told when to try again, and a repeat is no new request.
func TestChangeRequest_Quota(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t) // no controller: all that is asked for waits
	options := pgtest.AsServerRole(t, author.Owner)
	options.ChangeQuota = store.ChangeQuota{OfSubject: 3, InNamespace: 2}
	changes, err := postgres.Open(t.Context(), options)
	require.NoError(t, err)
	t.Cleanup(changes.Close)
	box := connectTools(t, start(t, author, withTools(author), func(d *server.Deps) { d.Changes, d.OutcomeTimeout = changes, time.Nanosecond }), "/mcp")
	accepted := func(name, namespace, key string) {
		t.Helper()
		if state := box.call(t, "add_prompt", `{"name":"`+name+`","content":"a","namespace":"`+namespace+`","idempotencyKey":"`+key+`"}`).structured["state"]; state != "pending" {
			t.Errorf("%s in %s is %v", name, namespace, state)
		}
	}
	accepted("One", "it", "k1")
	accepted("Two", "it", "k2")
	if got, want := box.text(t, "add_prompt", `{"name":"Three","content":"a","namespace":"it"}`), "! Error creating prompt: QuotaError: "+
		"2 of your changes in namespace it wait to be applied, and at most 2 may; nothing was stored; try again in 30 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	accepted("One", "it", "k1")
	accepted("Three", "support", "k3")
	if got, want := box.text(t, "delete_prompt", `{"id":"support/hidden"}`), "! Error deleting prompt: QuotaError: "+
		"3 of your changes wait to be applied, and at most 3 may; nothing was stored; try again in 30 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := author.CountOpenChanges(); n != 3 {
		t.Errorf("%d prompts have open requests, want 3", n)
	}
}

// TestChangeRequest_NamespaceMissing: what the controller found missing a moment ago is refused without another request.
func TestChangeRequest_NamespaceMissing(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewLibrary(t)
	box := connectTools(t, start(t, author, withTools(author), withChanges(author)), "/mcp")
	author.RefuseChanges(store.ReasonNamespaceMissing, "there is no namespace nowhere; choose one that is there")
	add := func() string { return box.text(t, "add_prompt", `{"name":"One","content":"a","namespace":"nowhere"}`) }
	const refused = "! Error creating prompt: ForbiddenError: there is no namespace nowhere; choose one that is there"
	if got := add(); got != refused {
		t.Errorf("the first time: got %q, want %q", got, refused)
	}
	if got := add(); !strings.HasPrefix(got, refused+"; if it was made since, try again in ") {
		t.Errorf("the second time: got %q", got)
	}
}

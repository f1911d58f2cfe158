package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// changeFixture is a database with a server, which requests changes, and a controller, which answers them.
type changeFixture struct {
	*testing.T
	owner  postgres.Options
	server *postgres.Store
	writer *postgres.Writer
}

func newChangeFixture(t *testing.T) changeFixture {
	t.Parallel()
	owner := pgtest.New(t)
	return changeFixture{t, owner, openStore(t, pgtest.AsServerRole(t, owner)), claimWriter(t, openStore(t, owner), cluster)}
}

// requestChange makes a request of handover and returns it.
func (d changeFixture) requestChange(action store.Action, change ...func(*store.ChangeRequest)) store.ChangeRequest {
	d.Helper()
	r := store.ChangeRequest{ID: uuid.NewString(), Key: handover, Action: action, Subject: "tom"}
	if action != store.ActionDelete {
		r.Edit.Content = new("text")
	}
	for _, c := range change {
		c(&r)
	}
	got, err := d.server.RequestChange(d.Context(), r)
	require.NoError(d.T, err)
	if diff := cmp.Diff(store.ChangeOutcome{ID: r.ID, Key: r.Key, Action: action, State: store.ChangePending}, got); diff != "" {
		d.Errorf("a new request (-want +got):\n%s", diff)
	}
	return r
}

func (d changeFixture) nextChange() store.OpenChange {
	d.Helper()
	c, err := d.writer.NextChange(d.Context(), handover)
	require.NoError(d.T, err)
	return c
}

// beginChange begins the request whose turn it is, on an object, and returns it as it is then.
func (d changeFixture) beginChange(intent store.Intent) store.OpenChange {
	d.Helper()
	require.NoError(d.T, d.writer.BeginChange(d.Context(), d.nextChange(), intent))
	return d.nextChange()
}

func (d changeFixture) markApplied(c store.OpenChange, uid string, generation int64) {
	d.Helper()
	require.NoError(d.T, d.writer.MarkChangeApplied(d.Context(), c.ID, uid, generation))
}

// publicationWithChange returns a publication of handover with the change that is in its object, as the reconciler makes it.
func (d changeFixture) publicationWithChange(uid string, generation int64, text string, held bool) store.Publication {
	d.Helper()
	p := newPublication(d.T, handover, uid, generation, text)
	c, err := d.writer.AppliedChange(d.Context(), handover, p.Owner, "no id")
	require.NoError(d.T, err)
	if c != nil {
		p.Change = &store.AppliedChange{ID: c.ID, Intact: held}
	}
	return p
}

// requireOutcome compares the outcome of a request with the wanted one, except its id, key, action and message.
func (d changeFixture) requireOutcome(r store.ChangeRequest, want store.ChangeOutcome) {
	d.Helper()
	got, err := d.server.ChangeOutcomes(d.Context(), r.Subject, []string{r.ID})
	require.NoError(d.T, err)
	if len(got) != 1 {
		d.Fatalf("request %s has %d outcomes", r.ID, len(got))
	}
	if spoken := got[0].Message != ""; spoken != (want.Reason != "") {
		d.Errorf("state %s says %q", got[0].State, got[0].Message)
	}
	want.ID, want.Key, want.Action, want.Message = r.ID, r.Key, r.Action, got[0].Message
	if diff := cmp.Diff(want, got[0]); diff != "" {
		d.Errorf("outcome (-want +got):\n%s", diff)
	}
}

// backdate makes all requests older than they are.
func (d changeFixture) backdate(by time.Duration) {
	d.Helper()
	_, err := pgtest.Connect(d.T, d.owner).Exec(d.Context(), `update prompt_changes set requested_at = requested_at - $1::interval,
		tried_at = tried_at - $1::interval, applied_at = applied_at - $1::interval, settled_at = settled_at - $1::interval`,
		fmt.Sprintf("%d seconds", int(by.Seconds())))
	require.NoError(d.T, err)
}

func TestRequestChange_Repeat(t *testing.T) {
	d := newChangeFixture(t)
	keyed := func(r *store.ChangeRequest) { r.IdempotencyKey = "k" }
	first := d.requestChange(store.ActionUpdate, keyed, func(r *store.ChangeRequest) { r.Edit.Metadata = []byte(`{"a": 1, "b": [2]}`) })
	repeat := first
	repeat.ID = uuid.NewString()
	repeat.Edit.Metadata = []byte(`{"b":[2],"a":1}`)
	want := store.ChangeOutcome{ID: first.ID, Key: handover, Action: store.ActionUpdate, State: store.ChangePending}
	again := func(r store.ChangeRequest, want store.ChangeOutcome) {
		t.Helper()
		got, err := d.server.RequestChange(t.Context(), r)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("a repeat gives %v (-want +got):\n%s", err, diff)
		}
		before, err := d.server.FindEarlierRequest(t.Context(), r)
		if diff := cmp.Diff(want, before); diff != "" || err != nil {
			t.Errorf("what was requested before gives %v (-want +got):\n%s", err, diff)
		}
	}
	again(repeat, want)
	again(first, want) // sent again because the answer was lost
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonOwnedElsewhere, "words"))
	want.State, want.Reason, want.Message = store.ChangeRefused, store.ReasonOwnedElsewhere, "words"
	again(repeat, want)

	for name, change := range map[string]func(*store.ChangeRequest){
		"another edit":     func(r *store.ChangeRequest) { r.Edit.Title = new("T") },
		"another prompt":   func(r *store.ChangeRequest) { r.Key.Name = "other" },
		"another action":   func(r *store.ChangeRequest) { r.Action = store.ActionDelete },
		"another version":  func(r *store.ChangeRequest) { r.ExpectedVersion = 2 },
		"another's own id": func(r *store.ChangeRequest) { r.ID, r.Subject = first.ID, "eve" },
	} {
		r := repeat
		change(&r)
		if got, err := d.server.RequestChange(t.Context(), r); !errors.Is(err, store.ErrIdempotencyKeyReused) {
			t.Errorf("%s under the same key gives %+v, %v; want %v", name, got, err, store.ErrIdempotencyKeyReused)
		}
	}
	for name, tc := range map[string]struct {
		subject string
		want    error
	}{"another edit of the same subject": {first.Subject, store.ErrIdempotencyKeyReused}, "nothing of hers": {"eve", store.ErrNotFound}} {
		r := repeat
		r.Edit.Title, r.Subject = new("T"), tc.subject
		if got, err := d.server.FindEarlierRequest(t.Context(), r); !errors.Is(err, tc.want) {
			t.Errorf("%s was requested before: %+v, %v; want %v", name, got, err, tc.want)
		}
	}
	d.requestChange(store.ActionUpdate, keyed, func(r *store.ChangeRequest) { r.Subject = "eve" }) // a key is its subject's

	// The first addition took the name it chose, so a repeat chooses another.
	added := d.requestChange(store.ActionAdd, func(r *store.ChangeRequest) { r.IdempotencyKey, r.Key.Name = "add", "new" })
	elsewhere := added
	elsewhere.ID, elsewhere.Key.Name = uuid.NewString(), "new-12345678"
	again(elsewhere, store.ChangeOutcome{ID: added.ID, Key: added.Key, Action: store.ActionAdd, State: store.ChangePending})
}

func TestChangeOutcomes_OtherSubject(t *testing.T) {
	d := newChangeFixture(t)
	mine, theirs := d.requestChange(store.ActionUpdate), d.requestChange(store.ActionUpdate, func(r *store.ChangeRequest) { r.Subject = "eve" })
	got, err := d.server.ChangeOutcomes(t.Context(), "tom", []string{theirs.ID, "no id", "", uuid.NewString(), mine.ID})
	require.NoError(t, err)
	if diff := cmp.Diff([]store.ChangeOutcome{{ID: mine.ID, Key: handover, Action: store.ActionUpdate, State: store.ChangePending}}, got); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
}

// TestChanges_MalformedID: pgx takes anything for the dashes of a UUID, and Postgres does not.
func TestChanges_MalformedID(t *testing.T) {
	d := newChangeFixture(t)
	const nearly = "12345678_1234_1234_1234_123456789012"
	outcomes, err := d.server.ChangeOutcomes(t.Context(), "tom", []string{nearly})
	if err != nil || len(outcomes) > 0 {
		t.Errorf("outcomes %v, %v; want none", outcomes, err)
	}
	carried, err := d.writer.AppliedChange(t.Context(), handover, store.Owner{UID: "u1", Generation: 1}, nearly)
	if err != nil || carried != nil {
		t.Errorf("carried %v, %v; want nothing", carried, err)
	}
}

func TestNameTaken_ByRequest(t *testing.T) {
	d := newChangeFixture(t)
	taken := func(want bool) {
		t.Helper()
		if got, err := d.server.NameTaken(t.Context(), handover); err != nil || got != want {
			t.Errorf("taken: %t, %v; want %t", got, err, want)
		}
	}
	taken(false)
	d.requestChange(store.ActionAdd)
	taken(true)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonInvalid, "words"))
	taken(false)
}

// withoutSeal compares requests without what proves them.
var withoutSeal = cmpopts.IgnoreFields(store.OpenChange{}, "Seal")

func TestNextChange_InTurn(t *testing.T) {
	d := newChangeFixture(t)
	first, second := d.requestChange(store.ActionUpdate), d.requestChange(store.ActionDelete)
	other := d.requestChange(store.ActionUpdate, func(r *store.ChangeRequest) { r.Key.Name = "other" })
	waiting := func(want ...store.Key) {
		t.Helper()
		got, err := d.writer.PromptsWithOpenChanges(t.Context(), 10)
		require.NoError(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("waiting (-want +got):\n%s", diff)
		}
	}
	waiting(handover, other.Key)

	found := d.nextChange()
	want := store.OpenChange{ChangeRequest: first, State: store.ChangePending}
	if diff := cmp.Diff(want, found, withoutSeal); diff != "" {
		t.Errorf("the first request (-want +got):\n%s", diff)
	}
	early := store.OpenChange{ChangeRequest: second}
	if err := d.writer.BeginChange(t.Context(), early, store.Intent{}); !errors.Is(err, store.ErrNotYours) {
		t.Errorf("beginning the second gives %v, want %v", err, store.ErrNotYours)
	}
	intent := store.Intent{UID: "u1", ResourceVersion: "10", Generation: 2}
	begun := d.beginChange(intent)
	want.Attempt, want.Intent, want.MayLand = 1, intent, true
	if diff := cmp.Diff(want, begun, withoutSeal); diff != "" {
		t.Errorf("the first, begun (-want +got):\n%s", diff)
	}

	// Whoever saw less than there is has been overtaken.
	for name, err := range map[string]error{
		"begin":    d.writer.BeginChange(t.Context(), found, intent),
		"finalize": d.writer.FinalizeChange(t.Context(), found, store.ChangeConflict, store.ReasonNotFound, "words"),
	} {
		if !errors.Is(err, store.ErrNotYours) {
			t.Errorf("%s by an earlier sight gives %v, want %v", name, err, store.ErrNotYours)
		}
	}
	d.markApplied(begun, "u1", 2)
	d.backdate(-time.Minute) // it was applied a moment ago, however busy the machine is
	waiting(other.Key)
	if err := d.writer.FinalizeChange(t.Context(), begun, store.ChangeConflict, store.ReasonNotFound, "words"); !errors.Is(err, store.ErrNotYours) {
		t.Errorf("settling what is applied gives %v, want %v", err, store.ErrNotYours)
	}
	d.backdate(2 * time.Minute)
	waiting(handover, other.Key)
	if c := d.nextChange(); c.ID != first.ID || !c.Stuck || c.MayLand || c.State != store.ChangeApplied {
		t.Errorf("the first after a minute is %+v", c)
	}
	_, err := d.writer.Publish(t.Context(), d.publicationWithChange("u1", 2, "text", true))
	require.NoError(t, err)
	d.requireOutcome(first, store.ChangeOutcome{State: store.ChangePublished, Version: 1, Served: 1, NewVersion: true})
	if c := d.nextChange(); c.ID != second.ID {
		t.Errorf("after the first comes %s, want %s", c.ID, second.ID)
	}
}

// TestExpireChanges: ten minutes are the database's, and a request that was begun is not expired behind its writer's back.
func TestExpireChanges(t *testing.T) {
	d := newChangeFixture(t)
	begun := d.requestChange(store.ActionUpdate)
	d.beginChange(store.Intent{UID: "u1", ResourceVersion: "10", Generation: 2})
	waits := d.requestChange(store.ActionUpdate)
	d.backdate(store.ChangeExpiry + time.Second)
	fresh := d.requestChange(store.ActionUpdate)
	require.NoError(t, d.writer.ExpireChanges(t.Context()))
	d.requireOutcome(begun, store.ChangeOutcome{State: store.ChangePending})
	d.requireOutcome(waits, store.ChangeOutcome{State: store.ChangeExpired, Reason: store.ReasonNotBegun})
	d.requireOutcome(fresh, store.ChangeOutcome{State: store.ChangePending})
	c := d.nextChange()
	if !c.Overdue {
		t.Errorf("the one begun is not overdue: %+v", c)
	}
	if err := d.writer.BeginChange(t.Context(), c, c.Intent); !errors.Is(err, store.ErrNotYours) {
		t.Errorf("another attempt at what is overdue gives %v, want %v", err, store.ErrNotYours)
	}
	require.NoError(t, d.writer.FinalizeChange(t.Context(), c, store.ChangeExpired, store.ReasonNotBegun, "words"))
	if c := d.nextChange(); c.ID != fresh.ID {
		t.Errorf("next is %s, want %s", c.ID, fresh.ID)
	}
}

// TestExpireChanges_NothingOverdue: then nothing is written and no lock taken, not even to see whose database it is.
func TestExpireChanges_NothingOverdue(t *testing.T) {
	d := newChangeFixture(t)
	d.requestChange(store.ActionUpdate)
	held, err := pgtest.Connect(t, d.owner).Begin(t.Context())
	require.NoError(t, err)
	_, err = held.Exec(t.Context(), "lock installation")
	require.NoError(t, err)
	require.NoError(t, d.writer.ExpireChanges(t.Context()))
	require.NoError(t, held.Rollback(context.Background()))
}

func TestPublish_FinalizesChange(t *testing.T) {
	gone := store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonSuperseded}
	beta := store.Edit{Channel: &store.ChannelEdit{Name: "beta", Version: 1}}
	published := store.ChangeOutcome{State: store.ChangePublished, Version: 2, Served: 2, NewVersion: true}
	for name, tc := range map[string]struct {
		before string // published before it, at generation 1
		edit   func(*store.Publication)
		held   bool
		asked  store.Edit
		want   store.ChangeOutcome
	}{
		"a new version":      {before: "old", held: true, want: published},
		"nothing new":        {before: "text", held: true, want: store.ChangeOutcome{State: store.ChangePublished, Version: 1, Served: 1}},
		"the first":          {held: true, want: store.ChangeOutcome{State: store.ChangePublished, Version: 1, Served: 1, NewVersion: true}},
		"replaced meanwhile": {before: "old", want: gone},
		"a pin to nothing": {
			before: "old", held: true, asked: beta, want: store.ChangeOutcome{State: store.ChangeApplied},
			edit: func(p *store.Publication) { p.Channels = []store.ChannelRule{{Name: "beta", Version: 9}} },
		},
		"a version in use": {
			before: "old", held: true, asked: store.Edit{Withdraw: 2}, want: store.ChangeOutcome{State: store.ChangeApplied},
			edit: func(p *store.Publication) { p.Withdrawn = []int64{2} },
		},
		"a text beside a pin to nothing": {
			before: "old", held: true, want: published,
			edit: func(p *store.Publication) { p.Channels = []store.ChannelRule{{Name: "beta", Version: 9}} },
		},
		"a channel beside another's pin to nothing": {
			before: "old", held: true, asked: beta, want: published,
			edit: func(p *store.Publication) {
				p.Channels = []store.ChannelRule{{Name: "next", Version: 9}, {Name: "beta", Version: 1}}
			},
		},
		"a channel beside another's withdrawal of a version in use": {
			before: "old", held: true, asked: beta, want: published,
			edit: func(p *store.Publication) {
				p.Channels, p.Withdrawn = []store.ChannelRule{{Name: "beta", Version: 1}}, []int64{2}
			},
		},
		"a withdrawal beside another's pin to nothing": {
			before: "old", held: true, asked: store.Edit{Withdraw: 1}, want: published,
			edit: func(p *store.Publication) {
				p.Channels, p.Withdrawn = []store.ChannelRule{{Name: "beta", Version: 9}}, []int64{1}
			},
		},
		"a withdrawal undone by another's of a version in use": {
			before: "old", held: true, asked: store.Edit{Withdraw: 1}, want: store.ChangeOutcome{State: store.ChangeApplied},
			edit: func(p *store.Publication) { p.Withdrawn = []int64{1, 2} },
		},
		"production elsewhere": {
			before: "old", held: true, want: store.ChangeOutcome{State: store.ChangePublished, Version: 2, Served: 1, NewVersion: true},
			edit: func(p *store.Publication) { p.Channels = []store.ChannelRule{{Name: store.Production, Version: 1}} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newChangeFixture(t)
			if tc.before != "" {
				_, err := d.writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, tc.before))
				require.NoError(t, err)
			}
			r := d.requestChange(store.ActionUpdate)
			d.markApplied(d.beginChange(store.Intent{UID: "u1", ResourceVersion: "10", Generation: 2}), "u1", 2)
			p := d.publicationWithChange("u1", 2, "text", tc.held)
			p.Change.Edit = tc.asked
			if tc.edit != nil {
				tc.edit(&p)
			}
			_, err := d.writer.Publish(t.Context(), p)
			require.NoError(t, err)
			d.requireOutcome(r, tc.want)

			// Once more, as every resync does: nothing is written.
			before := databaseContents(t, d.owner)
			p = d.publicationWithChange("u1", 2, "text", tc.held)
			if final := tc.want.State != store.ChangeApplied; final != (p.Change == nil || !tc.held) {
				t.Errorf("a change in state %s is carried on: %+v", tc.want.State, p.Change)
			}
			if p.Change == nil {
				if tc.edit != nil {
					tc.edit(&p)
				}
				_, err = d.writer.Publish(t.Context(), p)
				require.NoError(t, err)
				if diff := cmp.Diff(before, databaseContents(t, d.owner)); diff != "" {
					t.Errorf("the second publish wrote (-before +after):\n%s", diff)
				}
			}
		})
	}
}

func TestAppliedChange(t *testing.T) {
	d := newChangeFixture(t)
	r := d.requestChange(store.ActionUpdate)
	carried := func(owner store.Owner, mark string) bool {
		t.Helper()
		c, err := d.writer.AppliedChange(t.Context(), handover, owner, mark)
		require.NoError(t, err)
		if c != nil {
			if diff := cmp.Diff(&store.AppliedChange{ID: r.ID, Subject: r.Subject, Action: r.Action, Edit: r.Edit, Generation: 2}, c); diff != "" {
				t.Errorf("carried (-want +got):\n%s", diff)
			}
		}
		return c != nil
	}
	type sight struct {
		owner store.Owner
		mark  string
	}
	ours, before, other := store.Owner{UID: "u1", Generation: 2}, store.Owner{UID: "u1", Generation: 1}, store.Owner{UID: "u2", Generation: 2}
	stranger := uuid.NewString()
	check := func(when string, want ...sight) {
		t.Helper()
		for _, s := range []sight{{ours, r.ID}, {ours, ""}, {before, r.ID}, {before, ""}, {other, r.ID}, {other, ""}, {ours, "no id"}, {ours, stranger}} {
			if got := carried(s.owner, s.mark); got != slices.Contains(want, s) {
				t.Errorf("%s: carried by %+v is %t", when, s, got)
			}
		}
	}
	check("not begun")
	c := d.beginChange(store.Intent{UID: "u1", ResourceVersion: "10", Generation: 2})
	check("begun", sight{ours, r.ID}, sight{before, r.ID})
	d.markApplied(c, "u1", 2)
	check("applied", sight{ours, r.ID}, sight{before, r.ID}, sight{ours, ""}, sight{ours, "no id"}, sight{ours, stranger})
}

// TestPublish_SupersededChange: once a later state of the object was seen without the edit, a deposed leader that still has
// the earlier one must ask, or an answer would be untrue.
func TestPublish_SupersededChange(t *testing.T) {
	d := newChangeFixture(t)
	r := d.requestChange(store.ActionAdd)
	d.markApplied(d.beginChange(store.Intent{Generation: 1}), "u1", 1)
	deposed := d.publicationWithChange("u1", 1, "text", true)
	require.NoError(t, d.writer.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: r.ID}, "InvalidTemplate", "words of the later state"))
	d.requireOutcome(r, store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonSuperseded})
	_, err := d.writer.Publish(t.Context(), deposed)
	fenced, ok := errors.AsType[*store.FencedError](err)
	if !ok {
		t.Fatalf("the deposed leader's publish gives %v, want that it is fenced", err)
	}
	if _, err := d.server.GetView(t.Context(), handover, prompt.Selector{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the superseded text is served: %v", err)
	}
	// After a restore of etcd it is the live one all the same.
	deposed.Takeover = &fenced.Row
	_, err = d.writer.Publish(t.Context(), deposed)
	require.NoError(t, err)
}

func TestFinalizeAppliedChange_Blocked(t *testing.T) {
	d := newChangeFixture(t)
	r := d.requestChange(store.ActionAdd)
	d.markApplied(d.beginChange(store.Intent{Generation: 1}), "u1", 1)
	require.NoError(t, d.writer.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: r.ID, Intact: true}, "IncludeCycle", "words"))
	blocked := store.ChangeOutcome{State: store.ChangeBlocked, Reason: "IncludeCycle"}
	d.requireOutcome(r, blocked)
	p := newPublication(t, handover, "u1", 2, "text")
	p.Change = &store.AppliedChange{ID: r.ID, Intact: true}
	_, err := d.writer.Publish(t.Context(), p)
	require.NoError(t, err)
	d.requireOutcome(r, blocked) // an answer that was given stands
}

func TestRemove_FinalizesChanges(t *testing.T) {
	done := store.ChangeOutcome{State: store.ChangePublished}
	lost := store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound}
	waits := store.ChangeOutcome{State: store.ChangePending}
	for name, tc := range map[string]struct {
		action  store.Action
		applied bool
		uid     string
		end     func(context.Context, *postgres.Writer) error
		want    store.ChangeOutcome
	}{
		"a deletion, released":            {store.ActionDelete, true, "u1", removeHandover, done},
		"a deletion begun, released":      {store.ActionDelete, false, "u1", removeHandover, done},
		"a deletion, swept":               {store.ActionDelete, true, "u1", removeAllUnchanged, done},
		"a deletion, the object vanished": {store.ActionDelete, true, "u1", removeKeepingPolicy, done},
		"a deletion of a later object":    {store.ActionDelete, true, "u2", removeHandover, store.ChangeOutcome{State: store.ChangeApplied}},
		"an edit nobody published":        {store.ActionUpdate, true, "u1", removeHandover, lost},
		"an edit of a swept object":       {store.ActionUpdate, true, "u1", removeAllUnchanged, lost},
		"an edit begun":                   {store.ActionUpdate, false, "u1", removeHandover, waits},
	} {
		t.Run(name, func(t *testing.T) {
			d := newChangeFixture(t)
			_, err := d.writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
			require.NoError(t, err)
			r := d.requestChange(tc.action)
			next := d.requestChange(store.ActionAdd)
			c := d.beginChange(store.Intent{UID: tc.uid, ResourceVersion: "10", Generation: 2})
			if tc.applied {
				d.markApplied(c, tc.uid, 2)
			}
			require.NoError(t, tc.end(t.Context(), d.writer))
			d.requireOutcome(r, tc.want)
			d.requireOutcome(next, waits)
			before := databaseContents(t, d.owner)
			require.NoError(t, removeHandover(t.Context(), d.writer))
			if diff := cmp.Diff(before, databaseContents(t, d.owner)); diff != "" {
				t.Errorf("a second release wrote (-before +after):\n%s", diff)
			}
		})
	}
}

func removeHandover(ctx context.Context, w *postgres.Writer) error {
	return w.Remove(ctx, handover, "u1", false)
}

func removeKeepingPolicy(ctx context.Context, w *postgres.Writer) error {
	return w.RemoveKeepingPolicy(ctx, handover, "u1")
}

func removeAllUnchanged(ctx context.Context, w *postgres.Writer) error {
	rows, err := w.ListRows(ctx, store.Key{}, 10, 0)
	if err != nil {
		return err
	}
	for _, r := range rows {
		if _, err := w.RemoveIfUnchanged(ctx, r.Key, r.Fence); err != nil {
			return err
		}
	}
	return nil
}

func TestDeleteOldChanges(t *testing.T) {
	d := newChangeFixture(t)
	for range 3 {
		d.requestChange(store.ActionUpdate)
		require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonOwnedElsewhere, "words"))
	}
	open := d.requestChange(store.ActionUpdate)
	d.backdate(2 * time.Hour)
	for _, want := range []int{2, 1, 0} {
		if got, err := d.writer.DeleteOldChanges(t.Context(), time.Hour, 2); err != nil || got != want {
			t.Errorf("dropped %d, %v; want %d", got, err, want)
		}
	}
	d.requireOutcome(open, store.ChangeOutcome{State: store.ChangePending})
}

// TestDeleteOldChanges_Forged: what nobody proved to have asked for goes after an hour.
func TestDeleteOldChanges_Forged(t *testing.T) {
	d := newChangeFixture(t)
	d.requestChange(store.ActionUpdate)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonUnproven, "words"))
	proven := d.requestChange(store.ActionUpdate)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonForbidden, "words"))
	execAsSuperuser(t, d.owner, fmt.Sprintf("update prompt_changes set proven_at = now() where id = '%s'", proven.ID))
	for want, age := range []time.Duration{50 * time.Minute, 70 * time.Minute} { // none, then one
		execAsSuperuser(t, d.owner, fmt.Sprintf("update prompt_changes set settled_at = now() - interval '%d seconds'", int(age.Seconds())))
		if got, err := d.writer.DeleteOldChanges(t.Context(), 30*24*time.Hour, 10); err != nil || got != want {
			t.Errorf("after %s: dropped %d, %v; want %d", age, got, err, want)
		}
	}
	if left := queryStrings(t, pgtest.Connect(t, d.owner), "select id::text from prompt_changes"); !slices.Equal(left, []string{proven.ID}) {
		t.Errorf("left: %q, want what was proven", left)
	}
}

// TestWriter_ForeignClusterChanges: what a controller may not publish it may not touch here, either.
func TestWriter_ForeignClusterChanges(t *testing.T) {
	d := newChangeFixture(t)
	d.requestChange(store.ActionUpdate)
	d.backdate(store.ChangeExpiry + time.Second)
	c := d.nextChange()
	foreign := openStore(t, d.owner).Writer("another cluster")
	_ = foreign.ClaimDatabase(t.Context())
	for name, err := range map[string]error{
		"begin":    foreign.BeginChange(t.Context(), c, store.Intent{}),
		"apply":    foreign.MarkChangeApplied(t.Context(), c.ID, "u1", 1),
		"finalize": foreign.FinalizeChange(t.Context(), c, store.ChangeRefused, store.ReasonOwnedElsewhere, "words"),
		"expire":   foreign.ExpireChanges(t.Context()),
		"carried":  foreign.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: c.ID}, "X", "words"),
	} {
		if _, ok := errors.AsType[*store.ForeignClusterError](err); !ok {
			t.Errorf("%s gives %v, want that the database is another cluster's", name, err)
		}
	}
}

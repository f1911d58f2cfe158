package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// from makes a request of a subject for a prompt.
func from(subject, namespace, name string) func(*store.ChangeRequest) {
	return func(r *store.ChangeRequest) { r.Subject, r.Key = subject, store.Key{Namespace: namespace, Name: name} }
}

// tryRequest makes a request that may be refused.
func (d changeFixture) tryRequest(change ...func(*store.ChangeRequest)) (store.ChangeRequest, error) {
	d.Helper()
	r := store.ChangeRequest{ID: uuid.NewString(), Key: handover, Action: store.ActionAdd, Subject: "tom", Edit: store.Edit{Content: new("text")}}
	for _, c := range change {
		c(&r)
	}
	_, err := d.server.RequestChange(d.Context(), r)
	return r, err
}

// TestPromptsWithOpenChanges_Turns: whoever asks for much comes after whoever asks for little, by subject and, as where all are
// one subject, by namespace.
func TestPromptsWithOpenChanges_Turns(t *testing.T) {
	d := newChangeFixture(t)
	for i := range 30 {
		d.requestChange(store.ActionAdd, from("many", "a", fmt.Sprintf("p-%02d", i)))
	}
	for i := range 3 {
		d.requestChange(store.ActionAdd, from("many", "b", fmt.Sprintf("p-%02d", i)))
	}
	for i := range 2 {
		d.requestChange(store.ActionAdd, from("few", "a", fmt.Sprintf("few-%02d", i)))
	}
	d.requestChange(store.ActionAdd, from("one", "a", "one"))
	keys, err := d.writer.PromptsWithOpenChanges(t.Context(), 10)
	require.NoError(t, err)
	sorted := func(from, to int) []string {
		var names []string
		for _, key := range keys[from:to] {
			names = append(names, key.String())
		}
		slices.Sort(names)
		return names
	}
	// One of each subject, then the second of those that have two: of many the two are of both namespaces.
	first, second := sorted(0, 3), sorted(3, 5)
	many := []string{first[len(first)-1]}
	switch {
	case slices.Equal(first, []string{"a/few-00", "a/one", "a/p-00"}):
		many = []string{"b/p-00"}
	case slices.Equal(first, []string{"a/few-00", "a/one", "b/p-00"}):
		many = []string{"a/p-00"}
	default:
		t.Errorf("the first turn is of %q", first)
	}
	if want := append([]string{"a/few-01"}, many...); !slices.Equal(second, want) {
		t.Errorf("the second turn is of %q, want %q", second, want)
	}
	// Then both namespaces of the one that is left.
	for i, turn := range []string{"p-01", "p-02"} {
		if got := sorted(5+2*i, 7+2*i); !slices.Equal(got, []string{"a/" + turn, "b/" + turn}) {
			t.Errorf("turn %d is of %q", 3+i, got)
		}
	}
}

// TestPromptsWithOpenChanges_ManyQueues: a request does not wait until the queues are empty that are older, however many
// there are.
func TestPromptsWithOpenChanges_ManyQueues(t *testing.T) {
	d := newChangeFixture(t)
	_, err := pgtest.Connect(t, d.owner).Exec(t.Context(), `insert into prompt_changes (id, namespace, name, action, subject)
		select gen_random_uuid(), 'a', 'p-' || i, 'Add', 'subject ' || i % 50 from generate_series(1, 1000) i`)
	require.NoError(t, err)
	late := d.requestChange(store.ActionAdd, from("late", "a", "late"))
	for reads := 1; ; reads++ {
		keys, err := d.writer.PromptsWithOpenChanges(t.Context(), 5)
		require.NoError(t, err)
		if slices.Contains(keys, late.Key) {
			return
		}
		if reads == 1000 { // it is not among 5 of 51 with a chance of 0.9 each
			t.Fatal("it was never its turn")
		}
	}
}

func TestRequestChange_Quota(t *testing.T) {
	d := newChangeFixture(t)
	options := pgtest.AsServerRole(t, d.owner)
	options.ChangeQuota = store.ChangeQuota{OfSubject: 5, InNamespace: 3}
	d.server = openStore(t, options)
	take := func(subject, namespace string, change ...func(*store.ChangeRequest)) error {
		_, err := d.tryRequest(append([]func(*store.ChangeRequest){from(subject, namespace, uuid.NewString())}, change...)...)
		return err
	}
	keyed := func(r *store.ChangeRequest) { r.IdempotencyKey, r.Key.Name = "k", "first" }
	require.NoError(t, take("tom", "a", keyed))
	require.NoError(t, take("tom", "a"))
	require.NoError(t, take("tom", "a"))
	inNamespace := &store.ChangeQuotaError{Namespace: "a", Waiting: 3, Limit: 3, RetryAfter: 30 * time.Second}
	refused := func(err error, want *store.ChangeQuotaError) {
		t.Helper()
		got, is := errors.AsType[*store.ChangeQuotaError](err)
		if diff := cmp.Diff(want, got); diff != "" || !is {
			t.Errorf("got %v (-want +got):\n%s", err, diff)
		}
	}
	refused(take("tom", "a"), inNamespace)
	// A repeat is the request there is, whatever the quota.
	require.NoError(t, take("tom", "a", keyed))
	// Others, and other namespaces, are not affected.
	require.NoError(t, take("anna", "a"))
	require.NoError(t, take("tom", "b"))
	require.NoError(t, take("tom", "c"))
	refused(take("tom", "d"), &store.ChangeQuotaError{Waiting: 5, Limit: 5, RetryAfter: 30 * time.Second})
	// Whoever knows nothing of the id learns nothing.
	other, err := d.tryRequest(from("anna", "a", "x"))
	require.NoError(t, err)
	if _, err := d.tryRequest(from("tom", "a", "y"), func(r *store.ChangeRequest) { r.ID = other.ID }); !errors.Is(err, store.ErrIdempotencyKeyReused) {
		t.Errorf("another subject's id gives %v, want %v", err, store.ErrIdempotencyKeyReused)
	}
	// What is final makes room, and tells when there will be more.
	first, err := d.writer.NextChange(t.Context(), store.Key{Namespace: "a", Name: "first"})
	require.NoError(t, err)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), first, store.ChangeRefused, store.ReasonOwnedElsewhere, "words"))
	execAsSuperuser(t, d.owner, "update prompt_changes set settled_at = settled_at + interval '1 minute'") // just now, however busy the machine is
	require.NoError(t, take("tom", "a"))
	inNamespace.RetryAfter = 10 * time.Second // one in ten seconds became final
	refused(take("tom", "a"), inNamespace)
}

// TestRequestChange_RoomAgain: what kept a request from being stored may be over when it is asked why. It is no quota then, and the
// request is sent again.
func TestRequestChange_RoomAgain(t *testing.T) {
	d := newChangeFixture(t)
	for name, quota := range map[string]store.ChangeQuota{"without quotas": {}, "within them": {OfSubject: 5, InNamespace: 3}} {
		options := pgtest.AsServerRole(t, d.owner)
		options.ChangeQuota = quota
		request := store.ChangeRequest{ID: uuid.NewString(), Key: handover, Action: store.ActionAdd, Subject: "tom"}
		if err := openStore(t, options).ExplainUnstored(t.Context(), request); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want %v", name, err, store.ErrUnavailable)
		}
	}
}

// TestRequestChange_QuotaRace: statements that count at the same time do not see each other; how many there are is bounded by
// the pool.
func TestRequestChange_QuotaRace(t *testing.T) {
	d := newChangeFixture(t)
	const quota, connections, requests = 10, 4, 100
	options := pgtest.AsServerRole(t, d.owner)
	options.ChangeQuota, options.PoolSize = store.ChangeQuota{InNamespace: quota}, connections
	d.server = openStore(t, options)
	var (
		mu     sync.Mutex
		stored int
		asking sync.WaitGroup
	)
	for i := range requests {
		asking.Go(func() {
			_, err := d.tryRequest(from("tom", "a", fmt.Sprintf("p-%d", i)))
			_, refused := errors.AsType[*store.ChangeQuotaError](err)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				stored++
			} else if !refused {
				t.Error(err)
			}
		})
	}
	asking.Wait()
	t.Logf("%d of %d requests were stored over %d connections, with a quota of %d", stored, requests, connections, quota)
	if stored < quota || stored >= quota+connections {
		t.Errorf("%d requests were stored, want at least %d and less than %d more", stored, quota, connections)
	}
}

// TestRequestChange_NamespaceMissing: where a namespace was found missing nothing is stored for a while.
func TestRequestChange_NamespaceMissing(t *testing.T) {
	d := newChangeFixture(t)
	missing := d.requestChange(store.ActionAdd, from("tom", "missing", "a"))
	open, err := d.writer.NextChange(t.Context(), missing.Key)
	require.NoError(t, err)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), open, store.ChangeRefused, store.ReasonNamespaceMissing, "there is no namespace missing"))

	_, err = d.tryRequest(from("anna", "missing", "b"))
	want := &store.NamespaceMissingError{Message: "there is no namespace missing", RetryAfter: store.MissingNamespaceMemory}
	got, is := errors.AsType[*store.NamespaceMissingError](err)
	if !is || got.Message != want.Message || got.RetryAfter > want.RetryAfter || got.RetryAfter <= 0 {
		t.Errorf("got %v, want %v", err, want)
	}
	if _, err := d.tryRequest(from("anna", "there", "b")); err != nil {
		t.Errorf("another namespace: %v", err)
	}
	repeat := missing
	if again, err := d.server.RequestChange(t.Context(), repeat); err != nil || again.State != store.ChangeRefused {
		t.Errorf("the request itself, again: %+v, %v", again, err)
	}
	d.backdate(store.MissingNamespaceMemory + time.Second)
	if _, err := d.tryRequest(from("anna", "missing", "b")); err != nil {
		t.Errorf("after a while: %v", err)
	}
}

// backdateQueue makes what is known of the serving of the queue older.
func (d changeFixture) backdateQueue(by time.Duration) {
	d.Helper()
	_, err := pgtest.Connect(d.T, d.owner).Exec(d.Context(), `update prompt_change_queue set served_since = served_since - $1::interval,
		served_at = served_at - $1::interval`, fmt.Sprintf("%d seconds", int(by.Seconds())))
	require.NoError(d.T, err)
}

// TestExpireChanges_OwnWait: a request expires for what it waits itself, or while nobody serves the queue, and not for those whose
// turn comes before.
func TestExpireChanges_OwnWait(t *testing.T) {
	const almost, over = store.ChangeExpiry - time.Minute, store.ChangeExpiry + time.Second
	pass := func(d changeFixture, time time.Duration) { d.backdate(time); d.backdateQueue(time) }
	serve := func(d changeFixture) { require.NoError(d.T, d.writer.ExpireChanges(d.Context())) }
	pending := store.ChangeOutcome{State: store.ChangePending}
	expired := store.ChangeOutcome{State: store.ChangeExpired, Reason: store.ReasonNotBegun}
	for name, tc := range map[string]struct {
		happens func(d changeFixture)
		want    store.ChangeOutcome
	}{
		"served all the while": {func(d changeFixture) {
			for range 4 {
				pass(d, almost)
				serve(d)
			}
		}, pending},
		"no controller": {func(d changeFixture) { pass(d, over); serve(d) }, expired},
		"no controller, then one that serves for long": {func(d changeFixture) { pass(d, over); serve(d); pass(d, almost); serve(d) }, expired},
		"a gap that is too long":                       {func(d changeFixture) { pass(d, almost); serve(d); pass(d, over); serve(d) }, expired},
		"its own turn came, and it could not be begun": {func(d changeFixture) {
			pass(d, almost)
			serve(d)
			require.NoError(d.T, d.writer.DeferChange(d.Context(), handover))
			_, err := pgtest.Connect(d.T, d.owner).Exec(d.Context(), "update prompt_changes set deferred_at = deferred_at - interval '601 seconds'")
			require.NoError(d.T, err)
			serve(d)
		}, expired},
		"its own turn came a moment ago, after a long wait": {func(d changeFixture) {
			pass(d, almost)
			serve(d)
			pass(d, almost)
			serve(d)
			require.NoError(d.T, d.writer.DeferChange(d.Context(), handover))
			serve(d)
		}, pending},
	} {
		t.Run(name, func(t *testing.T) {
			d := newChangeFixture(t)
			r := d.requestChange(store.ActionUpdate)
			tc.happens(d)
			d.requireOutcome(r, tc.want)
			if tc.want.State != store.ChangePending {
				return
			}
			c := d.nextChange()
			if c.Overdue {
				t.Error("it is overdue")
			}
			require.NoError(t, d.writer.BeginChange(t.Context(), c, store.Intent{}))
		})
	}
}

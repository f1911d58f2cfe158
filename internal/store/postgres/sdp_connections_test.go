package postgres_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// connectionFixture is a database with a server and a controller, and a connection in it.
type connectionFixture struct {
	*testing.T
	owner postgres.Options
	// server has the role of servers, and controller that of who writes.
	server, controller *postgres.Store
	writer             *postgres.Writer
	id                 int64
}

var helpdesk = store.Key{Namespace: "support", Name: "helpdesk"}

// helpdeskUID is of the object that the row belongs to.
const helpdeskUID = "u1"

func newConnectionFixture(t *testing.T) connectionFixture {
	t.Parallel()
	owner := pgtest.New(t)
	owner.ConnectTimeout = time.Minute // the machine may have more to do
	f := connectionFixture{T: t, owner: owner, server: openStore(t, pgtest.AsServerRole(t, owner)), controller: openStore(t, owner)}
	f.server.SetCallTimeout(time.Minute)
	f.controller.SetCallTimeout(time.Minute)
	f.writer = claimWriter(t, f.controller, cluster)
	f.id = f.mustStore(newConnection(helpdeskUID, 1)).ID
	return f
}

func newConnection(uid string, generation int64) store.ConnectionPublication {
	return store.ConnectionPublication{
		Key: helpdesk, Owner: store.Owner{UID: uid, Generation: generation},
		Settings: store.ConnectionSettings{
			Edition: "Cloud", APIURL: "https://sdpondemand.manageengine.eu", TimeZone: "UTC",
			Access:            store.ConnectionAccess{Mode: "ReadOnly", Toolsets: []string{"requests"}, Groups: []string{}, WritesPerHour: 60},
			RequestsPerMinute: 30, Burst: 10, LookupInterval: 6 * time.Hour, AuditPayloads: "Redacted", RetentionDays: 90,
		},
	}
}

func (f connectionFixture) mustStore(p store.ConnectionPublication) store.StoredConnection {
	f.Helper()
	stored, err := f.writer.StoreConnection(f.Context(), p)
	require.NoError(f, err)
	return stored
}

// served returns what a server knows of the connection.
func (f connectionFixture) served() store.Connection {
	f.Helper()
	all, err := f.server.ConnectionsSince(f.Context(), 0, 100)
	require.NoError(f, err)
	if len(all) != 1 {
		f.Fatalf("a server knows %d connections, want 1: %+v", len(all), all)
	}
	return all[0]
}

func (f connectionFixture) revision() int64 {
	f.Helper()
	feed, err := f.server.Feed(f.Context())
	require.NoError(f, err)
	return feed.Revision
}

func TestStoreConnection(t *testing.T) {
	f := newConnectionFixture(t)
	p := newConnection(helpdeskUID, 1)
	want := store.Connection{ID: f.id, Key: helpdesk, UID: helpdeskUID, Revision: 1, Settings: p.Settings}
	if diff := cmp.Diff(want, f.served()); diff != "" {
		t.Errorf("what a server knows (-want +got)\n%s", diff)
	}
	if got := f.mustStore(p); got != (store.StoredConnection{ID: f.id, Revision: 1}) {
		t.Errorf("stored again: %+v, want nothing changed", got)
	}
	p.Owner.Generation = 2
	if got := f.mustStore(p); got.Changed || f.revision() != 1 {
		t.Errorf("a generation that says the same: %+v at revision %d, want nothing visible", got, f.revision())
	}
	p.Settings.Access.Groups = nil
	if got := f.mustStore(p); !got.Changed || got.Revision != 2 {
		t.Errorf("all groups instead of none: %+v, want a revision", got)
	}
	if got := f.served().Settings.Access.Groups; got != nil {
		t.Errorf("a server knows groups %q, want nil for all", got)
	}
	since, err := f.server.ConnectionsSince(t.Context(), 2, 100)
	require.NoError(t, err)
	if len(since) != 0 {
		t.Errorf("changed since the last revision: %+v", since)
	}
}

func TestStoreConnection_Fence(t *testing.T) {
	f := newConnectionFixture(t)
	f.mustStore(newConnection(helpdeskUID, 5))
	for name, owner := range map[string]store.Owner{
		"an older generation": {UID: helpdeskUID, Generation: 4},
		"another object":      {UID: "u2", Generation: 9},
	} {
		_, err := f.writer.StoreConnection(t.Context(), newConnection(owner.UID, owner.Generation))
		fence, is := errors.AsType[*store.FencedError](err)
		if want := (store.Fence{Owner: store.Owner{UID: helpdeskUID, Generation: 5}, Revision: 1}); !is || fence.Row != want || fence.Deleted {
			t.Errorf("%s: got %v, want it fenced by %+v", name, err, want)
		}
	}
}

// TestStoreConnection_Takeover: what was got with the credentials of an object that is gone is not that of its successor, which
// may have others. The rate is: both ask the same ServiceDesk Plus.
func TestStoreConnection_Takeover(t *testing.T) {
	f := newConnectionFixture(t)
	f.issueToken(t, time.Now())
	f.replaceLookup("priorities", store.LookupEntry{ID: "1", Name: "High"})
	before, err := f.server.TakeRate(t.Context(), f.id, store.LaneInteractive, 10)
	require.NoError(t, err)
	underWay, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, time.Now()))
	require.NoError(t, err)
	takeover := newConnection("u2", 1)
	takeover.Takeover = &store.Fence{Owner: store.Owner{UID: helpdeskUID, Generation: 1}, Revision: f.revision()}
	f.mustStore(takeover)
	late := newToken(time.Now())
	if f.endIssued(t, underWay, &late) {
		t.Error("a token that the other object asked for is stored")
	}
	if got := f.served(); got.UID != "u2" || got.Token != nil || len(f.entries("priorities")) != 0 {
		t.Errorf("after a takeover a server knows %+v and priorities %v, want neither the token nor the lists of the other object", got, f.entries("priorities"))
	}
	after, err := f.server.TakeRate(t.Context(), f.id, store.LaneLookup, 10)
	require.NoError(t, err)
	if before.Granted+after.Granted > 10 {
		t.Errorf("%d calls are granted before and %d after a takeover, want a burst of 10", before.Granted, after.Granted)
	}
	if _, err := f.writer.StoreConnection(t.Context(), newConnection(helpdeskUID, 6)); err == nil {
		t.Error("the object that was taken from may write again")
	}
}

// TestStoreConnection_OfAnotherAddress: ids of one ServiceDesk Plus mean something else to another one.
func TestStoreConnection_OfAnotherAddress(t *testing.T) {
	for name, change := range map[string]struct {
		make     func(*store.ConnectionSettings)
		isErased bool
	}{
		"another URL":     {func(s *store.ConnectionSettings) { s.APIURL = "https://sdpondemand.manageengine.com" }, true},
		"another portal":  {func(s *store.ConnectionSettings) { s.Portal = "hr" }, true},
		"another rate":    {func(s *store.ConnectionSettings) { s.Burst = 9 }, false},
		"nothing of that": {func(*store.ConnectionSettings) {}, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := newConnectionFixture(t)
			f.issueToken(t, time.Now())
			f.replaceLookup("priorities", store.LookupEntry{ID: "1", Name: "High"})
			changed := newConnection(helpdeskUID, 2)
			change.make(&changed.Settings)
			f.mustStore(changed)
			states, err := f.server.ListLookups(t.Context(), f.id)
			require.NoError(t, err)
			if isErased := len(states) == 0 && len(f.entries("priorities")) == 0; isErased != change.isErased || f.served().Token == nil {
				t.Errorf("there are %v with %v, and the token %v", states, f.entries("priorities"), f.served().Token)
			}
		})
	}
}

// TestConnectionsSince has a server follow what changes of two connections: of each change it is woken, and it reads just that
// connection, once.
func TestConnectionsSince(t *testing.T) {
	f := newConnectionFixture(t)
	second := newConnection("u2", 1)
	second.Key.Name = "second"
	secondID := f.mustStore(second).ID
	_, err := f.writer.ReplaceLookup(t.Context(), second.Key, "u2", store.Lookup{Type: "groups", RefreshedAt: claimTime, ValidUntil: claimTime.Add(time.Hour)})
	require.NoError(t, err)
	var woken atomic.Int64
	listening, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { f.server.Listen(listening, func() { woken.Add(1) }) })
	awaitHearing(t, f.server, true)
	first, err := f.server.ConnectionsSince(t.Context(), 0, 1)
	require.NoError(t, err)
	rest, err := f.server.ConnectionsSince(t.Context(), first[0].Revision, 1)
	require.NoError(t, err)
	if len(first) != 1 || len(rest) != 1 || first[0].ID != f.id || rest[0].ID != secondID {
		t.Fatalf("in pages of one a server reads %+v and %+v", first, rest)
	}
	for _, change := range []struct {
		what string
		of   int64
		do   func()
	}{
		{"a token", f.id, func() { f.issueToken(t, time.Now()) }},
		{"a list", f.id, func() { f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"}) }},
		{"an entry that a server met", secondID, func() {
			require.NoError(t, f.server.StoreObservations(t.Context(), secondID, []store.Observation{{Type: "groups", ID: "7", Name: "Desk"}}))
			_, err := f.writer.FoldObservations(t.Context(), 10)
			require.NoError(t, err)
		}},
		{"a manifest", secondID, func() {
			second.Settings.Suspended = true
			second.Owner.Generation++
			f.mustStore(second)
		}},
		{"a deletion", f.id, func() { require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID)) }},
	} {
		before, wakes := f.revision(), woken.Load()
		change.do()
		require.Until(t, "a server is woken by "+change.what, func() bool { return woken.Load() > wakes })
		changed, err := f.server.ConnectionsSince(t.Context(), before, 10)
		require.NoError(t, err)
		if len(changed) != 1 || changed[0].ID != change.of || changed[0].Revision != before+1 || f.revision() != before+1 {
			t.Errorf("after %s at revision %d, now %d, a server reads %+v, want connection %d", change.what, before, f.revision(), changed, change.of)
		}
	}
	stop()
	ended.Wait()
}

func TestRemoveConnection(t *testing.T) {
	f := newConnectionFixture(t)
	f.issueToken(t, time.Now())
	f.replaceLookup("priorities", store.LookupEntry{ID: "1", Name: "High"})
	require.NoError(t, f.server.StoreObservations(t.Context(), f.id, []store.Observation{{Type: "groups", ID: "7", Name: "Network"}}))
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, "u2"))
	if f.served().Deleted {
		t.Fatal("another object's deletion removed it")
	}
	before := f.revision()
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID))
	want := store.Connection{ID: f.id, Key: helpdesk, UID: helpdeskUID, Revision: before + 1, Deleted: true}
	if diff := cmp.Diff(want, f.served()); diff != "" {
		t.Errorf("tombstone (-want +got)\n%s", diff)
	}
	conn := pgtest.Connect(t, f.owner)
	for table, want := range map[string]int{
		"oauth_tokens": 1, "oauth_tokens where sealed is not null": 0, "field_lookups": 0, "field_mappings": 0, "sdp_observations": 0, "token_requests": 1,
	} {
		var rows int
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from "+table).Scan(&rows))
		if rows != want {
			t.Errorf("%s has %d rows, want %d", table, rows, want)
		}
	}
	if _, err := f.writer.StoreConnection(t.Context(), newConnection(helpdeskUID, 2)); err == nil {
		t.Error("a reconcile that was under way brings back what is deleted")
	}
	again := newConnection("u2", 1)
	again.Takeover = &store.Fence{Owner: store.Owner{UID: helpdeskUID, Generation: 1}, Revision: before + 1}
	if got := f.mustStore(again); got.ID != f.id || !got.Changed {
		t.Errorf("made again: %+v, want the row taken over", got)
	}
	if got := f.served(); got.Deleted || got.UID != "u2" {
		t.Errorf("made again, a server knows %+v", got)
	}
}

func TestRemoveConnection_BeforeItIsStored(t *testing.T) {
	f := newConnectionFixture(t)
	key := store.Key{Namespace: "support", Name: "early"}
	require.NoError(t, f.writer.RemoveConnection(t.Context(), key, "u9"))
	p := newConnection("u9", 1)
	p.Key = key
	if _, err := f.writer.StoreConnection(t.Context(), p); err == nil {
		t.Error("what was deleted before it was stored is stored")
	}
}

func TestRemoveConnectionIfUnchanged(t *testing.T) {
	f := newConnectionFixture(t)
	rows, err := f.writer.ListConnectionRows(t.Context(), store.Key{}, 10, time.Hour)
	require.NoError(t, err)
	want := []store.ComparedConnection{{Key: helpdesk, Fence: store.Fence{Owner: store.Owner{UID: helpdeskUID, Generation: 1}, Revision: 1}}}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Fatalf("rows (-want +got)\n%s", diff)
	}
	f.mustStore(newConnection(helpdeskUID, 2))
	for _, tc := range []struct {
		generation int64
		removed    bool
	}{{1, false}, {2, true}, {2, false}} {
		removed, err := f.writer.RemoveConnectionIfUnchanged(t.Context(), helpdesk, store.Fence{Owner: store.Owner{UID: helpdeskUID, Generation: tc.generation}, Revision: 1})
		require.NoError(t, err)
		if removed != tc.removed {
			t.Errorf("generation %d: removed is %t", tc.generation, removed)
		}
	}
}

// issueToken claims a request at a time, ends it with a token, and returns that.
func (f connectionFixture) issueToken(t *testing.T, at time.Time) store.SealedToken {
	t.Helper()
	request, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, at))
	require.NoError(t, err)
	token := newToken(at)
	if !f.endIssued(t, request, &token) {
		t.Fatal("the token is not the current one")
	}
	return token
}

// endIssued ends a request with a token, and reports whether that is the current one.
func (f connectionFixture) endIssued(t *testing.T, request int64, token *store.SealedToken) bool {
	t.Helper()
	current, err := f.writer.EndTokenRequest(t.Context(), store.TokenRequestResult{
		Request: request, Key: helpdesk, UID: helpdeskUID, Outcome: store.TokenIssued, At: token.IssuedAt, Token: token, Fingerprint: someFingerprint,
	})
	require.NoError(t, err)
	return current
}

var someFingerprint = store.TokenFingerprint{1, 2, 3}

func (f connectionFixture) claim(cause store.TokenRequestCause, at time.Time) store.TokenClaim {
	return store.TokenClaim{Key: helpdesk, UID: helpdeskUID, Kind: store.TokenRefresh, Cause: cause, Fingerprint: someFingerprint, At: at}
}

// newToken returns a token of an hour. Postgres keeps microseconds.
func newToken(at time.Time) store.SealedToken {
	at = at.UTC().Truncate(time.Microsecond)
	return store.SealedToken{
		ID: uuid.NewString(), Kind: store.AccessToken, Sealed: []byte("sealed"), Scopes: []string{"SDPOnDemand.requests.ALL"},
		IssuedAt: at, ExpiresAt: at.Add(time.Hour),
	}
}

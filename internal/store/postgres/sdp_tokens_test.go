package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// claimTime is when tests of budgets begin, by the clock of the controller.
var claimTime = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// endFailed ends a request without a token.
func (f connectionFixture) endFailed(t *testing.T, request int64, at time.Time) {
	t.Helper()
	_, err := f.writer.EndTokenRequest(t.Context(), store.TokenRequestResult{
		Request: request, Key: helpdesk, UID: helpdeskUID, Outcome: store.TokenFailed, Detail: "no answer", At: at,
	})
	require.NoError(t, err)
}

func TestClaimTokenRequest_Budget(t *testing.T) {
	f := newConnectionFixture(t)
	claim := func(cause store.TokenRequestCause, after time.Duration) error {
		request, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(cause, claimTime.Add(after)))
		if err == nil {
			f.endFailed(t, request, claimTime.Add(after))
		}
		return err
	}
	for i := range store.MaxRefusedTokenRequests {
		require.NoError(t, claim(store.CauseRefused, time.Duration(i)*time.Second))
	}
	refused, is := errors.AsType[*store.TokenBudgetError](claim(store.CauseRefused, 10*time.Second))
	if want := (store.TokenBudgetError{Spent: 6, OfRefusals: true, RetryAt: claimTime.Add(store.TokenRequestWindow)}); !is || *refused != want {
		t.Errorf("a seventh for a refused token: %+v, want %+v", refused, want)
	}
	require.NoError(t, claim(store.CauseScheduled, 20*time.Second))
	require.NoError(t, claim(store.CauseScheduled, 21*time.Second))
	refused, is = errors.AsType[*store.TokenBudgetError](claim(store.CauseScheduled, 30*time.Second))
	if want := (store.TokenBudgetError{Spent: 8, RetryAt: claimTime.Add(store.TokenRequestWindow)}); !is || *refused != want {
		t.Errorf("a ninth: %+v, want %+v", refused, want)
	}
	if err := claim(store.CauseScheduled, store.TokenRequestWindow-time.Second); err == nil {
		t.Error("a ninth within ten minutes and thirty seconds")
	}
	require.NoError(t, claim(store.CauseScheduled, refused.RetryAt.Sub(claimTime)))
}

func TestClaimTokenRequest_UnderWay(t *testing.T) {
	f := newConnectionFixture(t)
	first, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, claimTime))
	require.NoError(t, err)
	_, err = f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, claimTime.Add(29*time.Second)))
	underWay, is := errors.AsType[*store.TokenRequestUnderWayError](err)
	if !is || !underWay.RetryAt.Equal(claimTime.Add(store.TokenRequestTimeout)) {
		t.Errorf("a second claim while one is under way: %v", err)
	}
	other := f.claim(store.CauseScheduled, claimTime.Add(time.Second))
	other.UID, other.Key.Name = "u2", "other"
	_, err = f.writer.ClaimTokenRequest(t.Context(), other)
	require.NoError(t, err)
	second, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, claimTime.Add(31*time.Second)))
	require.NoError(t, err)

	late, early := newToken(claimTime), newToken(claimTime)
	if !f.endIssued(t, second, &late) || f.endIssued(t, first, &early) {
		t.Error("the slow answer to an earlier request replaces the token of a later one")
	}
	if got := f.served().Token; got == nil || got.ID != late.ID {
		t.Errorf("a server has token %+v, want %s", got, late.ID)
	}
	if f.endIssued(t, second, &early) {
		t.Error("a request ends twice")
	}
}

// TestClaimTokenRequest_Concurrently has twelve controllers claim against one refresh token for half an hour of their clock:
// never more than eight are granted in any ten minutes, and not many fewer.
func TestClaimTokenRequest_Concurrently(t *testing.T) {
	f := newConnectionFixture(t)
	const controllers, step, steps = 12, 20 * time.Second, 90
	for i := range steps {
		at := claimTime.Add(time.Duration(i) * step)
		requests := make(chan int64, controllers)
		var claims sync.WaitGroup
		for c := range controllers {
			claims.Go(func() {
				claim := f.claim(store.CauseScheduled, at.Add(time.Duration(c)*time.Millisecond))
				claim.UID = fmt.Sprintf("connection-%d", c)
				request, err := f.writer.ClaimTokenRequest(t.Context(), claim)
				if _, spent := errors.AsType[*store.TokenBudgetError](err); err != nil && !spent {
					t.Errorf("%v", err)
				}
				if err == nil {
					requests <- request
				}
			})
		}
		claims.Wait()
		close(requests)
		for request := range requests {
			f.endFailed(t, request, at)
		}
	}
	granted := f.startedRequests(t, "true")
	worst := mostInTenMinutes(granted)
	t.Logf("%d of %d claims were granted, at most %d in ten minutes", len(granted), controllers*steps, worst)
	if worst != store.MaxTokenRequests || len(granted) < 2*store.MaxTokenRequests {
		t.Errorf("%d were granted in ten minutes and %d in all, want %d in ten minutes", worst, len(granted), store.MaxTokenRequests)
	}
}

func TestEndTokenRequest_ReplacesTheToken(t *testing.T) {
	f := newConnectionFixture(t)
	before := f.issueToken(t, claimTime)
	require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, before.ID))
	revision := f.revision()
	after := f.issueToken(t, claimTime.Add(time.Minute))
	if diff := cmp.Diff(&after, f.served().Token); diff != "" {
		t.Errorf("token of a server (-want +got)\n%s", diff)
	}
	if f.revision() != revision+1 {
		t.Errorf("a new token takes %d revisions, want 1", f.revision()-revision)
	}
	current, err := f.writer.CurrentToken(t.Context(), f.id)
	require.NoError(t, err)
	want := store.StoredToken{SealedToken: after, Fingerprint: someFingerprint, Refreshes: 1}
	if diff := cmp.Diff(want, current); diff != "" {
		t.Errorf("token of the controller (-want +got)\n%s", diff)
	}
	refusals, err := f.writer.TokenRefusals(t.Context(), 10)
	require.NoError(t, err)
	var sealed int
	require.NoError(t, pgtest.Connect(t, f.owner).QueryRow(t.Context(), "select count(sealed) from oauth_tokens").Scan(&sealed))
	if len(refusals) != 0 || sealed != 1 {
		t.Errorf("%d refusals and %d sealed tokens are left, want none and the current one", len(refusals), sealed)
	}
}

func TestEndTokenRequest_OfADeletedConnection(t *testing.T) {
	f := newConnectionFixture(t)
	request, err := f.writer.ClaimTokenRequest(t.Context(), f.claim(store.CauseScheduled, claimTime))
	require.NoError(t, err)
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID))
	token := newToken(claimTime)
	if f.endIssued(t, request, &token) || f.served().Token != nil {
		t.Error("a token is stored for a connection that is deleted")
	}
	var outcome string
	require.NoError(t, pgtest.Connect(t, f.owner).QueryRow(t.Context(), "select outcome from token_requests").Scan(&outcome))
	if outcome != string(store.TokenIssued) {
		t.Errorf("the request's outcome is %s", outcome)
	}
}

// TestIsFingerprintShared: a refresh token is shared for as long as another connection that asked with it is there.
func TestIsFingerprintShared(t *testing.T) {
	f := newConnectionFixture(t)
	isShared := func(uid string, want bool) {
		t.Helper()
		shared, err := f.writer.IsFingerprintShared(t.Context(), someFingerprint, uid)
		require.NoError(t, err)
		if shared != want {
			t.Errorf("for %s it is shared: %t, want %t", uid, shared, want)
		}
	}
	f.issueToken(t, claimTime)
	isShared(helpdeskUID, false)
	isShared("u2", true)
	second := newConnection("u2", 1)
	second.Key.Name = "second"
	f.mustStore(second)
	claim := f.claim(store.CauseScheduled, claimTime)
	claim.Key, claim.UID = second.Key, "u2"
	request, err := f.writer.ClaimTokenRequest(t.Context(), claim)
	require.NoError(t, err)
	isShared(helpdeskUID, true)
	token := newToken(claimTime)
	token.ExpiresAt = claimTime.Add(time.Hour)
	_, err = f.writer.EndTokenRequest(t.Context(), store.TokenRequestResult{
		Request: request, Key: second.Key, UID: "u2", Outcome: store.TokenIssued, At: claimTime, Token: &token, Fingerprint: someFingerprint,
	})
	require.NoError(t, err)
	_, err = pgtest.Connect(t, f.owner).Exec(t.Context(), "delete from token_requests")
	require.NoError(t, err)
	isShared(helpdeskUID, true) // as of one that is suspended for longer than requests are kept
	require.NoError(t, f.writer.RemoveConnection(t.Context(), second.Key, "u2"))
	isShared(helpdeskUID, false)
}

func TestStoreAPIKey(t *testing.T) {
	f := newConnectionFixture(t)
	key := store.SealedToken{ID: newToken(claimTime).ID, Kind: store.APIKey, Sealed: []byte("sealed"), Scopes: []string{}, IssuedAt: claimTime}
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), helpdesk, helpdeskUID, someFingerprint, key))
	if diff := cmp.Diff(&key, f.served().Token); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	revision := f.revision()
	same := key
	same.ID = newToken(claimTime).ID
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), helpdesk, helpdeskUID, someFingerprint, same))
	if f.served().Token.ID != key.ID || f.revision() != revision {
		t.Error("the same key is stored again")
	}
	for range 2 { // the second one is another controller's
		again := key
		again.ID = newToken(claimTime).ID
		require.NoError(t, f.writer.ReplaceAPIKey(t.Context(), helpdesk, helpdeskUID, someFingerprint, again, key.ID))
	}
	if f.served().Token.ID == key.ID || f.revision() != revision+1 {
		t.Errorf("a key that cannot be opened is replaced %d times", f.revision()-revision)
	}
	require.NoError(t, f.writer.StoreAPIKey(t.Context(), helpdesk, helpdeskUID, store.TokenFingerprint{9}, same))
	if f.served().Token.ID != same.ID {
		t.Error("another key is not stored")
	}
	if err := f.writer.StoreAPIKey(t.Context(), helpdesk, "u2", someFingerprint, key); !errors.Is(err, store.ErrConnectionGone) {
		t.Errorf("of another object: %v", err)
	}
}

func TestResealToken(t *testing.T) {
	f := newConnectionFixture(t)
	token := f.issueToken(t, claimTime)
	revision := f.revision()
	require.NoError(t, f.writer.ResealToken(t.Context(), token.ID, []byte("sealed again")))
	all, err := f.writer.SealedTokens(t.Context())
	require.NoError(t, err)
	want := []store.SealedTokenOf{{Key: helpdesk, UID: helpdeskUID, ID: token.ID, Kind: store.AccessToken, Sealed: []byte("sealed again")}}
	if diff := cmp.Diff(want, all); diff != "" || f.revision() != revision {
		t.Errorf("at revision %d, want %d (-want +got)\n%s", f.revision(), revision, diff)
	}
}

func TestTokenRefusals(t *testing.T) {
	f := newConnectionFixture(t)
	before := f.issueToken(t, claimTime)
	token := f.issueToken(t, claimTime.Add(time.Minute))
	refused := func() []store.TokenRefusal {
		refusals, err := f.writer.TokenRefusals(t.Context(), 10)
		require.NoError(t, err)
		for i := range refusals {
			refusals[i].Age = 0
		}
		return refusals
	}
	report := func(id string) { require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, id)) }
	for range 1000 {
		report(token.ID)
		report(before.ID) // forged: it was replaced
	}
	want := []store.TokenRefusal{{Key: helpdesk, UID: helpdeskUID, TokenID: token.ID, Replica: "lectern-test"}}
	if diff := cmp.Diff(want, refused()); diff != "" {
		t.Errorf("after 2,000 reports (-want +got)\n%s", diff)
	}
	require.NoError(t, f.writer.DeleteRefusal(t.Context(), token.ID))
	if got := refused(); len(got) != 0 {
		t.Errorf("disproved, there are %+v", got)
	}
	report(token.ID)
	if diff := cmp.Diff(want, refused()); diff != "" {
		t.Errorf("refused after it was disproved (-want +got)\n%s", diff)
	}
	f.issueToken(t, claimTime.Add(2*time.Minute))
	if got := refused(); len(got) != 0 {
		t.Errorf("replaced, there are %+v", got)
	}
	for name, id := range map[string]string{"no token": newToken(claimTime).ID, "no id": "x"} {
		if err := f.server.ReportRefusal(t.Context(), f.id, id); err == nil {
			t.Errorf("%s: reported as refused", name)
		}
	}
}

func TestListenRefusals(t *testing.T) {
	f := newConnectionFixture(t)
	token := f.issueToken(t, claimTime)
	var woken atomic.Int64
	listening, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() { f.controller.ListenRefusals(listening, func() { woken.Add(1) }) })
	awaitHearing(t, f.controller, true)
	before := woken.Load()
	require.NoError(t, f.server.ReportRefusal(t.Context(), f.id, token.ID))
	require.Until(t, "it is woken by a refusal", func() bool { return woken.Load() > before })
	stop()
	ended.Wait()
}

// TestController_WaitsForNoServer: a server that keeps its transaction open, in which it reported, observed and took of the rate, is
// waited for by nothing that a controller writes of the connection, its deletion included. What the server locks is deleted later.
func TestController_WaitsForNoServer(t *testing.T) {
	f := newConnectionFixture(t)
	token := f.issueToken(t, claimTime)
	held, err := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner)).Begin(t.Context())
	require.NoError(t, err)
	for _, statement := range []string{
		"insert into token_refusals (connection_id, token_id) values (" + fmt.Sprint(f.id) + ", '" + token.ID + "')",
		"insert into sdp_observations (connection_id, type, external_id, name) values (" + fmt.Sprint(f.id) + ", 'groups', '1', 'x')",
		"select take_rate(" + fmt.Sprint(f.id) + ", 'interactive', 1)",
	} {
		_, err := held.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	f.issueToken(t, claimTime.Add(time.Minute))
	f.replaceLookup("groups", store.LookupEntry{ID: "1", Name: "Network"})
	p := newConnection(helpdeskUID, 2)
	p.Settings.Portal = "itdesk"
	f.mustStore(p)
	_, err = f.writer.FoldObservations(t.Context(), 100)
	require.NoError(t, err)
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID))
	clean := func() map[string]int {
		_, err := f.writer.DeleteOldConnectionRows(t.Context(), time.Hour, 100)
		require.NoError(t, err)
		counts := f.countRows(t)
		return map[string]int{"sdp_connections": counts["sdp_connections"], "oauth_tokens": counts["oauth_tokens"], "sdp_rate_limits": counts["sdp_rate_limits"]}
	}
	backdate := pgtest.Connect(t, f.owner)
	for _, statement := range []string{
		"update oauth_tokens set replaced_at = now() - interval '1 year'",
		"update sdp_connections set deleted_at = now() - interval '1 year'",
	} {
		_, err := backdate.Exec(t.Context(), statement)
		require.NoError(t, err)
	}
	if diff := cmp.Diff(map[string]int{"sdp_connections": 1, "oauth_tokens": 1, "sdp_rate_limits": 1}, clean()); diff != "" {
		t.Errorf("rows of a deleted connection while a server locks some (-want +got)\n%s", diff)
	}
	require.NoError(t, held.Rollback(t.Context()))
	if diff := cmp.Diff(map[string]int{"sdp_connections": 0, "oauth_tokens": 0, "sdp_rate_limits": 0}, clean()); diff != "" {
		t.Errorf("rows of a deleted connection afterwards (-want +got)\n%s", diff)
	}
}

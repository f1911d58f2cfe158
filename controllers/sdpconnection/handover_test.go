package sdpconnection

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// otherLease is of reconcilers that a test runs by hand: the world's own leaves their objects alone.
const otherLease = "default/by-hand"

// newByHand returns a reconciler that a test runs by hand. It remembers nothing, as after a start.
func (w *world) newByHand() *Reconciler {
	r := w.reconciler
	return &Reconciler{
		Client: r.Client, API: r.API, Store: r.Store, Rates: r.Rates, Status: r.Status, Clock: r.Clock, Keys: r.Keys,
		Namespaces: r.Namespaces, Egress: r.Egress, Controller: otherLease, ReleaseTimeout: r.ReleaseTimeout, Interval: r.Interval,
	}
}

// createByHand makes a connection that is reconciled by hand alone.
func (w *world) createByHand(t *testing.T, values map[string]string, change ...func(*v1alpha1.SDPConnection)) *v1alpha1.SDPConnection {
	t.Helper()
	w.create(t, w.credentialsSecret(values))
	c := w.newConnection(append(change, fast)...)
	c.Finalizers = []string{v1alpha1.SDPConnectionFinalizer}
	require.NoError(t, w.Client.Create(t.Context(), c, client.FieldOwner(otherLease)))
	return c
}

// reconcileByHand reconciles an object as it is now, and returns it as it is then.
func (w *world) reconcileByHand(ctx context.Context, r *Reconciler, c *v1alpha1.SDPConnection) (*v1alpha1.SDPConnection, error) {
	now := &v1alpha1.SDPConnection{}
	if err := w.Client.Get(ctx, client.ObjectKeyFromObject(c), now); err != nil {
		return nil, err
	}
	_, err := r.Reconcile(ctx, now)
	return now, err
}

// twoLeadersExchangeOnce: two controllers that lead at once send a code once, and lose nothing.
func twoLeadersExchangeOnce(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	leaders := []*Reconciler{w.newByHand(), w.newByHand(), w.newByHand()}
	require.Until(t, "it is ready", func() bool {
		var together sync.WaitGroup
		for _, leader := range leaders {
			together.Go(func() { _, _ = w.reconcileByHand(t.Context(), leader, c) }) // one that loses is told by an error
		}
		together.Wait()
		return w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c) == nil && meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady)
	})
	wantCount(t, "exchanges", w.exchanges(), 1)
	wantCount(t, "refreshes of what was just got", w.refreshes(), 0)
	if !w.desk.IsAccepted(w.openServed(t)) || w.desk.IsRevoked(readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()) {
		t.Error("the tokens are lost")
	}
}

// endingKeepsWhatWasGot: a controller that is told to end while a code is being exchanged writes down what comes of it.
func endingKeepsWhatWasGot(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	answer := make(chan struct{})
	w.desk.Fail(sdptest.HeldAnswer(answer).OfAccounts())
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = w.reconcileByHand(ctx, w.newByHand(), c) // it cannot write the status any more
	}()
	_, err := w.desk.WaitForCalls(t.Context(), 1, sdptest.Grants("authorization_code"))
	require.NoError(t, err)
	end()
	close(answer)
	<-ended
	successor := w.newByHand()
	require.Until(t, "the successor finds it ready", func() bool {
		now, err := w.reconcileByHand(t.Context(), successor, c)
		return err == nil && meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady)
	})
	wantCount(t, "exchanges", w.exchanges(), 1)
	wantCount(t, "refreshes", w.refreshes(), 0)
}

// killedLeadersClaimIsWaitedFor: the request of a controller that was killed may still arrive, so its successor asks when it cannot.
func killedLeadersClaimIsWaitedFor(t *testing.T, w *world) {
	refresh := w.desk.RefreshToken()
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: refresh})
	successor, now := w.byHandAt()
	_, err := successor.Store.ClaimTokenRequest(t.Context(), store.TokenClaim{
		Key: connectionobject.KeyOf(c), UID: string(c.UID), Kind: store.TokenRefresh, Cause: store.CauseScheduled,
		Fingerprint: store.FingerprintRefreshToken(w.clientID, refresh), At: now.Now(),
	})
	require.NoError(t, err)
	now.Step(store.TokenRequestTimeout - time.Second)
	wantReason(t, w.reconcileTimes(t, successor, c, 1), v1alpha1.ReasonProgressing)
	wantCount(t, "refreshes while a request is under way", w.refreshes(), 0)
	now.Step(time.Second)
	wantReason(t, w.reconcileTimes(t, successor, c, 1), v1alpha1.ReasonConnected)
	wantCount(t, "refreshes", w.refreshes(), 1)
}

// fewTurns gives a number of turns to lists, and then none.
type fewTurns struct {
	Rates
	left int
}

func (f *fewTurns) TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error) {
	if lane == store.LaneLookup {
		if f.left--; f.left < 0 {
			return store.RateGrant{RetryAfter: 5 * time.Second}, nil
		}
	}
	return f.Rates.TakeRate(ctx, connection, lane, wanted)
}

// listsGoOnWhereTheyStopped: with two turns a reconcile, a list of six pages is read in three, and no page twice.
func listsGoOnWhereTheyStopped(t *testing.T, w *world) {
	for i := range 550 {
		w.desk.Add("categories", sdptest.Record{"name": fmt.Sprintf("Category %03d", i)})
	}
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, func(c *v1alpha1.SDPConnection) {
		c.Spec.Access = &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetLookups}}
	})
	r := w.newByHand()
	turns := &fewTurns{Rates: r.Rates}
	r.Rates = turns
	reconciles := 0
	require.Until(t, "every list is read", func() bool {
		turns.left = 2
		before := w.desk.Count(sdptest.ToAPI)
		now, err := w.reconcileByHand(t.Context(), r, c)
		require.NoError(t, err)
		reconciles++
		if n := w.desk.Count(sdptest.ToAPI) - before; n > 3 { // the first one shows that the token is good
			t.Errorf("%d calls with two turns", n)
		}
		return meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh)
	})
	wantCount(t, "pages of categories", w.desk.Count(sdptest.To("GET", "/categories")), 6)
	wantCount(t, "calls", w.desk.Count(sdptest.ToAPI), len(requestLookups)+5+1)
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	for _, list := range now.Status.Lookups {
		if list.Type == "categories" && list.Entries != 554 {
			t.Errorf("%d categories are stored", list.Entries)
		}
	}
	t.Logf("read %d lists in %d reconciles", len(now.Status.Lookups), reconciles)
}

// withdrawing has another controller withdraw the connection while one asks for a token, once.
type withdrawing struct {
	Store
	withdraw func()
}

func (w *withdrawing) EndTokenRequest(ctx context.Context, r store.TokenRequestResult) (current bool, err error) {
	if w.withdraw != nil {
		w.withdraw()
		w.withdraw = nil
	}
	return w.Store.EndTokenRequest(ctx, r)
}

// withdrawnConnectionComesBack: no event tells that another controller withdrew the row, so that a reconcile comes by itself.
func withdrawnConnectionComesBack(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	rows := r.Store
	r.Store = &withdrawing{Store: rows, withdraw: func() {
		require.NoError(t, rows.RemoveConnection(t.Context(), connectionobject.KeyOf(c), string(c.UID)))
	}}
	now := &v1alpha1.SDPConnection{}
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), now))
	result, err := r.Reconcile(t.Context(), now)
	if err != nil || result.RequeueAfter != r.Interval {
		t.Errorf("it comes back after %s: %v", result.RequeueAfter, err)
	}
	now, err = w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if served := w.served(t); served.Deleted || served.Token == nil {
		t.Errorf("servers know %+v, and the object says %s", served, describe(now.Status.Conditions))
	}
}

// goneObjectIsForgotten: what is remembered of an object that went without a reconcile goes with the next one of its name.
func goneObjectIsForgotten(t *testing.T, w *world) {
	r := w.newByHand()
	gone := w.newConnection()
	gone.UID = "gone"
	r.memories.of(gone).failures = 1
	again := gone.DeepCopy()
	again.UID = "again"
	if r.memories.of(again).failures != 0 {
		t.Error("another object of the name has the memory of the one before")
	}
	_, err := r.reconcileName(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(gone)})
	require.NoError(t, err)
	r.memories.byKey.Range(func(key, _ any) bool {
		t.Errorf("%v is remembered", key)
		return true
	})
}

// deadHostIsLeftAlone: a ServiceDesk Plus that does not answer is called less and less often.
func deadHostIsLeftAlone(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, func(c *v1alpha1.SDPConnection) { c.Spec.APIURL = closedHost })
	r := w.newByHand()
	var pauses []time.Duration
	for range 3 {
		now := &v1alpha1.SDPConnection{}
		require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), now))
		result, err := r.Reconcile(t.Context(), now)
		require.NoError(t, err)
		wantReason(t, now, v1alpha1.ReasonServiceDeskUnavailable)
		pauses = append(pauses, result.RequeueAfter)
	}
	if pauses[0] < connectionlogin.ProofPause || pauses[2] < 2*pauses[0] {
		t.Errorf("it is called again after %v", pauses)
	}
}

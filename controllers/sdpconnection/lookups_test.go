package sdpconnection

import (
	"fmt"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// onlyRequests has a connection need the lists of requests and no other.
func onlyRequests(c *v1alpha1.SDPConnection) {
	c.Spec.Access = &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetRequests}}
}

// isLookup reports whether a call reads a page of a list of requests.
func isLookup(c sdptest.Call) bool {
	for _, list := range requestLookups {
		if sdptest.To("GET", "/"+string(list))(c) {
			return true
		}
	}
	return false
}

// makeListsDue has every list of the connection be as old as it may become.
func (w *world) makeListsDue(t *testing.T) {
	t.Helper()
	_, err := pgtest.Connect(t, w.owner).Exec(t.Context(), `update field_lookups l set refreshed_at = now() - interval '1 day'
		from sdp_connections c where c.id = l.connection_id and c.namespace = $1`, w.namespace)
	require.NoError(t, err)
}

// longListIsReadInTheBackground: 5,000 categories are read page by page, as the lane of lists has turns, and no page twice. Meanwhile
// the connection is ready, and a server that asks for a turn gets it.
func longListIsReadInTheBackground(t *testing.T, w *world) {
	const more, burst = 5000, 20
	for i := range more {
		w.desk.Add("categories", sdptest.Record{"name": fmt.Sprintf("Category %04d", i)})
	}
	total := len(w.desk.IDs("categories"))
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}), w.newConnection(onlyRequests, func(c *v1alpha1.SDPConnection) {
		perMinute, atOnce := int32(1000), int32(burst)
		c.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: &perMinute, Burst: &atOnce}
	}))
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	began, granted, asked := time.Now(), 0, time.Time{}
	var now v1alpha1.SDPConnection
	require.Until(t, "every list is read", func() bool {
		if time.Since(asked) > time.Second { // a call a second beside them is less than what lists leave free
			asked = time.Now()
			turn, err := w.server.TakeRate(t.Context(), w.served(t).ID, store.LaneInteractive, 1)
			require.NoError(t, err)
			if turn.Granted != 1 {
				t.Errorf("a server waits %s for a turn while lists are read", turn.RetryAfter)
			}
			granted++
		}
		require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &now))
		if !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
			t.Errorf("it is not ready while lists are read: %s", describe(now.Status.Conditions))
		}
		return meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh)
	})
	wantCount(t, "pages of categories", w.desk.Count(sdptest.To("GET", "/categories")), (total+99)/100)
	if busiest := w.desk.Busiest(2*time.Second, isLookup); busiest > burst*4/5 {
		t.Errorf("%d pages were read in two seconds, of %d that lists may have", busiest, burst*4/5)
	}
	for _, list := range now.Status.Lookups {
		if list.Type == "categories" && int(list.Entries) != total {
			t.Errorf("%d categories are stored of %d", list.Entries, total)
		}
	}
	t.Logf("%d categories and %d other lists in %d calls and %v, with %d turns for a server beside them", total, len(now.Status.Lookups)-1,
		w.desk.Count(isLookup), time.Since(began).Round(time.Second), granted)
}

// restartReadsNothingFreshAgain: a controller that starts while lists are being read reads those that are missing, and one that starts
// later reads none; when they are due, each is read once more.
func restartReadsNothingFreshAgain(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, onlyRequests)
	lists := lookupsOf(connectionobject.Toolsets(&c.Spec))
	wantReads := func(when string, times int) {
		t.Helper()
		for _, list := range lists {
			if n := w.desk.Count(sdptest.To("GET", "/"+string(list))); n != times {
				t.Errorf("%s: %s was read %d times, want %d", when, list, n, times)
			}
		}
	}
	interrupted := w.newByHand()
	interrupted.Rates = &fewTurns{Rates: interrupted.Rates, left: len(lists) / 2}
	now, err := w.reconcileByHand(t.Context(), interrupted, c)
	require.NoError(t, err)
	if n := w.desk.Count(isLookup); n != len(lists)/2 || meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh) {
		t.Errorf("%d lists are read before the restart, want %d: %s", n, len(lists)/2, describe(now.Status.Conditions))
	}
	untilFresh := func(r *Reconciler) {
		t.Helper()
		require.Until(t, "the lists are fresh", func() bool {
			now, err := w.reconcileByHand(t.Context(), r, c)
			require.NoError(t, err)
			return meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh)
		})
	}
	untilFresh(w.newByHand())
	wantReads("after a restart in between", 1)
	before := w.desk.Count(nil)
	untilFresh(w.newByHand())
	wantCount(t, "calls after another restart", w.desk.Count(nil)-before, 0)

	w.makeListsDue(t)
	untilFresh(w.newByHand())
	wantReads("when they are due", 2)
}

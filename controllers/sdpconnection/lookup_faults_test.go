package sdpconnection

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// unauthorized is a 401 that does not say what it is about.
func unauthorized() sdptest.Fault {
	return sdptest.Fault{Name: "unauthorized", Status: 401, ContentType: "application/json", Body: `{}`}
}

// brokenListsAreTold: a list that ServiceDesk Plus answers with a page, or refuses like a token, keeps no other list back and costs no
// token.
func brokenListsAreTold(t *testing.T, w *world) {
	w.desk.Fail(sdptest.HTML(404).To("GET", "/urgencies").Times(-1), unauthorized().To("GET", "/impacts").Times(-1),
		sdptest.ServerError(500).To("GET", "/levels").Times(-1))
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	require.Until(t, "every other list is read", func() bool {
		now, err := w.reconcileByHand(t.Context(), r, c)
		require.NoError(t, err)
		c = now
		return len(now.Status.Lookups) == len(lookupsOf([]v1alpha1.Toolset{v1alpha1.ToolsetRequests, v1alpha1.ToolsetProjects}))-3
	})
	for _, list := range []string{"urgencies", "impacts", "levels"} {
		wantMessage(t, c, v1alpha1.ConditionLookupsFresh, list)
		wantCount(t, "calls for "+list, w.desk.Count(sdptest.To("GET", "/"+list)), 1)
	}
	if !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the object says %s", describe(c.Status.Conditions))
	}
	wantCount(t, "refreshes", w.refreshes(), 1)
}

// openRefusalMakesNoHaste: while ServiceDesk Plus is away, a refusal that cannot be proven has nobody come back every second.
func openRefusalMakesNoHaste(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	_, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	w.makeListsDue(t)
	w.desk.Fail(sdptest.ServerError(503).Times(-1))
	served := w.served(t)
	r.refusals.replace([]store.TokenRefusal{{UID: served.UID, TokenID: served.Token.ID}}, time.Now())
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	result, err := r.Reconcile(t.Context(), c)
	require.NoError(t, err)
	if result.RequeueAfter < connectionlogin.ProofPause*9/10 {
		t.Errorf("it comes back after %s, want %s", result.RequeueAfter, connectionlogin.ProofPause)
	}
}

// refusedKeyOfListIsTold: an API key that is refused while lists are read is told, and not sent again.
func refusedKeyOfListIsTold(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialAPIKey: apiKey}, func(c *v1alpha1.SDPConnection) {
		c.Spec.Edition, c.Spec.AccountsURL, c.Spec.Portal = v1alpha1.EditionOnPremises, "", ""
	})
	r := w.newByHand()
	_, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	w.makeListsDue(t)
	w.desk.Fail(sdptest.Refused(4022).Times(-1))
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != v1alpha1.ReasonAPIKeyRefused {
		t.Errorf("the object says %s", describe(now.Status.Conditions))
	}
	calls := w.desk.Count(nil)
	_, err = w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	wantCount(t, "calls with a key that is refused", w.desk.Count(nil)-calls, 0)
}

// listsOfAnotherAddressAreRead: what is read of a list, and which lists cannot be read, is of one ServiceDesk Plus alone.
func listsOfAnotherAddressAreRead(t *testing.T, w *world) {
	other := w.inPlace(t, sdptest.Cloud)
	for i := range 150 {
		w.desk.Add("categories", sdptest.Record{"name": fmt.Sprintf("First %03d", i)})
		other.desk.Add("categories", sdptest.Record{"name": fmt.Sprintf("Second %03d", i)})
	}
	w.desk.Fail(sdptest.HTML(404).To("GET", "/priorities").Times(-1))
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, onlyRequests)
	r := w.newByHand()
	turns := &fewTurns{Rates: r.Rates, left: slices.Index(requestLookups, sdp.Categories) + 1}
	r.Rates = turns
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if reading := r.memories.of(c).reading; reading == nil || reading.list != sdp.Categories || len(reading.entries) == 0 {
		t.Fatalf("this test sees nothing: of a list there is %+v", reading)
	}
	before := now.DeepCopy()
	now.Spec.APIURL, now.Spec.AccountsURL = v1alpha1.ServiceURL(other.desk.URL()), v1alpha1.ServiceURL(other.desk.AccountsURL())
	require.NoError(t, w.Client.Patch(t.Context(), now, client.MergeFrom(before)))
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialClientID: other.clientID, v1alpha1.CredentialRefreshToken: other.desk.RefreshToken()})
	turns.left = 1000
	require.Until(t, "every list is read", func() bool {
		now, err := w.reconcileByHand(t.Context(), r, c)
		require.NoError(t, err)
		return meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh)
	})
	entries, err := w.server.LookupEntries(t.Context(), w.served(t).ID, "categories")
	require.NoError(t, err)
	first, second := 0, 0
	for _, e := range entries {
		if strings.HasPrefix(e.Name, "First") {
			first++
		} else if strings.HasPrefix(e.Name, "Second") {
			second++
		}
	}
	if first != 0 || second != 150 {
		t.Errorf("%d entries of the first ServiceDesk Plus are stored, and %d of the second; want none and 150", first, second)
	}
}

// blockedConnectionKeepsNoPages: what is read of a list may be much, and for how long a connection is suspended nobody knows.
func blockedConnectionKeepsNoPages(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	remembered := r.memories.of(c)
	remembered.reading = &partialList{list: sdp.Categories, begunAt: time.Now()}
	c.Spec.Suspend = true
	require.NoError(t, w.Client.Update(t.Context(), c))
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if remembered.reading != nil || status.KindOf(now.Status.Conditions) != status.KindBlocked {
		t.Errorf("there is %+v of a list, and the object says %s", remembered.reading, describe(now.Status.Conditions))
	}
}

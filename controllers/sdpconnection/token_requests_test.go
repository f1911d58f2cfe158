package sdpconnection

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// reconcileTimes reconciles a few times by hand, and returns the object as it is then.
func (w *world) reconcileTimes(t *testing.T, r *Reconciler, c *v1alpha1.SDPConnection, times int) *v1alpha1.SDPConnection {
	t.Helper()
	var now *v1alpha1.SDPConnection
	for range times {
		var err error
		now, err = w.reconcileByHand(t.Context(), r, c)
		require.NoError(t, err)
	}
	return now
}

// edit changes the object.
func (w *world) edit(t *testing.T, c *v1alpha1.SDPConnection, change func(*v1alpha1.SDPConnection)) {
	t.Helper()
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	before := c.DeepCopy()
	change(c)
	require.NoError(t, w.Client.Patch(t.Context(), c, client.MergeFrom(before)))
}

// byHandAt returns a reconciler by hand whose clock a test moves.
func (w *world) byHandAt() (*Reconciler, *clocktesting.FakeClock) {
	r, now := w.newByHand(), clocktesting.NewFakeClock(time.Now())
	r.Clock = now
	return r, now
}

func wantReason(t *testing.T, c *v1alpha1.SDPConnection, reason string) {
	t.Helper()
	if ready := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionReady); ready == nil || ready.Reason != reason {
		t.Errorf("the object says %s, want Ready %s", describe(c.Status.Conditions), reason)
	}
}

// tokenOfAnotherDeskIsTold: a token that is refused on its first call is told, and costs no other one until something changes.
func tokenOfAnotherDeskIsTold(t *testing.T, w *world) {
	other := w.inPlace(t, sdptest.Cloud)
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, func(c *v1alpha1.SDPConnection) {
		c.Spec.APIURL = v1alpha1.ServiceURL(other.desk.URL())
	})
	r := w.newByHand()
	now := w.reconcileTimes(t, r, c, 3)
	wantReason(t, now, v1alpha1.ReasonTokenExpired)
	wantMessage(t, now, v1alpha1.ConditionReady, "apiURL may belong to another data centre")
	wantCount(t, "refreshes", w.refreshes(), 1)
	w.edit(t, c, func(c *v1alpha1.SDPConnection) { c.Spec.APIURL = v1alpha1.ServiceURL(w.desk.URL()) })
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
	wantCount(t, "refreshes once it is mended", w.refreshes(), 1)
}

// mendedAddressIsTried: what one accounts server refuses is sent to another one at once.
func mendedAddressIsTried(t *testing.T, w *world) {
	other := w.inPlace(t, sdptest.Cloud)
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, func(c *v1alpha1.SDPConnection) {
		c.Spec.AccountsURL = v1alpha1.ServiceURL(other.desk.AccountsURL())
	})
	r := w.newByHand()
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonClientRefused)
	wantCount(t, "refreshes where it is refused", other.refreshes(), 1)
	w.edit(t, c, func(c *v1alpha1.SDPConnection) { c.Spec.AccountsURL = v1alpha1.ServiceURL(w.desk.AccountsURL()) })
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
}

// throttledCredentialsHoldNoOthersBack: a pause that an accounts server asks for is of one refresh token.
func throttledCredentialsHoldNoOthersBack(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	w.desk.Fail(sdptest.GeneralError(503))
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonAccountsUnavailable)
	wantCount(t, "refreshes", w.refreshes(), 1)
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
}

// requestIsTriedOnce: whoever asks for a reconcile while the accounts server is away gets one attempt, and the pauses after it.
func requestIsTriedOnce(t *testing.T, w *world) {
	w.desk.Fail(sdptest.GeneralError(503).Times(-1))
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	w.reconcileTimes(t, r, c, 2)
	wantCount(t, "refreshes", w.refreshes(), 1)
	w.edit(t, c, func(c *v1alpha1.SDPConnection) {
		metav1.SetMetaDataAnnotation(&c.ObjectMeta, v1alpha1.RequestedAtAnnotation, time.Now().Format(time.RFC3339Nano))
	})
	w.reconcileTimes(t, r, c, 4)
	wantCount(t, "refreshes after somebody asked", w.refreshes(), 2)
}

// replacedClientSecretIsTried: another client secret is tried when it is found, and not when the token is due.
func replacedClientSecretIsTried(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonConnected)
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialClientSecret: "a-secret-of-nobody"})
	now := w.reconcileTimes(t, r, c, 2)
	wantReason(t, now, v1alpha1.ReasonClientRefused)
	if !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionTokenFresh) {
		t.Errorf("servers have a token, and the object says %s", describe(now.Status.Conditions))
	}
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialClientSecret: clientSecret})
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonConnected)
	wantCount(t, "refreshes", w.refreshes(), 2)
}

// tokenIsRefreshedInTime: not before 80 % of its life are over, and then at once.
func tokenIsRefreshedInTime(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r, now := w.byHandAt()
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
	before := w.served(t).Token
	now.Step(before.ExpiresAt.Sub(before.IssuedAt)*4/5 - time.Second)
	w.reconcileTimes(t, r, c, 1)
	wantCount(t, "refreshes before it is due", w.refreshes(), 1)
	now.Step(time.Second)
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonConnected)
	wantCount(t, "refreshes", w.refreshes(), 2)
	if w.served(t).Token.ID == before.ID || !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("ServiceDesk Plus does not take what servers call with")
	}
}

// absentAccountsServerIsBorne: while the token lives nothing is wrong; when it has expired that is told, and the return is noticed.
func absentAccountsServerIsBorne(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r, now := w.byHandAt()
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
	token := w.served(t).Token
	w.desk.Fail(sdptest.GeneralError(503).Times(-1))
	now.Step(token.ExpiresAt.Sub(token.IssuedAt) * 5 / 6)
	wantReason(t, w.reconcileTimes(t, r, c, 2), v1alpha1.ReasonConnected)
	wantCount(t, "refreshes, of which one failed", w.refreshes(), 2)
	for now.Now().Before(token.ExpiresAt) {
		now.Step(time.Minute)
		w.reconcileTimes(t, r, c, 1)
	}
	told := w.reconcileTimes(t, r, c, 1)
	wantReason(t, told, v1alpha1.ReasonAccountsUnavailable)
	if told.Status.Token == nil || !told.Status.Token.ExpiresAt.Before(&metav1.Time{Time: now.Now()}) {
		t.Errorf("the status tells of token %+v at %s", told.Status.Token, now.Now())
	}
	w.desk.StopFailing()
	now.Step(connectionlogin.LastTokenPause)
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
}

func revokedTokenIsTold(t *testing.T, w *world) {
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	r := w.newByHand()
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
	other := w.desk.RefreshToken()
	w.desk.RevokeRefreshTokens()
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialRefreshToken: other})
	told := w.reconcileTimes(t, r, c, 4)
	wantReason(t, told, v1alpha1.ReasonTokenRevoked)
	wantMessage(t, told, v1alpha1.ConditionReady, "revoked", "new refresh token")
	wantCount(t, "refreshes, of which one was refused", w.refreshes(), 2)
	w.replaceCredentials(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	wantReason(t, w.reconcileTimes(t, r, c, 1), v1alpha1.ReasonConnected)
}

package sdpconnection

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestReconciler(t *testing.T) {
	proxy := setProxyVariables(t) // of the whole process, so that each test shows that they do not count
	w := startWorld(t)
	w.proxy = proxy
	// Before the others: what it measures is the whole process's.
	t.Run("many connections are cheap", func(t *testing.T) { manyConnectionsAreCheap(t, w.inPlace(t, sdptest.Cloud)) })
	t.Run("in the cloud", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *world){
			"a grant code makes it ready":                            readyByGrantCode,
			"a dead server's writes are found":                       deadServersWritesAreFound,
			"forged writes are not looked up":                        forgedWritesAreNotLookedUp,
			"a refresh token beats a grant code":                     refreshTokenBeatsGrantCode,
			"a spent code may be taken out of the Secret":            spentCodeMayGo,
			"a code that the accounts server refuses is told":        refusedCodeIsTold,
			"a code of which the answer was lost is not sent again":  lostAnswerIsTold,
			"a code that was not sent is sent later":                 unsentCodeIsSent,
			"nothing to do writes nothing and calls nobody":          steadyStateIsStill,
			"another refresh token is taken up":                      rotationIsTakenUp,
			"a revoked refresh token is told, and not sent again":    revokedTokenIsTold,
			"a missing Secret is waited for, a wrong one is told":    secretIsToldOf,
			"credentials go to no host that is not allowed":          hostIsNotAllowed,
			"credentials go nowhere else":                            credentialsGoNowhereElse,
			"another namespace's Secret is not read":                 othersSecretIsNotRead,
			"another namespace is not served":                        namespaceIsNotAllowed,
			"a refused token is replaced once that is proven":        provenRefusalIsRefreshed,
			"a refusal that is not so costs no refresh":              disprovedRefusalEnds,
			"a token is refreshed when most of its life is over":     tokenIsRefreshedInTime,
			"a time zone that is none is told":                       wrongTimeZoneIsTold,
			"a suspended connection calls nobody":                    suspendedIsStill,
			"missing scopes are named by toolset":                    missingScopesAreNamed,
			"the access token is in a Secret for others":             tokenSecretIsKept,
			"a token Secret that is no longer named is deleted":      formerTokenSecretGoes,
			"one that is somebody else's by now stays":               formerTokenSecretOfOthersStays,
			"one of a controller that was killed is deleted":         formerTokenSecretGoesAfterKill,
			"deletion takes a former token Secret, too":              deletionTakesFormerTokenSecret,
			"a Secret of somebody else is left alone":                foreignSecretIsLeft,
			"a managed Secret of a predecessor is adopted":           predecessorsSecretIsAdopted,
			"deletion revokes what was exchanged, and leaves no row": deletionRevokes,
			"deletion spares a refresh token that is shared":         deletionSparesShared,
			"a deleted connection does not wait for ever":            deletionWaitsNotForEver,
			"a lost seal key costs one refresh":                      lostSealKeyCostsOneRefresh,
			"a token that ended is replaced by who finds it":         endedTokenIsReplaced,
			"an accounts server may be away while a token lives":     absentAccountsServerIsBorne,
			"the smallest rate is enough to become ready":            smallestRateIsEnough,
			"secrets are nowhere":                                    secretsAreNowhere,
			"two leaders exchange a code once":                       twoLeadersExchangeOnce,
			"a controller that ends keeps what it got":               endingKeepsWhatWasGot,
			"the claim of a killed leader is waited for":             killedLeadersClaimIsWaitedFor,
			"the newest projects are read":                           newestProjectsAreRead,
			"a long list is read in the background":                  longListIsReadInTheBackground,
			"a restart reads nothing again that is fresh":            restartReadsNothingFreshAgain,
			"lists go on where they stopped":                         listsGoOnWhereTheyStopped,
			"an API server may be away after an exchange":            absentAPIServerIsOutlasted,
			"a place that is taken is told, and costs no token":      takenPlaceIsTold,
			"a refresh token that may not be written is revoked":     refusedPlaceIsRevoked,
			"the refresh token of an earlier code is revoked":        formerTokenIsRevoked,
			"a list that cannot be read keeps no other back":         brokenListsAreTold,
			"a refusal that cannot be proven makes no haste":         openRefusalMakesNoHaste,
			"lists are of one ServiceDesk Plus":                      listsOfAnotherAddressAreRead,
			"a suspended connection keeps no pages of lists":         blockedConnectionKeepsNoPages,
			"a token of another data centre is told, and stays":      tokenOfAnotherDeskIsTold,
			"a mended address is tried at once":                      mendedAddressIsTried,
			"a pause is of one refresh token":                        throttledCredentialsHoldNoOthersBack,
			"a reconcile that is asked for is tried once":            requestIsTriedOnce,
			"another client secret is tried when it is found":        replacedClientSecretIsTried,
			"a connection that was withdrawn comes back":             withdrawnConnectionComesBack,
			"an object that is gone is forgotten":                    goneObjectIsForgotten,
			"a host that is gone is called less and less":            deadHostIsLeftAlone,
			"a Secret that goes leaves servers their token":          tokenOutlivesSecret,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w.inPlace(t, sdptest.Cloud))
			})
		}
	})
	t.Run("on premises", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *world){
			"the API key is sealed for servers": apiKeyIsSealed,
			"a lost seal key is replaced":       apiKeyIsSealedAgain,
			"a refused API key is told":         refusedAPIKeyIsTold,
			"a Secret that goes is told":        apiKeyOutlivesSecret,
			"a key that a list meets refused":   refusedKeyOfListIsTold,
			"an API key is nowhere":             apiKeyIsNowhere,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, w.inPlace(t, sdptest.OnPremises))
			})
		}
	})
}

// fast lets a connection call as often as a test wants.
func fast(c *v1alpha1.SDPConnection) {
	perMinute, burst := int32(1000), int32(1000)
	c.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: &perMinute, Burst: &burst}
}

// createReady makes a connection with a refresh token, and waits until it is ready.
func (w *world) createReady(t *testing.T, change ...func(*v1alpha1.SDPConnection)) *v1alpha1.SDPConnection {
	t.Helper()
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}), w.newConnection(append(change, fast)...))
	return w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
}

// setCredentials replaces a value of the credentials Secret, or removes it where it is empty, and asks for a reconcile.
func (w *world) setCredentials(t *testing.T, values map[string]string) {
	t.Helper()
	w.replaceCredentials(t, values)
	w.askAndWait(t)
}

// replaceCredentials replaces a value of the credentials Secret, or removes it where it is empty.
func (w *world) replaceCredentials(t *testing.T, values map[string]string) {
	t.Helper()
	secret := w.getSecret(t, "helpdesk-oauth")
	before := secret.DeepCopy()
	for key, value := range values {
		if secret.Data[key] = []byte(value); value == "" {
			delete(secret.Data, key)
		}
	}
	require.NoError(t, w.Client.Patch(t.Context(), secret, client.MergeFrom(before)))
}

// askAndWait asks for a reconcile and waits until it is made.
func (w *world) askAndWait(t *testing.T) *v1alpha1.SDPConnection {
	t.Helper()
	var c v1alpha1.SDPConnection
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &c))
	w.ask(t, &c)
	w.waitUntilHandled(t, &c)
	return &c
}

func wantCount(t *testing.T, what string, got, want int) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %d, want %d", what, got, want)
	}
}

func (w *world) exchanges() int { return w.desk.Count(sdptest.Grants("authorization_code")) }
func (w *world) refreshes() int { return w.desk.Count(sdptest.Grants("refresh_token")) }

// messageOf returns the message of a condition.
func messageOf(c *v1alpha1.SDPConnection, kind string) string {
	if found := meta.FindStatusCondition(c.Status.Conditions, kind); found != nil {
		return found.Message
	}
	return ""
}

func wantMessage(t *testing.T, c *v1alpha1.SDPConnection, kind string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if said := messageOf(c, kind); !strings.Contains(said, part) {
			t.Errorf("%s says %q, want %q in it", kind, said, part)
		}
	}
}

// readyByGrantCode: a grant code is exchanged once, the refresh token is in its Secret, and servers call with what they find.
func readyByGrantCode(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	if !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("ServiceDesk Plus does not take what servers call with")
	}
	wantCount(t, "exchanges", w.exchanges(), 1)
	wantCount(t, "refreshes", w.refreshes(), 0)
	secret := w.getSecret(t, managedName(c))
	if managed := readManaged(secret); w.desk.IsRevoked(managed.RefreshToken.Reveal()) || managed.ClientID != w.clientID {
		t.Errorf("the managed Secret has no refresh token of the client: %+v", managed)
	}
	if ownershipOf(secret, c) != ownedByConnection || secret.OwnerReferences[0].Name != c.Name {
		t.Errorf("the managed Secret is not the connection's: %+v", secret.ObjectMeta)
	}
	if c.Status.Token == nil || c.Status.Token.ExpiresAt == nil || c.Status.Mode != v1alpha1.AccessModeReadOnly {
		t.Errorf("status is %+v", c.Status)
	}
	w.waitFor(t, v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonCredentialsAccepted)
	w.waitFor(t, v1alpha1.ConditionTokenFresh, v1alpha1.ReasonTokenRefreshed)
}

func refreshTokenBeatsGrantCode(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{
		v1alpha1.CredentialGrantCode: w.desk.GrantCode(), v1alpha1.CredentialRefreshToken: w.desk.RefreshToken() + "\n",
	}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 0)
	wantCount(t, "refreshes", w.refreshes(), 1)
	var managed corev1.Secret
	if err := w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: managedName(c)}, &managed); !apierrors.IsNotFound(err) {
		t.Errorf("a managed Secret is made for nothing: %v", err)
	}
}

func spentCodeMayGo(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	w.setCredentials(t, map[string]string{v1alpha1.CredentialGrantCode: ""})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 1)
}

// refusedCodeIsTold: the object says that a new code is needed, and one makes it ready.
func refusedCodeIsTold(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: "1000.never-issued-code"}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonGrantCodeNeeded)
	wantMessage(t, c, v1alpha1.ConditionReady, "helpdesk-oauth", "new grant code", "refuses the code")
	w.askAndWait(t)
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonGrantCodeNeeded)
	wantCount(t, "exchanges of a code that was refused", w.exchanges(), 1)
	w.setCredentials(t, map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 2)
}

func lostAnswerIsTold(t *testing.T, w *world) {
	w.desk.Fail(sdptest.DropAfterWrite().OfAccounts())
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonGrantCodeNeeded)
	wantMessage(t, c, v1alpha1.ConditionReady, "did not answer")
	w.askAndWait(t)
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonGrantCodeNeeded)
	wantCount(t, "exchanges", w.exchanges(), 1)
}

// unsentCodeIsSent: where there was no connection the code is as good as before.
func unsentCodeIsSent(t *testing.T, w *world) {
	c := w.newConnection(func(c *v1alpha1.SDPConnection) { c.Spec.AccountsURL = closedHost })
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), c)
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonAccountsUnavailable)
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	before := c.DeepCopy()
	c.Spec.AccountsURL = v1alpha1.ServiceURL(w.desk.AccountsURL())
	require.NoError(t, w.Client.Patch(t.Context(), c, client.MergeFrom(before)))
	w.askAndWait(t)
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 1)
}

// rowVersions returns every row of the connections' tables that may stand still, with the transaction that wrote it.
func (w *world) rowVersions(t *testing.T) string {
	t.Helper()
	conn := pgtest.Connect(t, w.owner)
	var all string
	require.NoError(t, conn.QueryRow(t.Context(), `
		with mine as (select id, xmin, namespace from sdp_connections where namespace = $1)
		select string_agg(line, e'\n' order by line) from (
		  select format('connection %s %s', id, xmin) from mine
		  union all select format('token %s %s', t.id, t.xmin) from oauth_tokens t join mine on mine.id = t.connection_id
		  union all select format('request %s %s', r.id, r.xmin) from token_requests r where r.namespace = $1
		  union all select format('list %s %s', l.type, l.xmin) from field_lookups l join mine on mine.id = l.connection_id
		  union all select format('entry %s %s %s', m.type, m.external_id, m.xmin) from field_mappings m join mine on mine.id = m.connection_id
		  union all select format('rate %s %s', r.connection_id, r.xmin) from sdp_rate_limits r join mine on mine.id = r.connection_id
		  union all select format('window %s %s', v.id, v.xmin) from sdp_windows v join mine on mine.id = v.connection_id
		) as lines (line)`, w.namespace).Scan(&all))
	return all
}

// versions returns the resourceVersions of all that belongs to the connection.
func (w *world) versions(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	var connections v1alpha1.SDPConnectionList
	var secrets corev1.SecretList
	require.NoError(t, w.Client.List(t.Context(), &connections, client.InNamespace(w.namespace)))
	require.NoError(t, w.Client.List(t.Context(), &secrets, client.InNamespace(w.namespace)))
	for _, c := range connections.Items {
		found["connection "+c.Name] = c.ResourceVersion
	}
	for _, s := range secrets.Items {
		found["Secret "+s.Name] = s.ResourceVersion
	}
	return found
}

func steadyStateIsStill(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}),
		w.newConnection(fast, func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "helpdesk-token" }))
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	c := w.waitFor(t, v1alpha1.ConditionLookupsFresh, v1alpha1.ReasonLookupsRefreshed)
	if len(c.Status.Lookups) != len(lookupsOf(connectionobject.Toolsets(&c.Spec))) {
		t.Errorf("lists read: %+v", c.Status.Lookups)
	}
	rows, objects, calls := w.rowVersions(t), w.versions(t), w.desk.Count(nil)
	for range 3 {
		restarted := w.newByHand()
		restarted.Controller = thisLease
		if _, err := restarted.Reconcile(t.Context(), c.DeepCopy()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(rows, w.rowVersions(t)); diff != "" {
		t.Errorf("rows were written (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(objects, w.versions(t)); diff != "" {
		t.Errorf("objects were written (-before +after):\n%s", diff)
	}
	wantCount(t, "calls", w.desk.Count(nil)-calls, 0)
	if !strings.Contains(rows, "list priorities") || len(objects) != 4 {
		t.Errorf("this test sees too little: %s\n%v", rows, objects)
	}
}

func rotationIsTakenUp(t *testing.T, w *world) {
	w.createReady(t)
	before := w.served(t).Token.ID
	w.setCredentials(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	if w.served(t).Token.ID == before || !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("servers call with what was got by the refresh token of before")
	}
	wantCount(t, "refreshes", w.refreshes(), 2)
}

func secretIsToldOf(t *testing.T, w *world) {
	w.create(t, w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretMissing)
	wantMessage(t, c, v1alpha1.ConditionReady, "helpdesk-oauth")
	wrong := w.credentialsSecret(nil)
	wrong.Type = corev1.SecretTypeOpaque
	w.create(t, wrong)
	w.askAndWait(t)
	c = w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretInvalid)
	wantMessage(t, c, v1alpha1.ConditionReady, "has type Opaque", v1alpha1.SDPCredentialsSecretType)
	require.NoError(t, w.Client.Delete(t.Context(), wrong))
	lacking := w.credentialsSecret(nil)
	delete(lacking.StringData, v1alpha1.CredentialClientSecret)
	w.create(t, lacking)
	w.askAndWait(t)
	require.Eventually(t, func() error {
		c = w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretInvalid)
		if said := messageOf(c, v1alpha1.ConditionReady); !strings.Contains(said, "lacks client_secret") || !strings.Contains(said, "client_id") {
			return fmt.Errorf("says %q", said)
		}
		return nil
	})
	wantCount(t, "calls", w.desk.Count(nil), 0)
}

// hostIsNotAllowed: a listener that nobody allowed sees no byte, what servers had is withdrawn, and comes back.
func hostIsNotAllowed(t *testing.T, w *world) {
	attacker := sdptest.Start(t, sdptest.Options{})
	w.createReady(t)
	w.setAPIURL(t, attacker.URL())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonHostNotAllowed)
	calls := w.desk.Count(nil) // lists were still read until then
	w.askAndWait(t)
	wantMessage(t, c, v1alpha1.ConditionReady, "spec.apiURL", "--sdp-allowed-hosts", strings.TrimPrefix(attacker.URL(), "http://"))
	wantCount(t, "calls of the attacker", attacker.Count(nil), 0)
	wantCount(t, "calls", w.desk.Count(nil)-calls, 0)
	if served := w.served(t); !served.Deleted || served.Token != nil {
		t.Errorf("servers know of it: %+v", served)
	}
	w.setAPIURL(t, w.desk.URL())
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	if !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("ServiceDesk Plus does not take what servers call with")
	}
}

// setAPIURL edits the address of ServiceDesk Plus.
func (w *world) setAPIURL(t *testing.T, to string) {
	t.Helper()
	var c v1alpha1.SDPConnection
	require.NoError(t, w.Client.Get(t.Context(), types.NamespacedName{Namespace: w.namespace, Name: "helpdesk"}, &c))
	before := c.DeepCopy()
	c.Spec.APIURL = v1alpha1.ServiceURL(to)
	require.NoError(t, w.Client.Patch(t.Context(), &c, client.MergeFrom(before)))
}

func namespaceIsNotAllowed(t *testing.T, w *world) {
	w.namespace = w.CreateNamespace(t)
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonNamespaceNotAllowed)
	wantMessage(t, c, v1alpha1.ConditionReady, "--connection-namespaces", "connections.namespaces", w.namespace)
	wantCount(t, "calls", w.desk.Count(nil), 0)
	require.NoError(t, w.Client.Delete(t.Context(), c))
	w.waitUntilGone(t, c)
}

func (w *world) waitUntilGone(t *testing.T, c *v1alpha1.SDPConnection) {
	t.Helper()
	require.Until(t, "the connection is gone", func() bool {
		return apierrors.IsNotFound(w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c.DeepCopy()))
	})
}

// reportRefusal says as a server that the token is refused, and waits until the refusal is proven or disproved.
func (w *world) reportRefusal(t *testing.T) {
	t.Helper()
	served := w.served(t)
	require.NoError(t, w.server.ReportRefusal(t.Context(), served.ID, served.Token.ID))
	require.Eventually(t, func() error {
		open, err := w.reconciler.Store.TokenRefusals(t.Context(), 1000)
		for _, refusal := range open {
			if refusal.TokenID == served.Token.ID {
				return fmt.Errorf("the refusal is open: %+v", refusal)
			}
		}
		return err
	})
}

func provenRefusalIsRefreshed(t *testing.T, w *world) {
	w.createReady(t)
	before := w.served(t).Token.ID
	w.desk.KillAccessTokens()
	w.reportRefusal(t)
	if w.served(t).Token.ID == before || !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("servers still call with a token that ServiceDesk Plus refuses")
	}
	wantCount(t, "refreshes", w.refreshes(), 2)
}

// disprovedRefusalEnds: forged refusals cost one call each at most, and a true one after them is answered.
func disprovedRefusalEnds(t *testing.T, w *world) {
	w.createReady(t)
	w.waitFor(t, v1alpha1.ConditionLookupsFresh, v1alpha1.ReasonLookupsRefreshed)
	before, calls := w.served(t).Token.ID, w.desk.Count(nil)
	w.reportRefusal(t)
	if w.served(t).Token.ID != before {
		t.Error("a token that is taken was replaced")
	}
	wantCount(t, "refreshes", w.refreshes(), 1)
	wantCount(t, "calls for a proof", w.desk.Count(nil)-calls, 1)
	w.desk.KillAccessTokens()
	w.reportRefusal(t)
	if !w.desk.IsAccepted(w.openServed(t)) {
		t.Error("a true refusal after a forged one is not answered")
	}
}

func suspendedIsStill(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}),
		w.newConnection(func(c *v1alpha1.SDPConnection) { c.Spec.Suspend = true }))
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSuspended)
	wantCount(t, "calls", w.desk.Count(nil), 0)
	if served := w.served(t); served == nil || !served.Settings.Suspended {
		t.Errorf("servers do not know that it is suspended: %+v", served)
	}
}

// wrongTimeZoneIsTold: the schema takes any name, and servers would give times in another zone than was meant.
func wrongTimeZoneIsTold(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}),
		w.newConnection(func(c *v1alpha1.SDPConnection) { c.Spec.TimeZone = "Europe/Berln" }))
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonInvalidSpec)
	wantMessage(t, c, v1alpha1.ConditionReady, "spec.timeZone", "Europe/Berln", "IANA")
	wantCount(t, "calls", w.desk.Count(nil), 0)
}

func missingScopesAreNamed(t *testing.T, w *world) {
	w.desk.SetScopes("SDPOnDemand.requests.READ", "SDPOnDemand.setup.READ")
	w.createReady(t)
	c := w.waitFor(t, v1alpha1.ConditionCredentialsValid, v1alpha1.ReasonScopeMissing)
	wantMessage(t, c, v1alpha1.ConditionCredentialsValid, "projects: SDPOnDemand.projects.READ", "knowledge: SDPOnDemand.solutions.READ", "people: SDPOnDemand.users.READ")
	if said := messageOf(c, v1alpha1.ConditionCredentialsValid); strings.Contains(said, "requests: ") || strings.Contains(said, "lookups: ") {
		t.Errorf("names what the token has: %s", said)
	}
	w.waitForEvent(t, v1alpha1.ReasonScopeMissing)
}

func foreignSecretIsLeft(t *testing.T, w *world) {
	name := "helpdesk" + v1alpha1.ManagedCredentialsSuffix
	w.create(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: w.namespace, Name: name}, StringData: map[string]string{"mine": "precious"}})
	before := w.getSecret(t, name).ResourceVersion
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretForeign)
	wantMessage(t, c, v1alpha1.ConditionReady, name)
	wantCount(t, "exchanges", w.exchanges(), 0)
	if w.getSecret(t, name).ResourceVersion != before {
		t.Error("somebody else's Secret was written")
	}
}

// predecessorsSecretIsAdopted: after a restore the object has another UID, and its refresh token is still good.
func predecessorsSecretIsAdopted(t *testing.T, w *world) {
	name := "helpdesk" + v1alpha1.ManagedCredentialsSuffix
	code := w.desk.GrantCode()
	digest := fmt.Sprintf("%x", store.FingerprintGrantCode(w.clientID, code))
	w.create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: w.namespace, Name: name, Labels: map[string]string{v1alpha1.ManagedByLabel: v1alpha1.ManagedByController},
			Annotations:     map[string]string{connectionAnnotation: w.namespace + "/helpdesk", spentCodesAnnotation: digest, codeAnnotation: digest},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: v1alpha1.GroupVersion.String(), Kind: v1alpha1.SDPConnectionKind, Name: "helpdesk", UID: "11111111-2222-3333-4444-555555555555"}},
		},
		StringData: map[string]string{v1alpha1.CredentialClientID: w.clientID, v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()},
	})
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: code}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	wantCount(t, "exchanges", w.exchanges(), 0)
	if ownershipOf(w.getSecret(t, name), c) != ownedByConnection {
		t.Error("the Secret is not the connection's")
	}
}

func deletionRevokes(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}),
		w.newConnection(func(c *v1alpha1.SDPConnection) { c.Spec.TokenSecretName = "helpdesk-token" }))
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	refresh := readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()
	require.NoError(t, w.Client.Delete(t.Context(), c))
	w.waitUntilGone(t, c)
	if !w.desk.IsRevoked(refresh) {
		t.Error("the refresh token is not revoked")
	}
	if served := w.served(t); served == nil || !served.Deleted || served.Token != nil {
		t.Errorf("servers still know %+v", served)
	}
	if left := w.versions(t); len(left) != 1 {
		t.Errorf("more is left than the person's own Secret: %v", left)
	}
	w.waitForEvent(t, v1alpha1.ReasonRevoked)
}

func deletionSparesShared(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialGrantCode: w.desk.GrantCode()}), w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	refresh := readManaged(w.getSecret(t, managedName(c))).RefreshToken.Reveal()
	secret := w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: refresh})
	secret.Name = "other-oauth"
	other := w.newConnection(func(c *v1alpha1.SDPConnection) { c.Name, c.Spec.Credentials.SecretName = "other", "other-oauth" })
	w.create(t, secret, other)
	require.Until(t, "the other one is ready", func() bool {
		return w.Client.Get(t.Context(), client.ObjectKeyFromObject(other), other) == nil && meta.IsStatusConditionTrue(other.Status.Conditions, v1alpha1.ConditionReady)
	})
	require.NoError(t, w.Client.Delete(t.Context(), c))
	w.waitUntilGone(t, c)
	if w.desk.IsRevoked(refresh) {
		t.Error("a refresh token that another connection uses is revoked")
	}
}

// smallestRateIsEnough: a fifth of one call a minute is none, and a token is shown to be good all the same.
func smallestRateIsEnough(t *testing.T, w *world) {
	w.create(t, w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}), w.newConnection(func(c *v1alpha1.SDPConnection) {
		one := int32(1)
		c.Spec.RateLimit = &v1alpha1.RateLimit{RequestsPerMinute: &one, Burst: &one}
	}))
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	w.waitFor(t, v1alpha1.ConditionLookupsFresh, v1alpha1.ReasonLookupsPending)
}

// endedTokenIsReplaced: a call of the controller's own that is refused is a proof, be it the one that shows a token to be good or one
// for a list.
func endedTokenIsReplaced(t *testing.T, w *world) {
	refresh := w.desk.RefreshToken()
	c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: refresh}, func(c *v1alpha1.SDPConnection) {
		c.Spec.Access = &v1alpha1.Access{Toolsets: []v1alpha1.Toolset{v1alpha1.ToolsetProjects}}
	})
	r := w.newByHand()
	now, err := w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	w.desk.KillAccessTokens()
	before := now.DeepCopy()
	now.Spec.Access.Toolsets = append(now.Spec.Access.Toolsets, v1alpha1.ToolsetKnowledge)
	require.NoError(t, w.Client.Patch(t.Context(), now, client.MergeFrom(before)))
	now, err = w.reconcileByHand(t.Context(), r, c)
	require.NoError(t, err)
	if !meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionReady) {
		t.Errorf("the call that shows a token to be good meets one that ended: %s", describe(now.Status.Conditions))
	}
	wantCount(t, "refreshes", w.refreshes(), 2)

	w.desk.KillAccessTokens()
	_, err = pgtest.Connect(t, w.owner).Exec(t.Context(), "update field_lookups set refreshed_at = now() - interval '1 day' where type = 'project_types'")
	require.NoError(t, err)
	require.Until(t, "the list is read again", func() bool {
		now, err := w.reconcileByHand(t.Context(), r, c)
		return err == nil && meta.IsStatusConditionTrue(now.Status.Conditions, v1alpha1.ConditionLookupsFresh) && w.refreshes() == 3
	})
}

// lostSealKeyCostsOneRefresh runs a reconciler of its own, which has other keys than what sealed the token.
func lostSealKeyCostsOneRefresh(t *testing.T, w *world) {
	c := w.createReady(t)
	lost := w.reconciler
	other := Reconciler{
		Client: lost.Client, API: lost.API, Store: lost.Store, Rates: lost.Rates, Status: lost.Status, Clock: lost.Clock,
		Namespaces: lost.Namespaces, Egress: lost.Egress, Controller: lost.Controller, ReleaseTimeout: lost.ReleaseTimeout, Interval: lost.Interval,
	}
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	other.Keys, err = seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(c), c))
		_, err = other.Reconcile(t.Context(), c)
		require.NoError(t, err)
	}
	served := w.served(t)
	text, err := other.Keys.Open(served.Token.Sealed, connectionobject.TokenCell(served.UID, served.Token.ID))
	require.NoError(t, err)
	if !w.desk.IsAccepted(string(text)) {
		t.Error("ServiceDesk Plus does not take the token")
	}
	wantCount(t, "refreshes", w.refreshes(), 2)
}

func (w *world) newPremises(t *testing.T, key string) *v1alpha1.SDPConnection {
	t.Helper()
	secret := w.credentialsSecret(nil)
	secret.StringData = map[string]string{v1alpha1.CredentialAPIKey: key}
	c := w.newConnection(fast, func(c *v1alpha1.SDPConnection) {
		c.Spec.Edition, c.Spec.AccountsURL, c.Spec.Portal = v1alpha1.EditionOnPremises, "", ""
	})
	w.create(t, secret, c)
	return c
}

func apiKeyIsSealed(t *testing.T, w *world) {
	w.newPremises(t, apiKey)
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	w.waitFor(t, v1alpha1.ConditionTokenFresh, v1alpha1.ReasonAPIKeySealed)
	w.waitFor(t, v1alpha1.ConditionLookupsFresh, v1alpha1.ReasonLookupsRefreshed)
	if w.openServed(t) != apiKey || c.Status.Token != nil {
		t.Errorf("servers have another key, or the status a token: %+v", c.Status.Token)
	}
}

// apiKeyIsSealedAgain: with other keys the API key is sealed for servers again, and they are told.
func apiKeyIsSealedAgain(t *testing.T, w *world) {
	w.newPremises(t, apiKey)
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	before := w.served(t)
	other := w.newByHand()
	other.Controller = thisLease
	keyset, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	other.Keys, err = seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	_, err = w.reconcileByHand(t.Context(), other, c)
	require.NoError(t, err)
	served := w.served(t)
	text, err := other.Keys.Open(served.Token.Sealed, connectionobject.TokenCell(served.UID, served.Token.ID))
	if err != nil || string(text) != apiKey || served.Revision == before.Revision {
		t.Errorf("servers open %q at revision %d, after %d: %v", text, served.Revision, before.Revision, err)
	}
}

// refusedAPIKeyIsTold: what ServiceDesk Plus does not take is not given to servers, and one that it takes is.
func refusedAPIKeyIsTold(t *testing.T, w *world) {
	w.newPremises(t, "WRONG0-API0-KEY0-8000-000000000003")
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonAPIKeyRefused)
	wantMessage(t, c, v1alpha1.ConditionReady, "api_key")
	if served := w.served(t); served == nil || served.Token != nil {
		t.Errorf("servers have a key that is refused: %+v", served)
	}
	w.setCredentials(t, map[string]string{v1alpha1.CredentialAPIKey: apiKey})
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
}

// tokenOutlivesSecret: the object does not say that servers have no token while they call with one.
func tokenOutlivesSecret(t *testing.T, w *world) {
	w.createReady(t)
	require.NoError(t, w.Client.Delete(t.Context(), w.getSecret(t, "helpdesk-oauth")))
	w.askAndWait(t)
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretMissing)
	wantMessage(t, c, v1alpha1.ConditionReady, "servers go on with the access token", "spec.suspend")
	if served := w.served(t); served.Token == nil || !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionTokenFresh) {
		t.Errorf("servers have %v, and the object says %s", served.Token, describe(c.Status.Conditions))
	}
}

// apiKeyOutlivesSecret: an API key does not expire, so that whoever deletes it to stop servers has to know.
func apiKeyOutlivesSecret(t *testing.T, w *world) {
	w.newPremises(t, apiKey)
	w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonConnected)
	w.setCredentials(t, map[string]string{v1alpha1.CredentialAPIKey: ""})
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretInvalid)
	wantMessage(t, c, v1alpha1.ConditionReady, "servers go on with the API key that it had before", "spec.suspend")
	if w.openServed(t) != apiKey || !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.ConditionTokenFresh) {
		t.Errorf("the object says %s", describe(c.Status.Conditions))
	}
}

// waitForEvent waits until there is an event of a reason in the namespace.
func (w *world) waitForEvent(t *testing.T, reason string) {
	t.Helper()
	require.Until(t, "there is an event "+reason, func() bool {
		var events corev1.EventList
		if err := w.Client.List(context.WithoutCancel(t.Context()), &events, client.InNamespace(w.namespace)); err != nil {
			return false
		}
		for _, e := range events.Items {
			if e.Reason == reason {
				return true
			}
		}
		return false
	})
}

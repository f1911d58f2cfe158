package sdpconnection

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/egress/egresstest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// setProxyVariables has every program that follows them send to a listener, which nothing may reach. They are set before the first
// request of the process, since net/http reads them once.
func setProxyVariables(t *testing.T) *egresstest.Listener {
	t.Helper()
	proxy := egresstest.Listen(t)
	for _, variable := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(variable, proxy.URL)
	}
	for _, variable := range []string{"NO_PROXY", "no_proxy"} {
		t.Setenv(variable, "")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://desk.example.org", http.NoBody)
	require.NoError(t, err)
	if followed, err := http.ProxyFromEnvironment(request); err != nil || followed == nil || followed.String() != proxy.URL {
		t.Errorf("a client that follows the variables would ask %v (%v): this test shows nothing", followed, err)
	}
	return proxy
}

// credentialsGoNowhereElse: whatever a manifest and a name's addresses are, an attacker's listener hears nothing, and the object says why.
func credentialsGoNowhereElse(t *testing.T, w *world) {
	attacker := egresstest.Listen(t)
	const name = "desk.example.org"
	named := "http://" + name + ":" + attacker.Port
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, attacker.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(redirecting.Close)
	for title, tc := range map[string]struct {
		accounts, api string // the fake's when empty
		allowed       []string
		resolved      []string // what the name resolves to, one after the other
		reason        string
		says          []string
	}{
		"an API that is not listed":               {api: attacker.URL, says: []string{"spec.apiURL", "is not listed", "--sdp-allowed-hosts"}},
		"accounts that are not listed":            {accounts: attacker.URL, says: []string{"spec.accountsURL", "is not listed", "--sdp-allowed-hosts"}},
		"a name that is not listed":               {api: "http://localhost:" + attacker.Port, says: []string{"spec.apiURL", "is not listed"}},
		"a host that is listed for https":         {api: attacker.URL, allowed: []string{"127.0.0.1:" + attacker.Port}, says: []string{"http is unencrypted"}},
		"accounts on the loopback":                {accounts: named, resolved: []string{"127.0.0.1"}, says: []string{"the accounts server", name, "127.0.0.1", "loopback"}},
		"an API on the loopback":                  {api: named, resolved: []string{"127.9.9.9"}, says: []string{"the address of ServiceDesk Plus", name, "127.9.9.9", "loopback"}},
		"accounts at the unspecified address":     {accounts: named, resolved: []string{"0.0.0.0"}, says: []string{name, "0.0.0.0"}},
		"accounts at a link-local address":        {accounts: named, resolved: []string{"169.254.169.254"}, says: []string{name, "169.254.169.254", "link-local"}},
		"an API at a link-local address":          {api: named, resolved: []string{"169.254.0.7"}, says: []string{name, "169.254.0.7", "link-local"}},
		"accounts in the cluster":                 {accounts: named, resolved: []string{"10.244.1.1"}, says: []string{name, "10.244.1.1", "--cluster-cidrs"}},
		"accounts at the API server":              {accounts: named, resolved: []string{"203.0.113.6"}, says: []string{name, "203.0.113.6", "the API server"}},
		"an API at the API server":                {api: named, resolved: []string{"203.0.113.6"}, says: []string{name, "203.0.113.6", "the API server"}},
		"another address the second time":         {accounts: named, resolved: []string{"192.0.2.1", "127.0.0.1"}, says: []string{name, "127.0.0.1", "loopback"}},
		"accounts that redirect to a listed host": {accounts: redirecting.URL, allowed: []string{redirecting.URL, attacker.URL}, reason: v1alpha1.ReasonClientRefused, says: []string{"redirects", "not followed"}},
		"an API that redirects to a listed host":  {api: redirecting.URL, allowed: []string{redirecting.URL, attacker.URL}, reason: v1alpha1.ReasonServiceDeskUnavailable, says: []string{"redirects", "not followed"}},
	} {
		t.Run(title, func(t *testing.T) {
			hosts := append([]string{hostOf(t, w.desk.URL()), hostOf(t, w.desk.AccountsURL())}, tc.allowed...)
			if len(tc.resolved) > 0 {
				hosts = append(hosts, named)
			}
			rules, err := egress.ParseRules(hosts)
			require.NoError(t, err)
			options := egress.Options{
				Rules: rules, Resolver: egresstest.NewResolver(t, append(tc.resolved, "127.0.0.1")...),
				APIServer: []netip.Addr{netip.MustParseAddr("203.0.113.6")}, ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
			}
			c := w.createByHand(t, map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()}, func(c *v1alpha1.SDPConnection) {
				if tc.accounts != "" {
					c.Spec.AccountsURL = v1alpha1.ServiceURL(tc.accounts)
				}
				if tc.api != "" {
					c.Spec.APIURL = v1alpha1.ServiceURL(tc.api)
				}
			})
			var now *v1alpha1.SDPConnection
			for range max(1, len(tc.resolved)) {
				r := w.newByHand() // which remembers nothing, and so asks again at once
				r.Egress = options
				now, err = w.reconcileByHand(t.Context(), r, c)
				require.NoError(t, err)
			}
			reason := tc.reason
			if reason == "" {
				reason = v1alpha1.ReasonHostNotAllowed
			}
			if ready := meta.FindStatusCondition(now.Status.Conditions, v1alpha1.ConditionReady); ready.Reason != reason {
				t.Errorf("want %s, have %s", reason, describe(now.Status.Conditions))
			}
			wantMessage(t, now, v1alpha1.ConditionReady, tc.says...)
			attacker.HeardNothing(t)
			w.removeByHand(t, now)
		})
	}
	w.proxy.HeardNothing(t)
}

// removeByHand removes a connection that is reconciled by hand, and its Secret.
func (w *world) removeByHand(t *testing.T, c *v1alpha1.SDPConnection) {
	t.Helper()
	require.NoError(t, w.Client.Delete(t.Context(), c))
	_, err := w.reconcileByHand(t.Context(), w.newByHand(), c)
	require.NoError(t, err)
	w.waitUntilGone(t, c)
	require.NoError(t, w.Client.Delete(t.Context(), w.getSecret(t, "helpdesk-oauth")))
}

// othersSecretIsNotRead: a manifest cannot name a Secret of another namespace, and a Secret of that name there is none here.
func othersSecretIsNotRead(t *testing.T, w *world) {
	other := w.credentialsSecret(map[string]string{v1alpha1.CredentialRefreshToken: w.desk.RefreshToken()})
	other.Namespace = w.CreateNamespace(t)
	require.NoError(t, w.Client.Create(t.Context(), other))
	for _, name := range []string{other.Namespace + "/helpdesk-oauth", "../" + other.Namespace + "/helpdesk-oauth", "helpdesk-oauth." + other.Namespace + "/x"} {
		err := w.Client.Create(t.Context(), w.newConnection(func(c *v1alpha1.SDPConnection) { c.Spec.Credentials.SecretName = v1alpha1.ObjectName(name) }))
		if err == nil || !strings.Contains(err.Error(), "secretName") {
			t.Errorf("the API server takes %s as the name of a Secret: %v", name, err)
		}
	}
	w.create(t, w.newConnection())
	c := w.waitFor(t, v1alpha1.ConditionReady, v1alpha1.ReasonSecretMissing)
	wantMessage(t, c, v1alpha1.ConditionReady, "no Secret helpdesk-oauth in this namespace")
	wantCount(t, "calls", w.desk.Count(nil), 0)
	require.NoError(t, w.Client.Get(t.Context(), client.ObjectKeyFromObject(other), other))
	if manager := fmt.Sprint(other.ManagedFields); strings.Contains(manager, v1alpha1.ManagedByController) {
		t.Errorf("another namespace's Secret was written: %s", manager)
	}
}

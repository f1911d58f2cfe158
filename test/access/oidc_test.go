package access

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/internal/access/accesstest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// oidcWorld is one whose servers and controller believe an OpenID Connect issuer.
type oidcWorld struct {
	*world
	issuer *accesstest.Issuer
}

// newOIDCWorld takes no prefixes, so that an issuer could name Kubernetes' own users and groups if it were let.
func newOIDCWorld(t *testing.T) oidcWorld {
	t.Helper()
	issuer := accesstest.StartIssuer(t)
	w, err := newWorld(context.Background(), "--auth=oidc", "--oidc-issuer-url="+issuer.URL, "--oidc-ca-file="+issuer.CAFile,
		"--oidc-username-claim=email", "--oidc-username-prefix=-", "--oidc-groups-claim=groups", "--oidc-groups-prefix=-")
	require.NoError(t, err)
	return oidcWorld{w, issuer}
}

// claims are those of a person's good token.
func (w oidcWorld) claims(person string, more accesstest.Claims) accesstest.Claims {
	claims := accesstest.Claims{"aud": testenv.Audience, "sub": "1", "email": person, "email_verified": true}
	maps.Copy(claims, more)
	return claims
}

// person returns a caller with these rights and a token with these claims.
func (w oidcWorld) person(t *testing.T, name string, more accesstest.Claims, grants ...testenv.Grant) *caller {
	t.Helper()
	user := name + "@example.org"
	for i, g := range grants {
		if g.Name = fmt.Sprintf("%s-%d", name, i); g.Group == "" {
			g.User = user
		}
		require.NoError(t, w.callers.Grant(t.Context(), g))
	}
	claims := w.claims(user, more)
	groups, _ := claims["groups"].([]string)
	_, isList := claims["aud"].([]string)
	return &caller{
		name: name, token: w.issuer.Token(t, claims), mayNotChange: isList,
		user: &rest.ImpersonationConfig{UserName: user, Groups: append(slices.Clone(groups), "system:authenticated")},
	}
}

// nobody returns a caller whose token proves nobody, though who it names may do everything.
func (w oidcWorld) nobody(t *testing.T, name string, token func(good string) string, more accesstest.Claims) *caller {
	t.Helper()
	c := w.person(t, name, more, testenv.Grant{Verbs: everyVerb})
	c.user = nil
	if token != nil {
		c.token = token(c.token)
	}
	return c
}

// TestWhoGetsIn_OIDC is TestWhoGetsIn with callers whom an issuer names, and with tokens that are forged in every way.
func TestWhoGetsIn_OIDC(t *testing.T) {
	w := newOIDCWorld(t)
	other := accesstest.StartIssuer(t)
	inAnHour := time.Now().Add(time.Hour)
	everything, reading := testenv.Grant{Verbs: everyVerb}, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}}
	ofGroup := testenv.Grant{Namespace: red, Verbs: everyVerb, Group: "staff"}
	forged := func(name string, claims accesstest.Claims) *caller {
		c := w.nobody(t, name, nil, nil)
		c.token = other.Token(t, w.claims(name+"@example.org", claims))
		return c
	}
	proven := []*caller{
		w.person(t, "oidc-without-rights", nil),
		w.person(t, "oidc-reader-of-one", nil, reading),
		w.person(t, "oidc-by-group", accesstest.Claims{"groups": []string{"staff"}}, ofGroup),
		w.person(t, "oidc-cluster-wide", nil, everything),
		w.person(t, "oidc-two-audiences", accesstest.Claims{"aud": []string{"https://elsewhere.test", testenv.Audience}}, everything),
	}
	w.tryCallers(t, slices.Concat(proven, []*caller{
		{name: "oidc-no-token"},
		w.nobody(t, "oidc-alg-none", func(good string) string { return accesstest.Unsigned(good, "none") }, nil),
		w.nobody(t, "oidc-hs256", func(good string) string { return w.issuer.SignByPublicKey(t, good) }, nil),
		forged("oidc-wrong-issuer", nil),
		forged("oidc-wrong-issuer-right-iss", accesstest.Claims{"iss": w.issuer.URL}),
		w.nobody(t, "oidc-wrong-audience", nil, accesstest.Claims{"aud": "https://elsewhere.test"}),
		w.nobody(t, "oidc-future-nbf", nil, accesstest.Claims{"nbf": inAnHour.Unix(), "exp": inAnHour.Add(time.Hour).Unix()}),
		w.nobody(t, "oidc-expired", nil, accesstest.Claims{"exp": inAnHour.Add(-2 * time.Hour).Unix()}),
		w.nobody(t, "oidc-unverified-email", nil, accesstest.Claims{"email_verified": false}),
		w.nobody(t, "oidc-masters", nil, accesstest.Claims{"groups": []string{"system:masters"}}),
		w.nobody(t, "oidc-admin", nil, accesstest.Claims{"email": "system:admin"}),
		w.nobody(t, "oidc-made-up-kid", func(good string) string { return accesstest.ReplaceHeader(good, `{"alg":"RS256","kid":"made-up"}`) }, nil),
		// Those of the API server are ServiceAccounts', which this server asks nobody about.
		w.serviceAccount(t),
	}))
	w.tryChanges(t, proven)
	w.tryRotatedKey(t, proven[1])
	w.tryMadeUpKeys(t)
	w.tryIssuerAway(t, proven[1:4])
}

func (w oidcWorld) serviceAccount(t *testing.T) *caller {
	t.Helper()
	c, err := w.newCaller(t.Context(), "oidc-service-account", testenv.TokenOptions{}, testenv.Grant{Verbs: everyVerb})
	require.NoError(t, err)
	c.user = nil
	return c
}

// tryChanges has each caller make a prompt: the controller proves them once more, by the same issuer.
func (w oidcWorld) tryChanges(t *testing.T, callers []*caller) {
	t.Helper()
	may := []string{"oidc-by-group", "oidc-cluster-wide"}
	for _, c := range callers {
		reply := w.change(t, c, red, "add_prompt", object{"name": "Of " + c.name, "content": "Added."})
		if published := strings.Contains(reply.Body, `"state":"published"`); published != slices.Contains(may, c.name) {
			t.Errorf("add_prompt of %s: %s", c.name, reply.Body)
		}
		made := newPrompt(red, "of-"+c.name)
		if err := w.api.Get(t.Context(), client.ObjectKeyFromObject(made), made); (err == nil) != slices.Contains(may, c.name) {
			t.Errorf("the object that %s wanted: %v", c.name, err)
		} else if err == nil {
			if by := made.Annotations["lectern.dev/changed-by"]; by != c.user.UserName {
				t.Errorf("changed by %q, not %q", by, c.user.UserName)
			}
			require.NoError(t, w.api.Delete(t.Context(), made))
		}
	}
	require.NoError(t, w.waitUntilPublished(t.Context()))
}

// tryRotatedKey has the issuer take a new key: tokens of both are good as long as it publishes both.
func (w oidcWorld) tryRotatedKey(t *testing.T, before *caller) {
	t.Helper()
	w.issuer.AddKey(t, jose.ES256)
	began := time.Now()
	rotated := w.person(t, "oidc-rotated", nil, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}})
	w.waitForRights(t, rotated)
	t.Logf("a new key is known after %.1f s", time.Since(began).Seconds())
	w.tryCallers(t, []*caller{rotated, before})
}

// tryMadeUpKeys sends tokens with 1,000 made-up key ids, and counts what the issuer is asked meanwhile.
func (w oidcWorld) tryMadeUpKeys(t *testing.T) {
	t.Helper()
	good := w.person(t, "oidc-kids", nil).token
	before, began := w.issuer.KeyFetches.Load(), time.Now()
	var senders sync.WaitGroup
	for at := range 8 {
		senders.Go(func() {
			for i := range 125 {
				c := &caller{token: accesstest.ReplaceHeader(good, fmt.Sprintf(`{"alg":"RS256","kid":"made-up-%d-%d"}`, at, i))}
				if reply := w.send(t, c, "/mcp", transporttest.Request{RPC: "prompts/list"}); reply.Status != http.StatusUnauthorized {
					t.Errorf("a made-up key is answered with %d %s", reply.Status, reply.Body)
				}
			}
		})
	}
	senders.Wait()
	took, fetches := time.Since(began), w.issuer.KeyFetches.Load()-before
	t.Logf("1,000 made-up key ids at 2 servers in %.1f s: %d fetches of keys", took.Seconds(), fetches)
	if most := 2 * (int64(took/(10*time.Second)) + 1); fetches > most {
		t.Errorf("%d fetches of keys, and at most %d may be", fetches, most)
	}
}

// tryIssuerAway has the issuer answer nobody: who has a token of a known key gets in, and nobody knows about any other.
func (w oidcWorld) tryIssuerAway(t *testing.T, proven []*caller) {
	t.Helper()
	w.issuer.SetAway(true)
	defer w.issuer.SetAway(false)
	w.mayBeUndecided.Store(true)
	defer w.mayBeUndecided.Store(false)
	fresh := w.person(t, "oidc-away", nil, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}})
	unknown := *fresh
	w.issuer.AddKey(t, jose.ES256)
	payload, err := json.Marshal(w.issuer.NewClaims(w.claims("oidc-away@example.org", nil)))
	require.NoError(t, err)
	unknown.token = w.issuer.Sign(t, payload, nil)
	for range w.Endpoints {
		require.Eventually(t, func() error { // until 10 s after the last fetch nobody asks the issuer, and the answer is no
			reply := w.send(t, &unknown, "/mcp", transporttest.Request{RPC: "prompts/list"})
			if reply.Status == http.StatusUnauthorized {
				return fmt.Errorf("%d %s", reply.Status, reply.Body)
			}
			if reply.Status != http.StatusServiceUnavailable || reply.Header.Get("Retry-After") == "" || strings.Contains(reply.Body, "zq") {
				t.Errorf("a new key while the issuer is away: %d %s", reply.Status, reply.Body)
			}
			return nil
		})
	}
	w.mayBeUndecided.Store(false) // of these keys are known
	w.tryCallers(t, append(slices.Clone(proven), fresh))
}

package egress

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/egress/egresstest"
)

func mustNewClient(t *testing.T, o Options) *http.Client {
	t.Helper()
	client, err := NewClient(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func get(t *testing.T, client *http.Client, target string) (status int, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Zoho-oauthtoken canary")
	answer, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	return answer.StatusCode, nil
}

func TestClient_NameThatResolvesToWhatIsRefused(t *testing.T) {
	t.Parallel()
	a := egresstest.Listen(t)
	name := "http://desk.example.org:" + a.Port
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1", "10.96.0.1", "10.244.1.1"} {
		client := mustNewClient(t, Options{
			Rules: mustParseRules(t, name), Resolver: egresstest.NewResolver(t, address),
			APIServer: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		})
		_, err := get(t, client, name)
		var refused *NotAllowedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, address) {
			t.Errorf("%s: %v", address, err)
		}
	}
	a.HeardNothing(t)
}

// TestClient_NameThatResolvesDifferentlyTheSecondTime: the first answer may be connected to, the second is the attacker's.
func TestClient_NameThatResolvesDifferentlyTheSecondTime(t *testing.T) {
	t.Parallel()
	a := egresstest.Listen(t)
	name := "http://desk.example.org:" + a.Port
	client := mustNewClient(t, Options{Rules: mustParseRules(t, name), Resolver: egresstest.NewResolver(t, "192.0.2.1", "127.0.0.1")})
	g, is := client.Transport.(*guard)
	if !is {
		t.Fatal("no guard")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var admitted []string
	g.admitted = func(addr netip.Addr) { admitted = append(admitted, addr.String()); cancel() } // nothing is sent to a network
	if connection, err := g.dial(ctx, "tcp", strings.TrimPrefix(name, "http://")); err == nil {
		t.Errorf("a connection was made: %v", connection.Close())
	}
	var refused *NotAllowedError
	if _, err := get(t, client, name); !errors.As(err, &refused) || !strings.Contains(refused.Reason, "loopback") {
		t.Errorf("the second answer: %v", err)
	}
	if len(admitted) != 1 || admitted[0] != "192.0.2.1" {
		t.Errorf("admitted: %v", admitted)
	}
	a.HeardNothing(t)
}

func TestClient_HostThatIsNotListed(t *testing.T) {
	t.Parallel()
	a := egresstest.Listen(t)
	client := mustNewClient(t, Options{Rules: mustParseRules(t, "desk.example.org", "127.0.0.1:1"), Resolver: egresstest.NewResolver(t, "127.0.0.1")})
	for _, target := range []string{a.URL, "http://localhost:" + a.Port, "http://[::ffff:127.0.0.1]:" + a.Port, "https://desk.example.org:" + a.Port, "http://x@127.0.0.1:" + a.Port} {
		var refused *NotAllowedError
		if _, err := get(t, client, target); !errors.As(err, &refused) {
			t.Errorf("%s: %v", target, err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://desk.example.org", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Host = "evil.example"
	if answer, err := client.Do(request); err == nil {
		answer.Body.Close()
		t.Error("a request with another Host went out")
	}
	a.HeardNothing(t)
}

// TestClient_FollowsNoRedirect: not to the attacker, and not to an allowed host either.
func TestClient_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	a := egresstest.Listen(t)
	var served atomic.Int64
	redirecting := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served.Add(1)
		http.Redirect(w, r, map[string]string{"/away": a.URL, "/here": "/elsewhere"}[r.URL.Path], http.StatusTemporaryRedirect)
	}))
	t.Cleanup(redirecting.Close)
	client := mustNewClient(t, Options{Rules: mustParseRules(t, redirecting.URL, a.URL)})
	for _, path := range []string{"/away", "/here"} {
		if status, err := get(t, client, redirecting.URL+path); err != nil || status != http.StatusTemporaryRedirect {
			t.Errorf("%s: %d %v", path, status, err)
		}
	}
	if served.Load() != 2 {
		t.Errorf("%d requests were made", served.Load())
	}
	a.HeardNothing(t)
}

func TestClient_IgnoresProxyVariables(t *testing.T) {
	a := egresstest.Listen(t)
	for _, variable := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(variable, a.URL)
	}
	served := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(served.Close)
	name := "http://desk.example.org:" + a.Port
	client := mustNewClient(t, Options{Rules: mustParseRules(t, served.URL, name), Resolver: egresstest.NewResolver(t, "127.0.0.1")})
	if status, err := get(t, client, served.URL); err != nil || status != http.StatusOK {
		t.Errorf("%d %v", status, err)
	}
	if _, err := get(t, client, name); err == nil {
		t.Error("a name that is loopback was reached")
	}
	a.HeardNothing(t)
}

// TestClient_Proxy: the proxy is asked for every host, resolves it, and gets nothing for a host that is not listed.
func TestClient_Proxy(t *testing.T) {
	t.Parallel()
	var asked []string
	var mu sync.Mutex
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.Method+" "+r.RequestURI+" "+r.Header.Get("Proxy-Authorization"))
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	t.Cleanup(proxy.Close)
	via, err := ParseProxy(strings.Replace(proxy.URL, "http://", "http://u:p@", 1))
	if err != nil {
		t.Fatal(err)
	}
	client := mustNewClient(t, Options{Rules: mustParseRules(t, "http://fake.example.org", "desk.example.org"), Proxy: via})
	if status, err := get(t, client, "http://fake.example.org/x"); err != nil || status != http.StatusOK {
		t.Errorf("%d %v", status, err)
	}
	if _, err := get(t, client, "https://desk.example.org/x"); err == nil {
		t.Error("the proxy refused")
	}
	var refused *NotAllowedError
	if _, err := get(t, client, "https://evil.example/x"); !errors.As(err, &refused) {
		t.Errorf("a host that is not listed: %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if got, want := strings.Join(asked, "; "), "GET http://fake.example.org/x Basic dTpw; CONNECT desk.example.org:443 Basic dTpw"; got != want {
		t.Errorf("the proxy was asked %s", got)
	}
}

func TestParseProxy_Refuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "proxy:3128", "socks5://p.example", "http://", "http://p.example/path", "http://p.example?x", "http://u:secret@p.example:bad"} {
		if _, err := ParseProxy(text); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := NewClient(Options{Proxy: &url.URL{Scheme: "ftp", Host: "x"}}); err == nil {
		t.Error("an ftp proxy is taken")
	}
}

// TestClient_CABundle: a server whose certificate is in the bundle is trusted, and no other; an address that is listed needs no name.
func TestClient_CABundle(t *testing.T) {
	t.Parallel()
	served := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	served.Config.ErrorLog = nil
	served.StartTLS()
	t.Cleanup(served.Close)
	bundle := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: served.Certificate().Raw})
	rules := mustParseRules(t, served.URL)
	if status, err := get(t, mustNewClient(t, Options{Rules: rules, CABundle: bundle}), served.URL); err != nil || status != http.StatusOK {
		t.Errorf("with the bundle: %d %v", status, err)
	}
	if _, err := get(t, mustNewClient(t, Options{Rules: rules}), served.URL); err == nil {
		t.Error("a certificate that nobody signed is trusted")
	}
	if _, err := NewClient(Options{Rules: rules, CABundle: []byte("no PEM")}); err == nil {
		t.Error("a bundle without a certificate is taken")
	}
}

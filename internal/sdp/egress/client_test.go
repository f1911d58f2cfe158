package egress

import (
	"context"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
)

// attacker is a server that counts what reaches it.
type attacker struct {
	*httptest.Server
	connections, requests atomic.Int64
}

func newAttacker(t *testing.T) *attacker {
	t.Helper()
	a := &attacker{}
	a.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { a.requests.Add(1); w.WriteHeader(http.StatusTeapot) }))
	a.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.connections.Add(1)
		}
	}
	a.Start()
	t.Cleanup(a.Close)
	return a
}

func (a *attacker) port(t *testing.T) string {
	t.Helper()
	_, port, err := net.SplitHostPort(a.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func (a *attacker) heardNothing(t *testing.T) {
	t.Helper()
	if n := a.connections.Load(); n != 0 {
		t.Errorf("the attacker was reached by %d connections", n)
	}
}

// newResolver answers each question for an IPv4 address with the next of addresses, and the last one for ever.
func newResolver(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	var asked atomic.Int64
	var serving sync.WaitGroup
	t.Cleanup(serving.Wait)
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		serving.Go(func() {
			defer func() { _ = server.Close() }()
			var size [2]byte
			for {
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				answer := answerQuestion(question, func() string { return addresses[min(int(asked.Add(1)), len(addresses))-1] })
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...)); err != nil {
					return
				}
			}
		})
		return client, nil
	}}
}

func answerQuestion(question []byte, next func() string) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		panic(fmt.Sprintf("not one question: %v", err))
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	if asked := m.Questions[0]; asked.Type == dnsmessage.TypeA {
		if addr := netip.MustParseAddr(next()); addr.Is4() {
			m.Answers = []dnsmessage.Resource{{
				Header: dnsmessage.ResourceHeader{Name: asked.Name, Type: asked.Type, Class: asked.Class},
				Body:   &dnsmessage.AResource{A: addr.As4()},
			}}
		}
	}
	answer, err := m.Pack()
	if err != nil {
		panic(err)
	}
	return answer
}

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
	a := newAttacker(t)
	name := "http://desk.example.org:" + a.port(t)
	for _, address := range []string{"127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "224.0.0.1", "10.96.0.1", "10.244.1.1"} {
		client := mustNewClient(t, Options{
			Rules: mustParseRules(t, name), Resolver: newResolver(t, address),
			APIServer: []netip.Addr{netip.MustParseAddr("10.96.0.1")}, ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		})
		_, err := get(t, client, name)
		var refused *NotAllowedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Reason, address) {
			t.Errorf("%s: %v", address, err)
		}
	}
	a.heardNothing(t)
}

// TestClient_NameThatResolvesDifferentlyTheSecondTime: the first answer may be connected to, the second is the attacker's.
func TestClient_NameThatResolvesDifferentlyTheSecondTime(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	name := "http://desk.example.org:" + a.port(t)
	client := mustNewClient(t, Options{Rules: mustParseRules(t, name), Resolver: newResolver(t, "192.0.2.1", "127.0.0.1")})
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
	a.heardNothing(t)
}

func TestClient_HostThatIsNotListed(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
	client := mustNewClient(t, Options{Rules: mustParseRules(t, "desk.example.org", "127.0.0.1:1"), Resolver: newResolver(t, "127.0.0.1")})
	for _, target := range []string{a.URL, "http://localhost:" + a.port(t), "http://[::ffff:127.0.0.1]:" + a.port(t), "https://desk.example.org:" + a.port(t), "http://x@127.0.0.1:" + a.port(t)} {
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
	a.heardNothing(t)
}

// TestClient_FollowsNoRedirect: not to the attacker, and not to an allowed host either.
func TestClient_FollowsNoRedirect(t *testing.T) {
	t.Parallel()
	a := newAttacker(t)
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
	a.heardNothing(t)
}

func TestClient_IgnoresProxyVariables(t *testing.T) {
	a := newAttacker(t)
	for _, variable := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(variable, a.URL)
	}
	served := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(served.Close)
	name := "http://desk.example.org:" + a.port(t)
	client := mustNewClient(t, Options{Rules: mustParseRules(t, served.URL, name), Resolver: newResolver(t, "127.0.0.1")})
	if status, err := get(t, client, served.URL); err != nil || status != http.StatusOK {
		t.Errorf("%d %v", status, err)
	}
	if _, err := get(t, client, name); err == nil {
		t.Error("a name that is loopback was reached")
	}
	a.heardNothing(t)
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

package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog"
)

// guarded is a server that asks a real API server who calls, over TLS.
type guarded struct {
	url, metrics string
	http         *http.Client
	callers      *testenv.Callers
	files        tlsOptions
	plane        *testenv.ControlPlane
}

// startGuarded starts a server of one prompt with flags of authentication and with limits.
func startGuarded(t *testing.T, flags ...string) *guarded {
	t.Helper()
	ctx := context.Background()
	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	g := &guarded{plane: plane}
	g.callers, err = plane.Callers()
	require.NoError(t, err)
	kubeconfig, err := plane.CreateServerAccount(ctx, g.callers)
	require.NoError(t, err)

	dir, prompts := t.TempDir(), t.TempDir()
	g.files = tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	g.rotate(t, 1)
	write(t, filepath.Join(prompts, "greeting.yaml"), []byte("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: greeting}\nspec: {text: Hello.}\n"))
	opts := Options{
		Addresses: []string{testenv.FreeAddress(t)}, MetricsAddress: testenv.FreeAddress(t), TLS: g.files, CatalogBytes: catalog.DefaultBytes, Prompts: prompts,
		Auth: parseAuth(append([]string{"--auth=kubernetes", "--public-url=https://prompts.example.org", "--kubeconfig=" + kubeconfig}, flags...)...),
	}
	g.url, g.metrics = "https://"+opts.Addresses[0]+"/mcp", "http://"+opts.MetricsAddress
	runUntilEnd(t, opts)
	g.http = &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	require.Until(t, "ready", func() bool {
		response, err := g.http.Get(g.metrics + "/readyz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	})
	return g
}

// rotate gives the server another certificate, which is the only one that is trusted then.
func (g *guarded) rotate(t *testing.T, number int64) *x509.CertPool {
	t.Helper()
	cert, key := newPair(t, number)
	write(t, g.files.certFile, cert)
	write(t, g.files.keyFile, key)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(cert)
	return roots
}

// createCaller makes an account and returns a token of it.
func (g *guarded) createCaller(t *testing.T, name, audience string, verbs ...string) string {
	t.Helper()
	account := testenv.Account{Namespace: "default", Name: name}
	require.NoError(t, g.callers.CreateAccount(t.Context(), account))
	if len(verbs) > 0 {
		require.NoError(t, g.callers.Grant(t.Context(), testenv.Grant{Name: name, Namespace: "default", Account: account, Verbs: verbs}))
	}
	token, err := g.callers.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{audience}})
	require.NoError(t, err)
	return token
}

// ask asks for the prompt and returns status, challenge and the beginning of the answer.
func (g *guarded) ask(t *testing.T, url string, header http.Header) string {
	t.Helper()
	body := `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"default.greeting"}}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	require.NoError(t, err)
	r.Header = header.Clone()
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	response, err := g.http.Do(r)
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return fmt.Sprint(response.StatusCode, " ", response.Header.Get("Www-Authenticate"), " ", strings.TrimSpace(string(content)))
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

const audience = "https://prompts.example.org/mcp"

// TestRun_Authenticated: real tokens of a real API server, over TLS: in the one header and nowhere else.
func TestRun_Authenticated(t *testing.T) {
	t.Parallel()
	g := startGuarded(t)
	good := g.createCaller(t, "reader", audience, "get", "list")
	stranger := g.createCaller(t, "stranger", audience)
	elsewhere := g.createCaller(t, "elsewhere", "https://other.example.org/mcp", "get", "list")
	const hello, unknown, misplaced = "Hello.", "no such prompt, or not yours to read", "send one header, Authorization: Bearer TOKEN"
	for name, tc := range map[string]struct {
		url    string
		header http.Header
		want   []string
	}{
		"a token":                   {g.url, bearer(good), []string{"200  ", hello}},
		"a token without rights":    {g.url, bearer(stranger), []string{"200  ", unknown}},
		"for another audience":      {g.url, bearer(elsewhere), []string{"401 Bearer the token is not valid here"}},
		"nothing":                   {g.url, http.Header{}, []string{"401 Bearer a token is needed"}},
		"garbage":                   {g.url, bearer("garbage"), []string{"401 Bearer the token is not valid here"}},
		"a changed token":           {g.url, bearer(good[:len(good)-4] + "AAAA"), []string{"401 Bearer the token is not valid here"}},
		"in the query":              {g.url + "?access_token=" + good, http.Header{}, []string{"400  ", misplaced}},
		"in the query, too":         {g.url + "?access_token=" + good, bearer(good), []string{"400  ", misplaced}},
		"in a cookie":               {g.url, http.Header{"Cookie": {"access_token=" + good}}, []string{"400  ", misplaced}},
		"in another cookie":         {g.url, http.Header{"Cookie": {"session=" + good}}, []string{"401 Bearer a token is needed"}},
		"in two headers":            {g.url, http.Header{"Authorization": {"Bearer " + good, "Bearer " + good}}, []string{"400  ", misplaced}},
		"in two headers, one alone": {g.url, http.Header{"Authorization": {"Bearer " + good, "Basic x"}}, []string{"400  ", misplaced}},
		"from a web page":           {g.url, http.Header{"Authorization": {"Bearer " + good}, "Origin": {"https://evil.example"}}, []string{"403  "}},
		"where clients look for an issuer": {
			strings.TrimSuffix(g.url, "/mcp") + "/.well-known/oauth-protected-resource/mcp", http.Header{}, []string{"404  "},
		},
	} {
		got := g.ask(t, tc.url, tc.header)
		for i, want := range tc.want {
			if i == 0 && !strings.HasPrefix(got, want) || !strings.Contains(got, want) {
				t.Errorf("%s: %s", name, got)
			}
		}
		if strings.Contains(got, good) {
			t.Errorf("%s: the answer has the token in it", name)
		}
	}
	response, err := g.http.Get(g.metrics + "/metrics")
	require.NoError(t, err)
	defer response.Body.Close()
	metrics, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	for _, want := range []string{
		`lectern_auth_refusals_total{reason="misplaced_token"} 5`, `lectern_auth_refusals_total{reason="no_token"} 2`,
		`lectern_auth_refusals_total{reason="invalid_token"} 3`, `lectern_auth_refusals_total{reason="origin"} 1`,
		`lectern_rate_limit_refusals_total{limit="prompts"} 0`, "lectern_tls_certificate_expiry_timestamp_seconds",
	} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
	if strings.Contains(string(metrics), "reader") || strings.Contains(string(metrics), "serviceaccount") {
		t.Error("a metric names a caller")
	}

	roots := g.rotate(t, 2)
	trusting := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: roots}}}
	require.Until(t, "the new certificate is served", func() bool {
		response, err := trusting.Get(strings.TrimSuffix(g.url, "/mcp"))
		return err == nil && response.Body.Close() == nil
	})
	g.http = trusting
	if got := g.ask(t, g.url, bearer(good)); !strings.Contains(got, hello) {
		t.Errorf("after the rotation: %s", got)
	}
	require.NoError(t, os.Remove(g.files.keyFile)) // the last good pair stays
	if got := g.ask(t, g.url, bearer(good)); !strings.Contains(got, hello) {
		t.Errorf("without its key file: %s", got)
	}
	g.plane.StopServers()
	if got := g.ask(t, g.url, bearer("never-seen")); !strings.HasPrefix(got, "503  callers cannot be authenticated now; try again in 2 s") {
		t.Errorf("with the API server away: %s", got)
	}
}

// TestRun_Limits: every limit is a flag.
func TestRun_Limits(t *testing.T) {
	t.Parallel()
	// So rarely that no request is allowed again because the machine was busy.
	g := startGuarded(t, "--prompts-per-second=0.01", "--failed-authentications-per-second=0.05", "--allowed-origins=https://chat.example.org", "--audience=one", "--audience=two")
	first := g.createCaller(t, "first", "one", "get", "list")
	second := g.createCaller(t, "second", "two", "get", "list")
	limited := regexp.MustCompile(`"code":429,"message":"too many requests of this caller; try again in \d+ s","data":{"retryAfterSeconds":\d+}`)
	for i, want := range []*regexp.Regexp{regexp.MustCompile(`Hello\.`), limited} {
		header := bearer(first)
		header.Set("Origin", "https://chat.example.org")
		if got := g.ask(t, g.url, header); !strings.HasPrefix(got, "200  ") || !want.MatchString(got) {
			t.Errorf("request %d of the first caller: %s", i, got)
		}
	}
	if got := g.ask(t, g.url, bearer("a-guess")); !strings.HasPrefix(got, "401 ") {
		t.Errorf("a guess: %s", got)
	}
	if got := g.ask(t, g.url, bearer("another-guess")); !strings.HasPrefix(got, "429  too many invalid tokens came from this address; try again in ") {
		t.Errorf("another guess: %s", got)
	}
	if got := g.ask(t, g.url, bearer(first)); !strings.HasPrefix(got, "200  ") {
		t.Errorf("the first caller, at the same address: %s", got)
	}
	require.Until(t, "the second caller, new at that address, is let in", func() bool {
		return strings.Contains(g.ask(t, g.url, bearer(second)), "Hello.")
	})
}

package connect

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

var (
	reader   = testenv.Account{Namespace: "agents", Name: "reader"}
	stranger = testenv.Account{Namespace: "agents", Name: "stranger"}
)

// world is a server that authenticates its callers, and what makes those.
type world struct {
	*testenv.Callers
	binary string
	// prompts is the folder that is served at endpoint.
	prompts, endpoint string

	mu sync.Mutex
	// tokens are all there were, and said all that clients were shown beside messages.
	tokens []string
	said   []*strings.Builder
}

func startWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	binary, err := testenv.Build(ctx, "")
	require.NoError(t, err)
	plane, err := testenv.StartControlPlane(ctx, testenv.ControlPlaneOptions{})
	require.NoError(t, err)
	t.Cleanup(plane.Stop)
	callers, err := plane.Callers()
	require.NoError(t, err)
	kubeconfig, err := plane.CreateServerAccount(ctx, callers)
	require.NoError(t, err)
	for _, account := range []testenv.Account{reader, stranger} {
		require.NoError(t, callers.CreateAccount(ctx, account))
	}
	require.NoError(t, callers.Grant(ctx, testenv.Grant{Name: "readers", Namespace: "default", Account: reader, Verbs: []string{"get", "list"}}))
	w := &world{Callers: callers, binary: binary, prompts: t.TempDir()}
	w.writePrompt(t, "greeting")
	w.startServer(t, kubeconfig)
	return w
}

func (w *world) startServer(t *testing.T, kubeconfig string) {
	t.Helper()
	var ports [2]int
	for i := range ports {
		var err error
		ports[i], err = testenv.FreePort()
		require.NoError(t, err)
	}
	server, err := testenv.StartStandalone(t.Context(), testenv.Process{
		Name: "lectern", Path: w.binary, Ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", ports[1]),
		Args: []string{
			"server", "--prompts=" + w.prompts, fmt.Sprintf("--address=127.0.0.1:%d", ports[0]), fmt.Sprintf("--metrics-address=127.0.0.1:%d", ports[1]),
			"--auth=kubernetes", "--audience=" + testenv.Audience, "--kubeconfig=" + kubeconfig,
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	w.endpoint = fmt.Sprintf("http://127.0.0.1:%d/mcp", ports[0])
}

func (w *world) writePrompt(t *testing.T, name string) {
	t.Helper()
	manifest := fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: Prompt\nmetadata: {name: %s, namespace: default}\nspec: {text: Be kind.}\n", name)
	require.NoError(t, os.WriteFile(filepath.Join(w.prompts, name+".yaml"), []byte(manifest), 0o600))
}

// token returns a token of an account.
func (w *world) token(t *testing.T, account testenv.Account, expires time.Time) string {
	t.Helper()
	token, err := w.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: []string{testenv.Audience}, Expires: expires})
	require.NoError(t, err)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens = append(w.tokens, token)
	return token
}

// tokenFile is one that a kubelet writes to, by renaming.
type tokenFile string

func newTokenFile(t *testing.T, token string) tokenFile {
	t.Helper()
	f := tokenFile(filepath.Join(t.TempDir(), "token"))
	f.replace(t, token)
	return f
}

func (f tokenFile) replace(t *testing.T, token string) {
	t.Helper()
	require.NoError(t, os.WriteFile(string(f)+".new", []byte(token), 0o600))
	require.NoError(t, os.Rename(string(f)+".new", string(f)))
}

// command returns lectern connect, with what it says on stderr kept.
func (w *world) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(w.binary, append([]string{"connect", "--log-level=debug"}, args...)...)
	said := &strings.Builder{}
	cmd.Stderr = said
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, said)
	return cmd
}

// start has an independent client start lectern connect.
func (w *world) start(t *testing.T, endpoint string, file tokenFile, version string, changed func()) *mcp.ClientSession {
	t.Helper()
	var opts mcp.ClientOptions
	if changed != nil {
		opts.PromptListChangedHandler = func(context.Context, *mcp.PromptListChangedRequest) { changed() }
	}
	client := mcp.NewClient(&mcp.Implementation{Name: "independent", Version: "1"}, &opts)
	transport := &mcp.CommandTransport{Command: w.command(t, endpoint, "--token-file="+string(file)), TerminateDuration: wait.Patience}
	session, err := client.Connect(t.Context(), transport,
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	require.NoError(t, err)
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// get returns the text of a prompt, or the error. Lists would come from the client's own cache. It asks again where the API server did
// not answer the server in time.
func get(t *testing.T, session *mcp.ClientSession) (said string) {
	t.Helper()
	require.Eventually(t, func() error {
		got, err := session.GetPrompt(t.Context(), &mcp.GetPromptParams{Name: "greeting"})
		if err != nil {
			if said = err.Error(); strings.Contains(said, "status 503") || strings.Contains(said, "cannot be checked now") {
				return err
			}
			return nil
		}
		text, _ := got.Messages[0].Content.(*mcp.TextContent)
		said = text.Text
		return nil
	})
	return said
}

func TestConnect(t *testing.T) {
	w := startWorld(t)
	for _, version := range []string{"2026-07-28", "2025-11-25", "2025-06-18"} {
		t.Run("tokens change, "+version, func(t *testing.T) { w.testTokensChange(t, version) })
	}
	t.Run("a token expires before it is used", w.testTokenExpired)
	t.Run("a change is told", w.testChangeIsTold)
	t.Run("check", w.testCheck)
	w.requireNoTokenSaid(t)
}

// testTokensChange has one session outlive its tokens: what it may see follows the file.
func (w *world) testTokensChange(t *testing.T, version string) {
	good := w.token(t, reader, time.Time{})
	file := newTokenFile(t, good)
	session := w.start(t, w.endpoint, file, version, nil)
	if got := session.InitializeResult().ProtocolVersion; version != "2026-07-28" && got != version {
		t.Errorf("negotiated %s", got)
	}
	for _, step := range []struct{ what, token, want string }{
		{"the same", good, "Be kind."},
		{"another account's", w.token(t, stranger, time.Time{}), "no such prompt, or not yours to read"},
		{"the next one", w.token(t, reader, time.Time{}), "Be kind."},
		{"an expired one", w.token(t, reader, time.Now().Add(-time.Hour)), "the server answered with status 401: the token is not valid here"},
		{"none", "", "is empty: it must hold a token"},
		{"a good one again", w.token(t, reader, time.Time{}), "Be kind."},
	} {
		file.replace(t, step.token)
		if got := get(t, session); !strings.Contains(got, step.want) {
			t.Errorf("with %s: %s, not %s", step.what, got, step.want)
		}
	}
	require.NoError(t, session.Close())
}

// testTokenExpired replaces the token between its reading and its use.
func (w *world) testTokenExpired(t *testing.T) {
	good := w.token(t, reader, time.Time{})
	expired := w.token(t, reader, time.Now().Add(-time.Hour))
	file := newTokenFile(t, good)
	target, err := url.Parse(w.endpoint)
	require.NoError(t, err)
	var gets atomic.Int32
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = target.Scheme, target.Host }}
	proxy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") == "prompts/get" {
			gets.Add(1)
		}
		if strings.HasSuffix(r.Header.Get("Authorization"), expired) {
			file.replace(t, good)
		}
		forward.ServeHTTP(rw, r)
	}))
	defer proxy.Close()
	session := w.start(t, proxy.URL, file, "2026-07-28", nil)
	if got, want := get(t, session), "Be kind."; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	before := gets.Load()
	file.replace(t, expired)
	if got, want := get(t, session), "Be kind."; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if more := gets.Load() - before; more != 2 {
		t.Errorf("%d requests, not the refused one and another", more)
	}
}

// testChangeIsTold: a stream stays open through the bridge, and calls are made beside it.
func (w *world) testChangeIsTold(t *testing.T) {
	told := make(chan struct{}, 16)
	session := w.start(t, w.endpoint, newTokenFile(t, w.token(t, reader, time.Time{})), "2026-07-28", func() {
		select {
		case told <- struct{}{}:
		default:
		}
	})
	require.Eventually(t, func() error { // the client opens its stream beside its first calls
		w.writePrompt(t, fmt.Sprintf("added-%d", time.Now().UnixNano()))
		select {
		case <-told:
			return nil
		case <-time.After(500 * time.Millisecond):
			return errors.New("no change was told")
		}
	})
	if got, want := get(t, session), "Be kind."; got != want {
		t.Errorf("beside the stream: %s, not %s", got, want)
	}
	require.NoError(t, session.Close())
}

// testCheck is what health checks run.
func (w *world) testCheck(t *testing.T) {
	good := newTokenFile(t, w.token(t, stranger, time.Time{}))
	expired := newTokenFile(t, w.token(t, reader, time.Now().Add(-time.Hour)))
	closed, err := testenv.FreePort()
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		args []string
		want string // on stderr, when it ends with 1
	}{
		"good":          {[]string{w.endpoint, "--token-file=" + string(good)}, ""},
		"of a server":   {[]string{strings.TrimSuffix(w.endpoint, "/mcp"), "--token-file=" + string(good)}, ""},
		"expired":       {[]string{w.endpoint, "--token-file=" + string(expired)}, "the server answered with status 401: the token is not valid here"},
		"without token": {[]string{w.endpoint}, "the server answered with status 401: "},
		"no such file":  {[]string{w.endpoint, "--token-file=/none"}, "read --token-file: open /none"},
		"no server":     {[]string{fmt.Sprintf("http://127.0.0.1:%d", closed)}, "the server cannot be reached"},
		"no URL":        {[]string{"lectern"}, "that is not the URL of an MCP endpoint"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := w.command(t, append(tc.args, "--check")...)
			printed, err := cmd.Output()
			said := fmt.Sprint(cmd.Stderr)
			var exit *exec.ExitError
			switch {
			case tc.want == "":
				require.NoError(t, err)
				if !strings.Contains(string(printed), "is served by lectern") {
					t.Errorf("printed %q", printed)
				}
			case !errors.As(err, &exit) || exit.ExitCode() != 1 || len(printed) > 0 || !strings.Contains(said, tc.want):
				t.Errorf("%v, %q and %q", err, printed, said)
			}
		})
	}
}

// requireNoTokenSaid looks for any 12 bytes of a token in what was logged, but for what all tokens begin with.
func (w *world) requireNoTokenSaid(t *testing.T) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	var found []string
	lines := 0
	for _, said := range w.said {
		lines += strings.Count(said.String(), "\n")
		for _, token := range w.tokens {
			for at := 0; at+12 <= len(token); at++ {
				if strings.Contains(said.String(), token[at:at+12]) {
					found = append(found, token[at:at+12])
				}
			}
		}
	}
	if diff := cmp.Diff([]string(nil), slices.Compact(found)); diff != "" || lines == 0 || len(w.tokens) < 10 {
		t.Errorf("parts of %d tokens are in %d lines of the log: %s", len(w.tokens), lines, diff)
	}
}

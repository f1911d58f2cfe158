package scenarios

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// leakSize is how many bytes of a token in a row are a leak.
const leakSize = 12

// leakSearch finds parts of tokens, as they are and as hexadecimal digits.
type leakSearch map[string]struct{}

func newLeakSearch(tokens ...string) leakSearch {
	parts := leakSearch{}
	for _, token := range tokens {
		for i := range len(token) - leakSize + 1 {
			parts[token[i:i+leakSize]] = struct{}{}
			parts[hex.EncodeToString([]byte(token[i:i+leakSize/2]))] = struct{}{}
		}
	}
	return parts
}

// find returns where the first part is in a text, and what surrounds it; -1 where none is.
func (s leakSearch) find(text []byte) (at int, around string) {
	for i := range len(text) - leakSize + 1 {
		if _, is := s[string(text[i:i+leakSize])]; is {
			return i, string(text[max(0, i-200):min(len(text), i+100)])
		}
	}
	return -1, ""
}

// testHiddenTokens sends a real token with every request, in the right place and in wrong ones, to servers that log all they can, and
// searches what is left of it: logs, spans, metrics, the database, objects.
func testHiddenTokens(t *testing.T) {
	s := openNamespace(t, authenticatedStack(t))
	ctx := t.Context()
	talkative := []string{"LECTERN_LOG_LEVEL=debug-5", "OTEL_TRACES_EXPORTER=console"}
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		require.NoError(t, s.Restart(ctx, name, talkative...))
	}
	editor, stranger := testenv.Account{Namespace: s.namespace, Name: "editor"}, testenv.Account{Namespace: s.namespace, Name: "stranger"}
	tokens := s.requestTokens(t, editor, stranger)
	for _, role := range []string{"lectern-edit", "lectern-promoter"} {
		_, err := s.ControlPlane.Kubectl(ctx, "create", "rolebinding", "editor-"+role, "--namespace="+s.namespace, "--clusterrole="+role, "--serviceaccount="+s.namespace+":editor")
		require.NoError(t, err)
	}
	s.connectAgents(t, tokens)

	require.Eventually(t, func() error { return s.addPromptOverMCP(ctx, s.agents[0], "Greeting") })
	for _, a := range s.agents { // the second may do nothing
		for tool, arguments := range map[string]map[string]any{
			"list_prompts": nil, "get_prompt": {"id": s.namespace + "/greeting"}, "search_prompts": {"query": "text"}, "get_stats": nil,
			"update_prompt": {"id": s.namespace + "/greeting", "content": "Second"}, "add_prompt": {"name": "Other"}, "no_such_tool": nil,
		} {
			_, _ = a.session.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments}) // refusals are wanted, too
		}
		_, _ = a.session.GetPrompt(ctx, &mcp.GetPromptParams{Name: s.namespace + ".greeting"})
		_, _ = a.session.ListPrompts(ctx, nil)
	}
	for _, token := range tokens {
		s.misplaceToken(t, token)
	}
	// A request that waits is in the database, with its seal.
	s.Terminate(testenv.Controller)
	waiting, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = s.agents[0].session.CallTool(waiting, &mcp.CallToolParams{Name: "update_prompt", Arguments: map[string]any{"id": s.namespace + "/greeting", "content": uuid.NewString()}})
	}()
	require.Eventually(t, func() error {
		if dumped := s.dumpDatabase(t); !bytes.Contains(dumped, []byte("Pending")) {
			return fmt.Errorf("no request waits")
		}
		return nil
	})
	left := s.collectTraces(t)
	cancel()
	<-asked
	require.NoError(t, s.Restart(ctx, testenv.Controller, talkative...))
	left["objects afterwards"] = s.kubectlOutput(t, "get", "prompts,events,leases,configmaps,serviceaccounts", "--all-namespaces", "--output=yaml")
	left["database afterwards"] = s.dumpDatabase(t)
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		s.Terminate(name) // which sends the spans there are
		left["log of "+name+" afterwards"] = readFile(t, s.LogPath(name))
	}

	search := newLeakSearch(tokens[:]...)
	if at, _ := search.find([]byte("planted: " + tokens[0][20:20+leakSize])); at != 9 {
		t.Fatal("the search does not find what is there")
	}
	total := 0
	for what, text := range left {
		total += len(text)
		if at, around := search.find(text); at >= 0 {
			t.Errorf("%s has a part of a token, at byte %d:\n%s", what, at, around)
		}
	}
	t.Logf("%d parts of 2 tokens were searched in %d texts of %d bytes", len(search), len(left), total)
	for what, sign := range map[string]string{ // that they say as much as they can
		"log of server-1": "subjectaccessreviews", "log of controller": "Response Body", "log of server-1 afterwards": `"SpanContext"`, "metrics of server-1": "lectern_",
	} {
		if !bytes.Contains(left[what], []byte(sign)) {
			t.Errorf("%s does not have %s", what, sign)
		}
	}
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		require.NoError(t, s.Restart(ctx, name))
	}
}

// misplaceToken sends a token in every place but the right one, and beside it.
func (s *scenario) misplaceToken(t *testing.T, token string) {
	t.Helper()
	const list = `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for name, change := range map[string]func(*http.Request){
		"two headers":    func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + token, "Bearer " + token} },
		"query":          func(r *http.Request) { r.URL.RawQuery = "access_token=" + url.QueryEscape(token) },
		"cookie":         func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "token", Value: token}) },
		"path":           func(r *http.Request) { r.URL.Path += "/" + token },
		"another scheme": func(r *http.Request) { r.Header.Set("Authorization", "Basic "+token) },
		"no scheme":      func(r *http.Request) { r.Header.Set("Authorization", token) },
		"with more":      func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token+" x") },
		"broken":         func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token[:len(token)-4]+"AAAA") },
		"another header": func(r *http.Request) { r.Header.Set("X-Api-Key", token) },
		"session":        func(r *http.Request) { r.Header.Set("Mcp-Session-Id", token) },
		"origin":         func(r *http.Request) { r.Header.Set("Origin", "http://"+token) },
		"body cut off":   func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token); setBody(r, list[:20]) },
		"no JSON":        func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token); setBody(r, token) },
		"method":         func(r *http.Request) { setBody(r, `{"jsonrpc":"2.0","id":1,"method":"`+token+`"}`) },
		"method, with more": func(r *http.Request) {
			r.Header.Set("Authorization", "Bearer "+token)
			setBody(r, `{"jsonrpc":"2.0","id":1,"method":"`+token+`"}`)
		},
	} {
		for _, endpoint := range s.Endpoints {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, endpoint, strings.NewReader(list))
			require.NoError(t, err)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("Accept", "application/json, text/event-stream")
			change(r)
			response, err := client.Do(r)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if isAuthorized := r.Header.Get("Authorization") == "Bearer "+token && len(r.Header["Authorization"]) == 1; !isAuthorized && response.StatusCode < 400 {
				t.Errorf("%s: let in with status %d", name, response.StatusCode)
			}
		}
	}
}

func setBody(r *http.Request, body string) {
	r.Body, r.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
}

// collectTraces returns what is left of what was done, by where it is.
func (s *scenario) collectTraces(t *testing.T) map[string][]byte {
	t.Helper()
	left := map[string][]byte{
		"database": s.dumpDatabase(t),
		"objects":  s.kubectlOutput(t, "get", "prompts,events,leases,configmaps,serviceaccounts", "--all-namespaces", "--output=yaml"),
	}
	for _, name := range []string{testenv.Controller, testenv.Server1, testenv.Server2} {
		left["log of "+name] = readFile(t, s.LogPath(name))
		if name == testenv.Controller { // which does not run now
			continue
		}
		response, err := http.Get(s.MetricsURL(name)) //nolint:noctx // loopback
		require.NoError(t, err)
		left["metrics of "+name], err = io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
	}
	return left
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	return content
}

func (s *scenario) kubectlOutput(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := s.ControlPlane.Kubectl(t.Context(), args...)
	require.NoError(t, err)
	return []byte(out)
}

// dumpDatabase returns every row of every table as the superuser of Postgres reads it, and what pg_dump makes of the database where
// the server has one.
func (s *scenario) dumpDatabase(t *testing.T) []byte {
	t.Helper()
	at, err := url.Parse(s.Postgres.URL)
	require.NoError(t, err)
	owner, err := url.Parse(s.OwnerURL)
	require.NoError(t, err)
	at.Path = owner.Path
	conn, err := pgx.Connect(t.Context(), at.String())
	require.NoError(t, err)
	defer conn.Close(t.Context()) //nolint:errcheck // it was read
	rows, err := conn.Query(t.Context(), "select format('select x::text from %s x', c.oid::regclass) from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace")
	require.NoError(t, err)
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	var dump bytes.Buffer
	for _, statement := range append(statements, "select a.query from pg_stat_activity a where a.query is not null") {
		rows, err := conn.Query(t.Context(), statement)
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		fmt.Fprintln(&dump, statement, "\n", strings.Join(texts, "\n"))
	}
	if program, err := s.Postgres.FindProgram("pg_dump"); err == nil {
		plain, err := exec.CommandContext(t.Context(), program, at.String()).Output()
		require.NoError(t, err)
		dump.Write(plain)
	}
	return dump.Bytes()
}

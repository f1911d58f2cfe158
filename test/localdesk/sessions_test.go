package localdesk

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestGrantCode: from a one-time code to every tool, over stdio, and nothing but the state folder has what came of it.
func TestGrantCode(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	me, err := user.Current()
	require.NoError(t, err)
	w.writeConnection("helpdesk", "edition: Cloud", "portal: itdesk", "accountsURL: "+w.accountsURL,
		`callers: [{subject: "local:`+me.Username+`", email: tech@example.org, groups: [Service desk]}]`, "rateLimit: {requestsPerMinute: 60, burst: 60}")
	s := w.start()
	s.requireTickets()
	for _, tool := range []struct {
		name      string
		arguments map[string]any
		want      string
	}{
		{"list_requests", map[string]any{"view": "all", "priority": "High"}, "VPN drops"},
		{"search_requests", map[string]any{"query": "printer"}, "Printer on floor 2"},
		{"my_queue", nil, "Laptop will not dock"},
		{"get_request", map[string]any{"request_id": "2", "include": []string{"notes", "conversations"}}, "VPN drops every few minutes"},
		{"list_lookup", map[string]any{"type": "priorities"}, "Medium"},
		{"find_people", map[string]any{"query": "Nina"}, "Nina Net"},
		{"search_solutions", map[string]any{"query": "VPN"}, "VPN"},
		{"connection_status", nil, "tech@example.org"},
		{"get_priorities", nil, "Medium"}, // an alias
	} {
		if text, isError := s.call(tool.name, tool.arguments); isError || !strings.Contains(text, tool.want) {
			t.Errorf("%s says %s, want %q in it", tool.name, text, tool.want)
		}
	}
	read, err := s.ReadResource(t.Context(), &mcp.ReadResourceParams{URI: "sdp://default/helpdesk/requests/2"})
	if err != nil || !strings.Contains(read.Contents[0].Text, "VPN drops") {
		t.Errorf("the resource: %v %v", read, err)
	}
	completed, err := s.Complete(t.Context(), &mcp.CompleteParams{
		Ref:      &mcp.CompleteReference{Type: "ref/resource", URI: "sdp://{namespace}/{connection}/requests/{number}"},
		Argument: mcp.CompleteParamsArgument{Name: "connection", Value: "he"},
	})
	if err != nil || fmt.Sprint(completed.Completion.Values) != "[helpdesk]" {
		t.Errorf("the completion: %v %v", completed, err)
	}
	if status, _ := s.call("connection_status", nil); !strings.Contains(status, "priorities 4, read ") {
		t.Errorf("the status says nothing of lists that were read: %s", status)
	}
	if n := w.count("authorization_code"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
	w.requireModes()
}

// requireModes checks that nobody else may read what came of a code.
func (w *world) requireModes() {
	w.Helper()
	for name, want := range map[string]os.FileMode{"": os.ModeDir | 0o700, "servicedesk.json": 0o600, "servicedesk-calls.json": 0o600} {
		stat, err := os.Stat(filepath.Join(w.stateHome, "lectern", name))
		require.NoError(w, err)
		if stat.Mode() != want {
			w.Errorf("%q has mode %s, want %s", name, stat.Mode(), want)
		}
	}
	left, err := os.ReadDir(filepath.Join(w.stateHome, "lectern"))
	require.NoError(w, err)
	if len(left) != 2 {
		w.Errorf("in the state folder is %v", left)
	}
}

// TestElevenStarts: a desktop client starts a process a session. All of them live on one token.
func TestElevenStarts(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	for range 11 {
		s := w.start()
		s.requireTickets()
		require.NoError(t, s.Close())
	}
	exchanges, refreshes := w.count("authorization_code"), w.count("refresh_token")
	t.Logf("11 starts: %d exchanges, %d refreshes", exchanges, refreshes)
	if exchanges != 1 || refreshes > 1 {
		t.Errorf("%d exchanges and %d refreshes", exchanges, refreshes)
	}
}

// TestSessionsAtOnce: those that start at the same time ask once, for a code as for a refresh.
func TestSessionsAtOnce(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ key, value, grantType string }{
		"a grant code":    {"grant_code", grantCode, "authorization_code"},
		"a refresh token": {"refresh_token", refreshToken, "refresh_token"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			w.writeCredentials(tc.key, tc.value)
			w.ask("POST", "/faults", `[{"kind":"slow","delay":"1s","accounts":true,"times":-1}]`, nil)
			sessions := make([]*session, 4)
			var all sync.WaitGroup
			for i := range sessions {
				sessions[i] = w.start()
				all.Go(sessions[i].requireTickets)
			}
			all.Wait()
			if exchanges, refreshes := w.count("authorization_code"), w.count("refresh_token"); exchanges+refreshes != 1 || w.count(tc.grantType) != 1 {
				t.Errorf("%d processes: %d exchanges and %d refreshes", len(sessions), exchanges, refreshes)
			}
		})
	}
}

// TestRefusedToken: all access tokens end before their time. Processes prove that once between them, and share the next token.
func TestRefusedToken(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.writeCredentials("refresh_token", refreshToken)
	first, second := w.start(), w.start()
	first.requireTickets()
	second.requireTickets()
	w.ask("DELETE", "/access-tokens", "", nil)
	var all sync.WaitGroup
	for _, s := range []*session{first, second} {
		all.Go(func() {
			if text, isError := s.call("list_requests", nil); isError {
				t.Errorf("a call after the token ended: %s", text)
			}
		})
	}
	all.Wait()
	if n := w.count("refresh_token"); n != 2 {
		t.Errorf("%d refreshes, want the first and one after the end", n)
	}
}

// TestRate: two processes together stay within the rate of the connection.
func TestRate(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.writeConnection("helpdesk", "edition: Cloud", "portal: itdesk", "accountsURL: "+w.accountsURL, "rateLimit: {requestsPerMinute: 12, burst: 6}")
	first, second := w.start(), w.start()
	first.requireTickets()
	second.requireTickets()
	refused := 0
	var mu sync.Mutex
	var all sync.WaitGroup
	for i := range 24 {
		all.Go(func() {
			if text, isError := []*session{first, second}[i%2].call("get_request", map[string]any{"request_id": "2"}); isError {
				mu.Lock()
				defer mu.Unlock()
				refused++
				if !strings.Contains(text, "RateLimitError") {
					t.Errorf("refused with %s", text)
				}
			}
		})
	}
	all.Wait()
	var busiest struct{ Count int }
	w.ask("GET", "/busiest?seconds=60", "", &busiest)
	t.Logf("24 calls of two processes at once: %d calls in the worst minute, %d refused", busiest.Count, refused)
	if busiest.Count > 12 || refused == 0 {
		t.Errorf("%d calls in a minute, %d refused", busiest.Count, refused)
	}
}

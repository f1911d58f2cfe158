package localdesk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

const (
	clientID = "1000.DESKTOP"
	canary   = "canary-7Qx2vN9"
)

// The credentials of a world, each with the canary in it.
const (
	clientSecret = "secret-" + canary
	grantCode    = "1000.code-" + canary
	refreshToken = "1000.refresh-" + canary
	apiKey       = "key-" + canary
)

// world is a fake ServiceDesk Plus, a folder with a connection to it, and the state folder that processes of a user share.
type world struct {
	*testing.T
	url, accountsURL, controlURL string
	folder, stateHome            string
	// credentials are what --sdp-credentials names.
	credentials string
	binary      string

	mu   sync.Mutex
	logs []*logbuffer.Buffer
	// answers are what tools said, their errors among them.
	answers []string
}

// startWorld starts a fake with more arguments, and names credentials with a grant code.
func startWorld(t *testing.T, arguments ...string) *world {
	t.Helper()
	w := &world{T: t, folder: t.TempDir(), stateHome: t.TempDir(), credentials: filepath.Join(t.TempDir(), "credentials.yaml")}
	var err error
	w.binary, err = testenv.Build(t.Context(), "")
	require.NoError(t, err)
	fake, err := testenv.BuildFakeSDP(t.Context())
	require.NoError(t, err)
	var at [3]string
	for i := range at {
		port, err := testenv.FreePort()
		require.NoError(t, err)
		at[i] = fmt.Sprintf("127.0.0.1:%d", port)
	}
	w.url, w.accountsURL, w.controlURL = "http://"+at[0], "http://"+at[1], "http://"+at[2]
	running, err := testenv.StartStandalone(t.Context(), testenv.Process{
		Name: "fakesdp", Path: fake, Ready: w.controlURL + "/healthz",
		Args: append([]string{
			"-address=" + at[0], "-accounts-address=" + at[1], "-control-address=" + at[2], "-client-id=" + clientID, "-client-secret=" + clientSecret,
			"-grant-code=" + grantCode, "-refresh-token=" + refreshToken, "-api-key=" + apiKey,
		}, arguments...),
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, running.Stop()) })
	t.Cleanup(w.requireNoSecretSaid)
	w.writeCredentials("grant_code", grantCode)
	w.writeConnection("helpdesk", "edition: Cloud", "portal: itdesk", "accountsURL: "+w.accountsURL)
	return w
}

// writeCredentials writes those of the client, with one value more.
func (w *world) writeCredentials(key, value string) {
	w.Helper()
	text := fmt.Sprintf("client_id: %s\nclient_secret: %s\n%s: %s\n", clientID, clientSecret, key, value)
	require.NoError(w, os.WriteFile(w.credentials, []byte(text), 0o600))
}

// writeConnection writes a manifest with lines of a spec, as an editor that renames does.
func (w *world) writeConnection(name string, spec ...string) {
	w.Helper()
	text := fmt.Sprintf("apiVersion: lectern.dev/v1alpha1\nkind: SDPConnection\nmetadata: {name: %s}\nspec:\n  apiURL: %s\n  credentials: {secretName: of-a-cluster}\n  %s\n",
		name, w.url, strings.Join(spec, "\n  "))
	part := filepath.Join(w.folder, "."+name+".part")
	require.NoError(w, os.WriteFile(part, []byte(text), 0o600))
	require.NoError(w, os.Rename(part, filepath.Join(w.folder, name+".yaml")))
}

// stateFile is where tokens are.
func (w *world) stateFile() string { return filepath.Join(w.stateHome, "lectern", "servicedesk.json") }

// command returns the program with its flags. Credentials may go to the fake, unless the arguments say where they may.
func (w *world) command(binary string, env []string, arguments ...string) *exec.Cmd {
	flags := []string{"server", "--log-level=debug", "--prompts=" + w.folder}
	if w.credentials != "" {
		flags = append(flags, "--sdp-credentials=default/helpdesk="+w.credentials)
	}
	if !strings.Contains(strings.Join(arguments, " "), "--sdp-allowed-hosts") {
		flags = append(flags, "--sdp-allowed-hosts="+w.url+","+w.accountsURL)
	}
	cmd := exec.Command(binary, append(flags, arguments...)...)
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "LECTERN_") && !strings.HasPrefix(v, "KUBERNETES_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, append([]string{"XDG_STATE_HOME=" + w.stateHome}, env...)...)
	said := &logbuffer.Buffer{}
	cmd.Stderr = said
	w.mu.Lock()
	defer w.mu.Unlock()
	w.logs = append(w.logs, said)
	return cmd
}

// session is a client that started the program.
type session struct {
	*mcp.ClientSession
	w *world
}

// start has an independent client start the program, as desktop clients do.
func (w *world) start(arguments ...string) *session {
	w.Helper()
	return w.startWith("", arguments...)
}

// startWith is start with a variable of the environment.
func (w *world) startWith(variable string, arguments ...string) *session {
	w.Helper()
	client := mcp.NewClient(&mcp.Implementation{Name: "independent", Version: "1"}, nil)
	opened, err := client.Connect(w.Context(), &mcp.CommandTransport{
		Command: w.command(w.binary, []string{variable}, append([]string{"--stdio"}, arguments...)...), TerminateDuration: wait.Patience,
	}, nil)
	require.NoError(w, err)
	s := &session{opened, w}
	w.Cleanup(func() { _ = s.Close() })
	return s
}

// call calls a tool, and returns its text.
func (s *session) call(tool string, arguments map[string]any) (text string, isError bool) {
	s.w.Helper()
	ctx, cancel := context.WithTimeout(s.w.Context(), wait.Patience)
	defer cancel()
	got, err := s.CallTool(ctx, &mcp.CallToolParams{Name: tool, Arguments: arguments})
	answered := fmt.Sprint(err)
	if err == nil {
		encoded, failed := json.Marshal(got)
		require.NoError(s.w, failed)
		answered = string(encoded)
	}
	s.w.mu.Lock()
	s.w.answers = append(s.w.answers, answered)
	s.w.mu.Unlock()
	if err != nil {
		return err.Error(), true
	}
	for _, content := range got.Content {
		if said, is := content.(*mcp.TextContent); is {
			text += said.Text
		}
	}
	return text, got.IsError
}

// requireTickets waits until the tickets are listed: a process that finds another one's request waits for it.
func (s *session) requireTickets() {
	s.w.Helper()
	require.Eventually(s.w, func() error {
		if text, isError := s.call("list_requests", nil); isError || !strings.Contains(text, "VPN drops every few minutes") {
			return fmt.Errorf("list_requests: %s", text)
		}
		return nil
	})
}

// requireSaid waits until connection_status says something.
func (s *session) requireSaid(wanted string) {
	s.w.Helper()
	require.Eventually(s.w, func() error {
		if text, _ := s.call("connection_status", nil); !strings.Contains(text, wanted) {
			return fmt.Errorf("connection_status does not say %q: %s", wanted, text)
		}
		return nil
	})
}

// call is one of the fake's journal.
type call struct {
	Path       string
	Parameters map[string]string
}

// ask asks the fake at its control address.
func (w *world) ask(method, path, body string, into any) {
	w.Helper()
	request, err := http.NewRequestWithContext(w.Context(), method, w.controlURL+path, strings.NewReader(body))
	require.NoError(w, err)
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(request)
	require.NoError(w, err)
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		w.Fatalf("%s %s: %s", method, path, answer.Status)
	}
	if into != nil {
		require.NoError(w, json.NewDecoder(answer.Body).Decode(into))
	}
}

// count returns how often the accounts server was asked with a grant type.
func (w *world) count(grantType string) (n int) {
	w.Helper()
	var journal struct{ Calls []call }
	w.ask(http.MethodGet, "/calls?accounts=true", "", &journal)
	for _, c := range journal.Calls {
		if c.Parameters["grant_type"] == grantType {
			n++
		}
	}
	return n
}

// countAll returns how many calls there were of the API and of the accounts server.
func (w *world) countAll() int {
	w.Helper()
	var journal struct{ Count int }
	w.ask(http.MethodGet, "/calls", "", &journal)
	return journal.Count
}

// requireNoSecretSaid looks for the canary, and for tokens that the state has, in all that was logged and that tools said.
func (w *world) requireNoSecretSaid() {
	secrets := []string{canary}
	var state struct {
		Codes  map[string]struct{ RefreshToken string }
		Tokens map[string]struct{ Access string }
	}
	if content, err := os.ReadFile(w.stateFile()); err == nil && json.Unmarshal(content, &state) == nil {
		for _, code := range state.Codes {
			secrets = append(secrets, code.RefreshToken)
		}
		for _, token := range state.Tokens {
			secrets = append(secrets, token.Access)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, answer := range w.answers {
		for _, secret := range secrets {
			if secret != "" && strings.Contains(answer, secret) {
				w.Errorf("a secret is in an answer:\n%s", answer)
			}
		}
	}
	for _, said := range w.logs {
		text := said.String()
		if text == "" {
			w.Error("a process logged nothing: this shows nothing")
		}
		for _, secret := range secrets {
			if secret != "" && strings.Contains(text, secret) {
				w.Errorf("a secret is in the log:\n%s", text)
			}
		}
		if err := testenv.FindCrash([]byte(text)); err != nil {
			w.Error(err)
		}
	}
	if w.Failed() && len(w.logs) > 0 {
		w.Logf("the last log:\n%s", w.logs[len(w.logs)-1])
	}
}

package localdesk

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestNothingIsSent: what keeps a connection from being used is said by its status and by its tools, and nobody is called.
func TestNothingIsSent(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(w *world) (arguments []string)
		want    string
		// begins says that a request is begun, of which nothing is sent.
		begins bool
	}{
		"a state folder that cannot be made": {func(w *world) []string {
			w.stateHome = filepath.Join(w.TempDir(), "file")
			require.NoError(w, os.WriteFile(w.stateHome, nil, 0o600))
			return nil
		}, "not a directory; no token is asked for", false},
		"a state folder in which nothing can be written": {func(w *world) []string {
			require.NoError(w, os.MkdirAll(w.stateFile()+".part/in the way", 0o700))
			return nil
		}, "the grant code was not sent, since there is no place for the refresh token that it gives", false},
		"a state that is none": {func(w *world) []string {
			w.writeState("{\"format\":1,", 0o600)
			return nil
		}, "is not as Lectern writes it, and is left as it is", false},
		"a state of another version": {func(w *world) []string {
			w.writeState(`{"format":7}`, 0o600)
			return nil
		}, "has format 7, which another version of Lectern writes", false},
		"a state that others may read": {func(w *world) []string {
			w.writeState(`{"format":1}`, 0o644)
			return nil
		}, "has mode 0644, so that others may read or change what is in it", false},
		"a host that is not allowed": {func(*world) []string {
			return []string{"--sdp-allowed-hosts=desk.example.org"}
		}, "list the hosts that credentials may go to with --sdp-allowed-hosts", false},
		"a name that resolves to where no credentials go": {func(w *world) []string {
			accounts := "http://localhost" + w.accountsURL[strings.LastIndex(w.accountsURL, ":"):]
			w.writeConnection("helpdesk", "edition: Cloud", "accountsURL: "+accounts)
			return []string{"--sdp-allowed-hosts=" + w.url + "," + accounts}
		}, "it is a loopback address", true},
		"a proxy that is not there": {func(w *world) []string {
			return []string{"--sdp-proxy=http://" + closedAddress(w)}
		}, "the accounts server was not reached", true},
		"credentials without their keys": {func(w *world) []string {
			require.NoError(w, os.WriteFile(w.credentials, []byte("client_id: "+canary+"\nsecret: "+canary+"\n"), 0o600))
			return nil
		}, "lacks client_secret, which edition Cloud wants; it has the keys client_id, secret", false},
		"credentials that are no map": {func(w *world) []string {
			require.NoError(w, os.WriteFile(w.credentials, []byte("client_id="+canary), 0o600))
			return nil
		}, "is no map of keys and texts in YAML or JSON", false},
		"credentials that are not there": {func(w *world) []string {
			w.credentials += ".none"
			return nil
		}, "cannot be read: no such file or directory", false},
		"another connection's credentials": {func(w *world) []string {
			w.writeConnection("second", "edition: Cloud", "accountsURL: "+w.accountsURL)
			require.NoError(w, os.Remove(filepath.Join(w.folder, "helpdesk.yaml")))
			return nil
		}, "start the server with --sdp-credentials default/second=REF as well", false},
		"a suspended connection": {func(w *world) []string {
			w.writeConnection("helpdesk", "edition: Cloud", "accountsURL: "+w.accountsURL, "suspend: true")
			return nil
		}, "suspended", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := startWorld(t)
			arguments := tc.prepare(w)
			before, _ := os.ReadFile(w.stateFile())
			s := w.start(arguments...)
			s.requireSaid(tc.want)
			if text, isError := s.call("list_requests", nil); !isError || !strings.Contains(text, tc.want) {
				t.Errorf("a tool says %s, want %q", text, tc.want)
			}
			if after, _ := os.ReadFile(w.stateFile()); !tc.begins && string(after) != string(before) {
				t.Errorf("the state was %q and is %q", before, after)
			}
			if n := w.countAll(); n != 0 {
				t.Errorf("%d calls were made", n)
			}
		})
	}
}

// closedAddress returns an address on which nobody listens.
func closedAddress(w *world) string {
	w.Helper()
	port, err := testenv.FreePort()
	require.NoError(w, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

// writeState writes a state file that is not Lectern's.
func (w *world) writeState(text string, mode os.FileMode) {
	w.Helper()
	require.NoError(w, os.MkdirAll(filepath.Dir(w.stateFile()), 0o700))
	require.NoError(w, os.WriteFile(w.stateFile(), []byte(text), mode))
	require.NoError(w, os.Chmod(w.stateFile(), mode))
}

// TestMended: a process goes on when a person has done what it says.
func TestMended(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.writeCredentials("grant_code", "1000.unknown-"+canary)
	s := w.start()
	s.requireSaid("put a new grant code, or a refresh token, into it")
	again := w.start()
	again.requireSaid("put a new grant code, or a refresh token, into it")
	if n := w.count("authorization_code"); n != 1 {
		t.Errorf("a code that is refused was sent %d times", n)
	}
	w.writeCredentials("refresh_token", refreshToken)
	s.requireTickets()
	again.requireTickets()
	if n := w.count("refresh_token"); n != 1 {
		t.Errorf("%d refreshes", n)
	}
}

const unknownTool = `no such tool as "list_requests"`

// TestManifestIsFollowed: a connection comes, changes, is broken, and goes, and so do its tools.
func TestManifestIsFollowed(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	require.NoError(t, os.Remove(filepath.Join(w.folder, "helpdesk.yaml")))
	s := w.start()
	s.requireSaid("There is no connection to ServiceDesk Plus that you may use.")
	w.writeConnection("helpdesk", "edition: Nonsense")
	s.requireSaid("helpdesk.yaml:")
	if text, isError := s.call("list_requests", nil); !isError || !strings.Contains(text, unknownTool) {
		t.Errorf("without a connection: %s", text)
	}
	cloud := []string{"edition: Cloud", "portal: itdesk", "accountsURL: " + w.accountsURL}
	w.writeConnection("helpdesk", cloud...)
	s.requireTickets()
	w.writeConnection("helpdesk", append(cloud, "access: {toolsets: [knowledge]}")...)
	s.requireSaid("toolsets: knowledge")
	w.writeConnection("helpdesk", append(cloud, "access: {toolsets: [nonsense]}")...)
	require.Until(t, "the fault is told", func() bool {
		text, _ := s.call("list_prompts", nil)
		return strings.Contains(text, "helpdesk.yaml:") && strings.Contains(text, "nonsense")
	})
	s.requireSaid("toolsets: knowledge")
	s.requireSaid("what connection default/helpdesk was before them stays")
	w.writeConnection("helpdesk", cloud...)
	s.requireTickets()
	require.NoError(t, os.Remove(filepath.Join(w.folder, "helpdesk.yaml")))
	require.Until(t, "its tools are gone", func() bool {
		text, isError := s.call("list_requests", nil)
		return isError && strings.Contains(text, unknownTool)
	})
	if n := w.count("authorization_code"); n != 1 {
		t.Errorf("the code was sent %d times", n)
	}
}

// TestOnPremises: an API key out of a folder with a file for each, a site with a certificate of its own, and clients over HTTP.
func TestOnPremises(t *testing.T) {
	t.Parallel()
	bundle := filepath.Join(t.TempDir(), "ca.crt")
	w := startWorld(t, "-edition=OnPremises", "-tls-names=127.0.0.1", "-ca-bundle="+bundle)
	w.url = strings.Replace(w.url, "http://", "https://", 1)
	w.writeConnection("helpdesk", "edition: OnPremises", "caBundle: {configMapName: corp-ca}")
	certificate, err := os.ReadFile(bundle)
	require.NoError(t, err)
	w.credentials = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(w.credentials, "api_key"), []byte(apiKey+"\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(w.credentials, "ca.crt"), certificate, 0o600))
	var ports [2]int
	for i := range ports {
		ports[i], err = testenv.FreePort()
		require.NoError(t, err)
	}
	address := fmt.Sprintf("127.0.0.1:%d", ports[0])
	cmd := w.command(w.binary, nil, "--address="+address, fmt.Sprintf("--metrics-address=127.0.0.1:%d", ports[1]), "--sdp-allowed-hosts="+w.url)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt)
		require.NoError(t, cmd.Wait())
	})
	client := mcp.NewClient(&mcp.Implementation{Name: "independent", Version: "1"}, nil)
	s := &session{w: w}
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	require.Eventually(t, func() error {
		s.ClientSession, err = client.Connect(t.Context(), &mcp.StreamableClientTransport{
			Endpoint: "http://" + address + "/mcp", HTTPClient: &http.Client{Transport: transport}, DisableStandaloneSSE: true,
		}, nil)
		return err
	})
	t.Cleanup(func() { _ = s.Close() })
	s.requireTickets()
	s.requireSaid("token: an API key, ")
	if n := w.count("refresh_token"); n != 0 {
		t.Errorf("%d token requests on premises", n)
	}
}

// TestOnPremises_WrongKey: a key that is refused is told by whoever is refused it, by the status and in the log, and once there is
// another one it is used. The one who is told waits for nothing then.
func TestOnPremises_WrongKey(t *testing.T) {
	t.Parallel()
	for _, stateHome := range []string{"", "/dev/null"} {
		w := startWorld(t, "-edition=OnPremises")
		if stateHome != "" {
			w.stateHome = stateHome
		}
		w.writeConnection("helpdesk", "edition: OnPremises")
		require.NoError(t, os.WriteFile(w.credentials, []byte("api_key: of-nobody-"+canary), 0o600))
		s := w.start()
		said := "ServiceDesk Plus does not take the API key; generate another one, and put it into --sdp-credentials " + w.credentials
		if text, isError := s.call("list_requests", nil); !isError || !strings.Contains(text, said) {
			t.Errorf("a tool says %s", text)
		}
		s.requireSaid(said)
		calls := w.countAll()
		if text, isError := s.call("list_requests", nil); !isError || !strings.Contains(text, said) || w.countAll() != calls {
			t.Errorf("%d calls with a key that is known to be refused; a tool says %s", w.countAll()-calls, text)
		}
		if !strings.Contains(w.logs[0].String(), "does not take the API key") {
			t.Error("the log says nothing")
		}
		require.NoError(t, os.WriteFile(w.credentials, []byte("api_key: "+apiKey), 0o600))
		s.requireTickets()
	}
}

// TestOnPremises_NoStateFolder: an API key needs no place for tokens. The rate is this process's own then.
func TestOnPremises_NoStateFolder(t *testing.T) {
	t.Parallel()
	w := startWorld(t, "-edition=OnPremises")
	w.stateHome = "/dev/null"
	w.writeConnection("helpdesk", "edition: OnPremises")
	require.NoError(t, os.WriteFile(w.credentials, []byte("api_key: "+apiKey), 0o600))
	w.start().requireTickets()
}

// TestUnserved: without credentials nothing of ServiceDesk Plus is offered, and the log says what is missing.
func TestUnserved(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.credentials = ""
	s := w.start()
	if text, isError := s.call("connection_status", nil); !isError || !strings.Contains(text, "no such tool") {
		t.Errorf("connection_status says %s", text)
	}
	if said := w.logs[0].String(); !strings.Contains(said, "is not served; start the server with --sdp-credentials") {
		t.Errorf("the log says %s", said)
	}
	if entries, _ := os.ReadDir(w.stateHome); len(entries) > 0 || w.countAll() > 0 {
		t.Errorf("something was done: %v", entries)
	}
}

// TestEnvironment: credentials in a variable, as JSON.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	w := startWorld(t)
	w.credentials = "env:HELPDESK"
	text := fmt.Sprintf(`{"client_id": %q, "client_secret": %q, "refresh_token": %q}`, clientID, clientSecret, refreshToken)
	s := w.startWith("HELPDESK=" + text)
	s.requireTickets()
}

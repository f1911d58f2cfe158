package scenarios

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// deskConnections are a cloud edition by a grant code and a server on premises by a technician's key, each with a caller who is
// a technician there.
const deskConnections = `
apiVersion: v1
kind: Secret
metadata: {name: cloud-oauth}
type: lectern.dev/sdp-credentials
stringData: {client_id: 1000.SCENARIO, client_secret: secret-of-a-test-client, grant_code: %[1]s}
---
apiVersion: lectern.dev/v1alpha1
kind: SDPConnection
metadata: {name: cloud}
spec:
  edition: Cloud
  portal: itdesk
  apiURL: %[2]s
  accountsURL: %[3]s
  credentials: {secretName: cloud-oauth}
  callers:
  - {subject: "%[5]s", email: tech@example.org, groups: [Service desk]}
  rateLimit: {requestsPerMinute: 1000, burst: 1000}
---
apiVersion: v1
kind: Secret
metadata: {name: premises-key}
type: lectern.dev/sdp-credentials
stringData: {api_key: key-of-a-test-technician}
---
apiVersion: lectern.dev/v1alpha1
kind: SDPConnection
metadata: {name: premises}
spec:
  edition: OnPremises
  apiURL: %[4]s
  credentials: {secretName: premises-key}
  callers:
  - {subject: "%[5]s", email: tech@example.org, groups: [Service desk]}
  rateLimit: {requestsPerMinute: 1000, burst: 1000}
`

// deskScenario is a namespace with both connections, and the fakes they are to.
type deskScenario struct {
	*scenario
	fakes map[string]*testenv.FakeSDP
	// technician may use the connections and is known to them; stranger may not.
	technician, stranger testenv.Account
	// manifest is of the connections.
	manifest string
	// worked are the calls of callAndRead, by connection.
	worked map[string][]workedCall
}

// toolCost is a call of a tool, what its answer has, and the calls of ServiceDesk Plus that it is made of at a server that has not
// met the ticket.
type toolCost struct {
	tool      string
	arguments map[string]any
	words     []string
	calls     []string
	// onPremises are the calls of that edition, where they are others.
	onPremises []string
}

func deskCosts(number string) []toolCost {
	const list, ticket, notes, conversations, mail = "GET /requests", "GET /requests/*", "GET /requests/*/notes", "GET /requests/*/conversations", "GET /requests/*/notifications/*"
	include := []string{"notes", "conversations"}
	return []toolCost{
		{tool: "connection_status", words: []string{"tech@example.org", "priorities 4"}},
		{tool: "list_lookup", arguments: map[string]any{"type": "priorities"}, words: []string{"High", "Medium"}},
		{tool: "my_queue", words: []string{"Laptop will not dock"}, calls: []string{list}},
		{tool: "list_requests", arguments: map[string]any{"priority": "high", "status": "In Progress", "group": "Network"}, words: []string{"VPN drops every few minutes"}, calls: []string{list}},
		{tool: "search_requests", arguments: map[string]any{"query": "#" + number}, words: []string{"VPN drops every few minutes"}, calls: []string{list}},
		{tool: "get_request", arguments: map[string]any{"request_id": "8"}, words: []string{"Mail signature is cut off", "It began this week."}, calls: []string{list, ticket}},
		{tool: "get_request", arguments: map[string]any{"request_id": "8"}, words: []string{"Mail signature is cut off"}, calls: []string{ticket}},
		{tool: "get_request", arguments: map[string]any{"request_id": "1", "include": include}, words: []string{"Rang the user, no answer", "It still shows no picture."},
			calls: []string{ticket, conversations, notes, mail}, onPremises: []string{ticket, conversations, notes, "GET /requests/*/notes/*", mail}},
		{tool: "find_people", arguments: map[string]any{"query": "nina"}, words: []string{"nina@example.org"}, calls: []string{"GET /users"}},
		{tool: "search_solutions", arguments: map[string]any{"query": "dock picture"}, words: []string{"Update the dock's firmware"}, calls: []string{"GET /solutions"}},
	}
}

// testServiceDesk applies a connection to each edition and has an agent read both through both servers. The journals of the fakes
// show that each tool made the calls that it costs, and nobody made others.
func testServiceDesk(t *testing.T) {
	s := startDeskScenario(t, deskConnections, "use")
	s.applyConnections(t)
	for name, fake := range s.fakes {
		s.waitForLookups(t, name)
		wantGrants(t, fake, name)
	}
	for server, endpoint := range s.Endpoints {
		technician, err := connectWithToken(t.Context(), endpoint, "", s.requestToken(t, s.technician))
		require.NoError(t, err)
		t.Cleanup(technician.close)
		for _, name := range []string{"cloud", "premises"} {
			s.waitUntilKnown(t, technician, name)
			s.checkCosts(t, technician, name, server+1)
		}
		stranger, err := connectWithToken(t.Context(), endpoint, "", s.requestToken(t, s.stranger))
		require.NoError(t, err)
		t.Cleanup(stranger.close)
		_, err = stranger.session.CallTool(t.Context(), &mcp.CallToolParams{Name: "my_queue", Arguments: map[string]any{"connection": s.namespace + "/cloud"}})
		if err == nil || !strings.Contains(err.Error(), "no such tool") {
			t.Errorf("who may use no connection is told %v", err)
		}
	}
	for name, fake := range s.fakes {
		if calls := readCalls(t, fake, false); len(calls) > 0 {
			t.Errorf("%s: a stranger or a controller with nothing to do made calls: %v", name, calls)
		}
	}
	s.deleteConnections(t, []string{"cloud", "premises"})
	if revocations := readCalls(t, s.fakes["cloud"], true); !slices.Equal(revocations, []string{"POST /oauth/v2/token/revoke"}) {
		t.Errorf("the deletion of a connection is told to the accounts server by %v", revocations)
	}
}

// startDeskScenario opens a namespace for connections of a manifest, of which the technician has some rights.
func startDeskScenario(t *testing.T, manifest string, verbs ...string) *deskScenario {
	t.Helper()
	stack := authenticatedStack(t)
	s := &deskScenario{scenario: openNamespace(t, stack), fakes: map[string]*testenv.FakeSDP{}, manifest: manifest, worked: map[string][]workedCall{}}
	var hosts []string
	for name, args := range map[string][]string{
		"cloud":    {"-client-id=1000.SCENARIO", "-client-secret=secret-of-a-test-client"},
		"premises": {"-edition=OnPremises", "-api-key=key-of-a-test-technician"},
	} {
		fake, err := testenv.StartFakeSDP(t.Context(), args...)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, fake.Stop()) })
		s.fakes[name] = fake
		hosts = append(hosts, fake.URL, fake.AccountsURL)
	}
	require.NoError(t, stack.GrantConnections(t.Context(), s.namespace))
	t.Cleanup(func() { require.NoError(t, stack.ServeConnections(context.Background(), testenv.ConnectionOptions{})) })
	require.NoError(t, stack.ServeConnections(t.Context(), testenv.ConnectionOptions{Namespaces: []string{s.namespace}, AllowedHosts: hosts}))
	callers, err := stack.ControlPlane.Callers()
	require.NoError(t, err)
	s.technician, s.stranger = testenv.Account{Namespace: s.namespace, Name: "technician"}, testenv.Account{Namespace: s.namespace, Name: "stranger"}
	require.NoError(t, errors.Join(callers.CreateAccount(t.Context(), s.technician), callers.CreateAccount(t.Context(), s.stranger),
		callers.Grant(t.Context(), testenv.Grant{Name: "technician", Namespace: s.namespace, Account: s.technician, Verbs: verbs, Resource: "sdpconnections"})))
	return s
}

func (s *deskScenario) requestToken(t *testing.T, account testenv.Account) string {
	t.Helper()
	callers, err := s.ControlPlane.Callers()
	require.NoError(t, err)
	token, err := callers.RequestToken(t.Context(), account, testenv.TokenOptions{Audiences: ours})
	require.NoError(t, err)
	return token
}

// applyConnections applies both and waits until they are Ready.
func (s *deskScenario) applyConnections(t *testing.T) {
	t.Helper()
	cloud, premises := s.fakes["cloud"], s.fakes["premises"]
	code, err := cloud.IssueGrantCode(t.Context())
	require.NoError(t, err)
	manifest := filepath.Join(t.TempDir(), "connections.yaml")
	text := fmt.Sprintf(s.manifest, code, cloud.URL, cloud.AccountsURL, premises.URL, s.technician.Subject())
	require.NoError(t, os.WriteFile(manifest, []byte(text), 0o600))
	applied := time.Now()
	_, err = s.ControlPlane.Kubectl(t.Context(), "apply", "--namespace", s.namespace, "--filename", manifest)
	require.NoError(t, err)
	for _, name := range []string{"cloud", "premises"} {
		_, err := s.waitForConnection(t.Context(), name, v1alpha1.ReasonConnected)
		require.NoError(t, err)
		t.Logf("%s is Ready %.1f s after kubectl apply began", name, time.Since(applied).Seconds())
	}
}

// waitForLookups waits until the controller has read every list of a connection, and so calls ServiceDesk Plus no more.
func (s *scenario) waitForLookups(t *testing.T, name string) {
	t.Helper()
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		var c v1alpha1.SDPConnection
		if err := s.api.Get(ctx, types.NamespacedName{Namespace: s.namespace, Name: name}, &c); err != nil {
			return err
		}
		if fresh := meta.FindStatusCondition(c.Status.Conditions, v1alpha1.ConditionLookupsFresh); fresh == nil || fresh.Reason != v1alpha1.ReasonLookupsRefreshed {
			return fmt.Errorf("the lists of %s are %+v", name, fresh)
		}
		return nil
	}))
}

// waitUntilKnown waits until a server has heard of a connection and its token.
func (s *scenario) waitUntilKnown(t *testing.T, technician *agent, name string) {
	t.Helper()
	require.NoError(t, wait.Until(t.Context(), func(ctx context.Context) error {
		result, err := technician.session.CallTool(ctx, &mcp.CallToolParams{
			Name: "connection_status", Arguments: map[string]any{"connection": s.namespace + "/" + name},
		})
		if err == nil && (result.IsError || strings.Contains(result.Content[0].(*mcp.TextContent).Text, "token: none yet")) {
			err = fmt.Errorf("the server says of %s: %s", name, result.Content[0].(*mcp.TextContent).Text)
		}
		return err
	}))
}

// checkCosts makes every call of deskCosts at a server.
func (s *deskScenario) checkCosts(t *testing.T, technician *agent, name string, server int) {
	t.Helper()
	fake := s.fakes[name]
	var requests struct{ IDs []string }
	var second struct {
		DisplayID string `json:"display_id"`
	}
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/records/requests", nil, &requests))
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/records/requests/"+requests.IDs[1], nil, &second))
	forgetCalls(t, fake)
	for _, cost := range deskCosts(second.DisplayID) {
		arguments := map[string]any{"connection": s.namespace + "/" + name}
		maps.Copy(arguments, cost.arguments)
		text := callTool(t, technician, cost.tool, arguments)
		for _, words := range cost.words {
			if !strings.Contains(text, words) {
				t.Errorf("%s of %s %v lacks %q:\n%s", cost.tool, name, cost.arguments, words, text)
			}
		}
		want, got := cost.calls, readCalls(t, fake, false)
		if name == "premises" && cost.onPremises != nil {
			want = cost.onPremises
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s of %s %v at server %d is made of other calls (-want +got)\n%s", cost.tool, name, cost.arguments, server, diff)
		}
		t.Logf("server %d, %-8s  %-17s %-72s %d calls  %s", server, name, cost.tool, fmt.Sprint(cost.arguments), len(got), strings.Join(got, ", "))
	}
}

// callTool returns the text of a tool's answer, which is no error.
func callTool(t *testing.T, a *agent, tool string, arguments map[string]any) string {
	t.Helper()
	result, err := a.session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool, Arguments: arguments})
	require.NoError(t, err)
	text := result.Content[0].(*mcp.TextContent).Text
	if result.IsError {
		t.Errorf("%s of %v: %s", tool, arguments, text)
	}
	return text
}

var segmentOfID = regexp.MustCompile(`/[0-9]+`)

// readCalls returns the calls of one of a fake's servers as "METHOD path", with * for ids, sorted: parts of a ticket are read at
// once. It forgets them all.
func readCalls(t *testing.T, fake *testenv.FakeSDP, ofAccounts bool) []string {
	t.Helper()
	var journal struct{ Calls []sdptest.Call }
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, fmt.Sprintf("/calls?accounts=%t", ofAccounts), nil, &journal))
	forgetCalls(t, fake)
	var calls []string
	for _, call := range journal.Calls {
		path := call.Path
		if _, below, isAPI := strings.Cut(path, "/api/v3"); isAPI {
			path = segmentOfID.ReplaceAllString(below, "/*")
		}
		calls = append(calls, call.Method+" "+path)
	}
	slices.Sort(calls)
	return calls
}

func forgetCalls(t *testing.T, fake *testenv.FakeSDP) {
	t.Helper()
	require.NoError(t, fake.Control(t.Context(), http.MethodDelete, "/calls", nil, &struct{}{}))
}

// wantGrants holds that the accounts server was asked once: for the exchange of the code.
func wantGrants(t *testing.T, fake *testenv.FakeSDP, name string) {
	t.Helper()
	var journal struct{ Calls []sdptest.Call }
	require.NoError(t, fake.Control(t.Context(), http.MethodGet, "/calls?accounts=true", nil, &journal))
	var grants []string
	for _, call := range journal.Calls {
		grants = append(grants, call.Parameters["grant_type"])
	}
	want := map[string][]string{"cloud": {"authorization_code"}}[name]
	if !slices.Equal(grants, want) {
		t.Errorf("%s: the accounts server was asked for %v, want %v", name, grants, want)
	}
}

package scenarios

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// planLifetime is how long the plan of a dry run is good for.
const planLifetime = 10 * time.Minute

// planScenario is a connection that wants plans, and callers who may close tickets through it.
type planScenario struct {
	*randomWrites
	desk *faultyDesk
}

// testPlans spends plans in every way that is not theirs. Each is refused with the reason, and the ticket stays open; one that is used
// at both servers at once closes its ticket once. With LECTERN_WRITES=full it waits until a plan has expired, too.
func testPlans(t *testing.T) {
	s := startPlans(t)
	first, other := s.callers[0], s.callers[1]
	expiring := s.dryRun(t, first, s.desk.addTicket())
	began := time.Now()
	change := func(a map[string]any) {
		s.desk.fake.Set("requests", strings.TrimPrefix(a["request_id"].(string), "id:"), sdptest.Record{"subject": "The screen is on fire", "priority": "High"})
	}
	for n, tc := range []struct {
		name      string
		isOfOther bool
		spoil     func(arguments map[string]any)
		reason    string
	}{
		{"none at all", false, func(a map[string]any) { delete(a, "plan") }, "call with dry_run=true"},
		{"forged", false, func(a map[string]any) { a["plan"] = forgePlan(a["plan"].(string)) }, "it is no plan of this server's, or was changed"},
		{"of another caller", true, func(map[string]any) {}, "it is another caller's"},
		{"of other arguments", false, func(a map[string]any) { a["closure_comments"] = "Another text." }, "it is of other arguments"},
		{"of another ticket", false, func(a map[string]any) { a["request_id"] = s.desk.addTicket() }, "it is of other arguments"},
		{"of a ticket that changed", false, change, "is not what was shown any more; call with dry_run=true for another"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			by := s.callers[2+n] // each of whom may write once a second
			arguments := s.dryRun(t, by, s.desk.addTicket())
			tc.spoil(arguments)
			if tc.isOfOther {
				by = other
			}
			for server := range s.Endpoints {
				s.wantRefused(t, by, server, arguments, tc.reason)
			}
		})
	}
	t.Run("used at once, and again", func(t *testing.T) {
		for _, by := range s.callers[8:] {
			s.spendTwice(t, by)
		}
	})
	if os.Getenv("LECTERN_WRITES") == "full" {
		t.Run("expired", func(t *testing.T) {
			pauseFor(t.Context(), planLifetime+time.Second-time.Since(began))
			s.wantRefused(t, first, 0, expiring, "it is older than 10 minutes")
		})
	}
	s.deleteConnections(t, []string{s.desk.name})
}

func startPlans(t *testing.T) *planScenario {
	t.Helper()
	stack := authenticatedStack(t)
	s := &planScenario{
		randomWrites: &randomWrites{scenario: openNamespace(t, stack), plan: writesPlan{callers: 13}},
		desk:         newFaultyDesk(t, "careful", 0, nil),
	}
	require.NoError(t, stack.GrantConnections(t.Context(), s.namespace))
	t.Cleanup(func() { require.NoError(t, stack.ServeConnections(context.Background(), testenv.ConnectionOptions{})) })
	require.NoError(t, stack.ServeConnections(t.Context(), testenv.ConnectionOptions{
		Namespaces: []string{s.namespace}, AllowedHosts: []string{s.desk.fake.URL(), s.desk.fake.AccountsURL()},
	}))
	s.createWriters(t)
	require.NoError(t, s.createDesk(t.Context(), s.desk, v1alpha1.ConfirmationDestructive))
	_, err := s.waitForConnection(t.Context(), s.desk.name, v1alpha1.ReasonConnected)
	require.NoError(t, err)
	s.waitForLookups(t, s.desk.name)
	for server := range s.Endpoints {
		a, err := s.callers[0].connectTo(t.Context(), server)
		require.NoError(t, err)
		s.waitUntilKnown(t, a, s.desk.name)
	}
	return s
}

// dryRun returns the arguments that close a ticket, with a plan of a dry run of them.
func (s *planScenario) dryRun(t *testing.T, by *writer, ticket string) map[string]any {
	t.Helper()
	arguments := map[string]any{"connection": s.namespace + "/" + s.desk.name, "request_id": ticket, "closure_comments": "It is solved."}
	dry := maps.Clone(arguments)
	dry["dry_run"] = true
	a, err := by.connectTo(t.Context(), 0)
	require.NoError(t, err)
	result, err := a.session.CallTool(t.Context(), &mcp.CallToolParams{Name: "close_request", Arguments: dry})
	require.NoError(t, err)
	var planned struct{ Plan string }
	require.NoError(t, decodeStructured(result, &planned))
	if result.IsError || planned.Plan == "" {
		t.Fatalf("a dry run returns no plan: %s", result.Content[0].(*mcp.TextContent).Text)
	}
	arguments["plan"] = planned.Plan
	return arguments
}

// forgePlan changes a plan in its middle.
func forgePlan(plan string) string {
	middle := len(plan) / 2
	changed := byte('A')
	if plan[middle] == changed {
		changed = 'B'
	}
	return plan[:middle] + string(changed) + plan[middle+1:]
}

// wantRefused holds that a plan is refused with the reason, and that nothing was sent.
func (s *planScenario) wantRefused(t *testing.T, by *writer, server int, arguments map[string]any, reason string) {
	t.Helper()
	before := s.desk.fake.Count(isWrite)
	text, err := s.close(t.Context(), by, server, arguments)
	if err == nil || !strings.Contains(err.Error(), reason) {
		t.Errorf("server %d closes the ticket, or gives another reason than %q: %s, %v", server+1, reason, text, err)
	}
	if sent := s.desk.fake.Count(isWrite) - before; sent > 0 {
		t.Errorf("%d calls that write were made", sent)
	}
	t.Logf("server %d: %v", server+1, err)
}

func isWrite(c sdptest.Call) bool { return !c.Accounts && c.Method != http.MethodGet }

// close calls close_request. Its error is that of the tool.
func (s *planScenario) close(ctx context.Context, by *writer, server int, arguments map[string]any) (string, error) {
	a, err := by.connectTo(ctx, server)
	if err != nil {
		return "", err
	}
	result, err := a.session.CallTool(ctx, &mcp.CallToolParams{Name: "close_request", Arguments: arguments})
	if err != nil {
		return "", err
	}
	text := result.Content[0].(*mcp.TextContent).Text
	if result.IsError {
		return "", errors.New(text)
	}
	return text, nil
}

// spendTwice uses a plan at both servers at once, and once more: its ticket is closed once.
func (s *planScenario) spendTwice(t *testing.T, owner *writer) {
	t.Helper()
	ticket := s.desk.addTicket()
	arguments := s.dryRun(t, owner, ticket)
	var both sync.WaitGroup
	var said [2]error
	for server := range s.Endpoints {
		both.Go(func() { _, said[server] = s.close(t.Context(), owner, server, arguments) })
	}
	both.Wait()
	if (said[0] == nil) == (said[1] == nil) {
		t.Errorf("of two servers that got one plan at once, one is to use it; they said %v", said)
	}
	t.Logf("both servers at once: %v", said)
	s.desk.fake.Set("requests", strings.TrimPrefix(ticket, "id:"), sdptest.Record{"status": "Open"}) // so that the plan alone is in the way
	for server := range s.Endpoints {
		s.wantRefused(t, owner, server, arguments, "it was used before")
	}
	path := sdptest.To("PUT", "/requests/"+strings.TrimPrefix(ticket, "id:")+"/_close")
	if sent := s.desk.fake.Count(path); sent != 1 {
		t.Errorf("a plan closed its ticket %d times; the servers said %v", sent, said)
	}
}

package transport_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// mcpgoBugs lists the bugs of mcp-go's own transport and registries that were reproduced before this transport was
// written, and for each the tests that show it does not occur here, or why it cannot. Comments and subtests name them by
// number: mcp-go bug 7.
var mcpgoBugs = map[int]struct {
	bug   string
	tests []string
	why   string
}{
	1:  {"a cancellation reaches another client's request", []string{"TestHandler_CancelsNoOtherClients", "TestHandler_DropsNotifications", "TestServeStdio_Cancels"}, ""},
	2:  {"the last notification is lost", []string{"TestProgress_ComesBeforeTheAnswer", "TestListen_LosesNothingAtTheEnd"}, ""},
	3:  {"a page costs as much as all prompts", []string{"TestPromptsList_Pages"}, "the registry has one prompt; pages come from the catalog by keyset"},
	4:  {"GET streams share a session", []string{"TestHandler_NamesTheAllowedMethod"}, "GET is refused"},
	5:  {"sessions are kept for ever", []string{"TestInitialize_KeepsNoSession", "TestInitialize_OffersNoListChanged"}, ""},
	6:  {"bodies have no limit", []string{"TestHandler_RefusesFaultyRequests", "TestReadBody_AnnouncedLengthTakesNoRoom"}, ""},
	7:  {"Origin and Accept are not checked", []string{"TestHandler_RefusesFaultyRequests", "TestNone_AuthenticateOrigin"}, ""},
	8:  {"a loopback connection wants a loopback Host", []string{"TestHandler_LeavesTheHostToTheAuthenticator", "TestHandler_AllowsRequests"}, ""},
	9:  {"streams are silent and do not end", []string{"TestListen_KeepAlive", "TestListen_EndsAtShutdown", "TestListen_EndsWithTheServer"}, ""},
	10: {"resource updates are acknowledged and never told", []string{"TestListen_ResourceUpdates", "TestListen_GrantsWhatIsOffered"}, ""},
	11: {"inner errors reach the caller", []string{"TestHandler_HidesInnerErrors", "TestHandler_Methods", "TestTools_InnerErrorsOfReads"}, ""},
	12: {"what a template does not have is an internal error", []string{"TestHandler_Methods"}, ""},
	13: {"a panic drops the connection", []string{"TestHandler_AnswersAfterAPanic", "TestDispatch_AnswersPanicsOfHandlers"}, ""},
	14: {"a result is changed after it is returned", []string{"TestDispatch_KeepsCallsOfOneIDApart"}, "every handler makes its result for one call"},
	15: {"a log level is shared by all clients", []string{"TestHandler_RefusesFaultyRequests", "TestServeStdio_KeepsALogLevel"}, "over HTTP it is not offered; a pipe has one client"},
	16: {"a cursor of nonsense is an empty page, a full last page has a cursor", []string{"TestHandler_RefusesFaultyRequests", "TestPromptsList_Pages", "TestReadParams_Refusals", "TestParseSearchCursor_Refusals"}, ""},
	17: {"ids null, of any type, and rounded", []string{"TestHandler_RefusesFaultyRequests", "TestHandler_ReturnsIDsAsSent", "TestToolsCall_PassesArgumentsAsWritten", "TestProgress_ComesBeforeTheAnswer"}, ""},
	18: {"state kept under request ids meets another's", []string{"TestDispatch_KeepsCallsOfOneIDApart", "TestHandler_CancelsNoOtherClients"}, "what belongs to a call is in the call"},
	19: {"DELETE leaves the session", []string{"TestHandler_NamesTheAllowedMethod"}, "there are no sessions"},
	20: {"a request is decoded eight times", []string{"TestDispatch_AnswersAsMCPGo"}, "a request is decoded once, and answered without mcp-go's server (docs/adr/0011)"},
	21: {"tasks are those of an older revision", []string{"TestDispatch_MethodsNotServed"}, "tasks are not offered"},
	22: {"hints of a tool are the worst there are", []string{"TestTools_DefinitionsAreComplete", "TestTools_Definitions"}, ""},
	23: {"refused arguments are described in Go", []string{"TestReadArguments_Refusals", "TestReadArguments"}, "arguments are checked by our own words; whatever Go says fails the witness of every test"},
}

// TestMCPGoBugs holds that each of them is covered, by tests that exist.
func TestMCPGoBugs(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if f, ok := declaration.(*ast.FuncDecl); ok && f.Recv == nil {
				there[f.Name.Name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const bugs = 23
	for number := 1; number <= bugs; number++ {
		row := mcpgoBugs[number]
		if row.bug == "" || len(row.tests) == 0 {
			t.Errorf("bug %d is not in the table", number)
		}
		for _, name := range row.tests {
			if !there[name] {
				t.Errorf("bug %d (%s) relies on %s, which is not there", number, row.bug, name)
			}
		}
	}
	if len(mcpgoBugs) != bugs {
		t.Errorf("the table has %d rows, not %d", len(mcpgoBugs), bugs)
	}
}

// anybody admits every request, whatever its Host.
type anybody struct{}

func (anybody) Authenticate(r *http.Request) (context.Context, error) {
	return auth.WithIdentity(r.Context(), auth.Identity{Subject: "anybody"}), nil
}

// TestHandler_LeavesTheHostToTheAuthenticator: behind a proxy in the same pod the connection is a loopback one, and
// the Host that of the service.
func TestHandler_LeavesTheHostToTheAuthenticator(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) { c.Authenticator = anybody{} })
	q := request{RPC: "tools/list", Header: map[string]string{"Host": "mcp.svc.cluster.local"}}
	if got := replica.Send(t, q); got.Status != http.StatusOK {
		t.Errorf("got %d %s", got.Status, got.Body)
	}
}

// TestInitialize_KeepsNoSession of clients that initialize and never come back. It runs alone, for it looks at the memory
// of the process.
func TestInitialize_KeepsNoSession(t *testing.T) {
	replica := workshop(t)
	q := request{RPC: "initialize", Legacy: true, Params: map[string]any{
		"protocolVersion": transporttest.Older, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1"},
	}}
	knock := func(times int) {
		for range times {
			if got := replica.Send(t, q); got.Status != http.StatusOK || got.Header.Get("Mcp-Session-Id") != "" {
				t.Fatalf("%d %v %s", got.Status, got.Header, got.Body)
			}
		}
	}
	knock(100)
	before := inUse()
	const clients = 2000
	knock(clients)
	if kept := int64(inUse()) - int64(before); kept > clients*1024 {
		t.Errorf("%d clients left %d KiB", clients, kept>>10)
	}
}

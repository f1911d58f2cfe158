package server

import (
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
	1:  {"a cancellation reaches another client's request", []string{"TestNobodyCancelsAnother", "TestNotificationsAreDropped", "TestStdioCancels"}, ""},
	2:  {"the last notification is lost", []string{"TestProgressComesBeforeTheAnswer", "TestNothingIsLostAtTheEnd"}, ""},
	3:  {"a page costs as much as all prompts", []string{"TestPromptsList_Pages"}, "the registry has one prompt; pages come from the catalog by keyset"},
	4:  {"GET streams share a session", []string{"TestMethodNotAllowedSaysWhich"}, "GET is refused"},
	5:  {"sessions are kept for ever", []string{"TestNoSessionIsKept", "TestOlderClientsSeeNoListChanged"}, ""},
	6:  {"bodies have no limit", []string{"TestFaultyRequests", "TestAnnouncedBodyTakesNoRoom"}, ""},
	7:  {"Origin and Accept are not checked", []string{"TestFaultyRequests", "TestNone_AuthenticateOrigin"}, ""},
	8:  {"a loopback connection wants a loopback Host", []string{"TestHostIsTheAuthenticatorsToJudge", "TestAllowedRequests"}, ""},
	9:  {"streams are silent and do not end", []string{"TestKeepAlive", "TestShutdownWithOpenStreams", "TestServerEndsWithOpenStreams"}, ""},
	10: {"resource updates are acknowledged and never told", []string{"TestResourceUpdates", "TestListenGrantsWhatThereIs"}, ""},
	11: {"inner errors reach the caller", []string{"TestInnerErrorsStayInside", "TestMethodsOfMCPGo", "TestTools_InnerErrorsOfReads"}, ""},
	12: {"what a template does not have is an internal error", []string{"TestMethodsOfMCPGo"}, ""},
	13: {"a panic drops the connection", []string{"TestPanicIsAnAnswer", "TestPanicsOfMCPGosHandlers"}, ""},
	14: {"a result is changed after it is returned", []string{"TestCallsOfOneIDAreApart"}, "every handler makes its result for one call"},
	15: {"a log level is shared by all clients", []string{"TestFaultyRequests", "TestStdioKeepsALevel"}, "over HTTP it is not offered; a pipe has one client"},
	16: {"a cursor of nonsense is an empty page, a full last page has a cursor", []string{"TestFaultyRequests", "TestPromptsList_Pages", "TestParamsOfMCPGosMethods", "TestParseSearchCursor_Refusals"}, ""},
	17: {"ids null, of any type, and rounded", []string{"TestFaultyRequests", "TestIDsComeBackAsSent", "TestToolsCallIsPassedOn", "TestProgressComesBeforeTheAnswer"}, ""},
	18: {"state kept under request ids meets another's", []string{"TestCallsOfOneIDAreApart", "TestNobodyCancelsAnother"}, "what belongs to a call is in the call"},
	19: {"DELETE leaves the session", []string{"TestMethodNotAllowedSaysWhich"}, "there are no sessions"},
	20: {"a request is decoded eight times", []string{"TestTransport_AnswersAsMCPGo"}, "a request is decoded once, and answered without mcp-go's server (docs/adr/0011)"},
	21: {"tasks are those of an older revision", []string{"TestMethodsThatAreNotServed"}, "tasks are not offered"},
	22: {"hints of a tool are the worst there are", []string{"TestTools_DefinitionsAreComplete", "TestTools_Definitions"}, ""},
	23: {"refused arguments are described in Go", []string{"TestReadArguments_Refusals", "TestReadArguments"}, "arguments are checked by our own words; whatever Go says fails the witness of every test"},
}

// TestMCPGoBugs holds that each of them is covered, by tests that exist.
func TestMCPGoBugs(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
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

func (anybody) Authenticate(*http.Request) (auth.Identity, error) {
	return auth.Identity{Subject: "anybody"}, nil
}

// TestHostIsTheAuthenticatorsToJudge: behind a proxy in the same pod the connection is a loopback one, and
// the Host that of the service.
func TestHostIsTheAuthenticatorsToJudge(t *testing.T) {
	t.Parallel()
	replica := workshop(t, func(c *transport.Config) { c.Authenticator = anybody{} })
	q := request{rpc: "tools/list", header: map[string]string{"Host": "mcp.svc.cluster.local"}}
	if got := replica.send(t, q); got.status != http.StatusOK {
		t.Errorf("got %d %s", got.status, got.body)
	}
}

// TestNoSessionIsKept of clients that initialize and never come back. It runs alone, for it looks at the memory
// of the process.
func TestNoSessionIsKept(t *testing.T) {
	replica := workshop(t)
	q := request{rpc: "initialize", legacy: true, params: map[string]any{
		"protocolVersion": transporttest.Older, "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1"},
	}}
	knock := func(times int) {
		for range times {
			if got := replica.send(t, q); got.status != http.StatusOK || got.header.Get("Mcp-Session-Id") != "" {
				t.Fatalf("%d %v %s", got.status, got.header, got.body)
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

package prompts_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

// witness holds whatever is answered against the official schemas.
var witness = sync.OnceValue(func() *transporttest.SchemaChecker {
	path, err := testenv.TestData("mcp-schema")
	if err != nil {
		panic(err)
	}
	return transporttest.NewSchemaChecker(path)
})

// start serves a source as the program does, with anna for everybody, until the test ends.
func start(tb testing.TB, source catalog.Source, change ...func(*server.Deps)) *httptest.Server {
	tb.Helper()
	return startOn(tb, catalog.New(source, catalog.Options{RetryEvery: 20 * time.Millisecond}), change...)
}

// startOn is start for a catalog that is made otherwise.
func startOn(tb testing.TB, from *catalog.Catalog, change ...func(*server.Deps)) *httptest.Server {
	tb.Helper()
	nobody := auth.NewNone("anna")
	deps := server.Deps{Catalog: from, Authenticator: nobody, Authorizer: nobody, Version: "v0.0.0-test"}
	for _, c := range change {
		c(&deps)
	}
	endpoint := server.NewHandler(deps)
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { defer close(followed); from.FollowFeed(ctx) }()
	replica := httptest.NewServer(witness().Wrap(tb, endpoint))
	tb.Cleanup(func() {
		cancel()
		<-followed
		endpoint.Stop()
		replica.CloseClientConnections()
		replica.Close()
	})
	require.Until(tb, "the first look at the feed", func() bool {
		_, cause := from.UnavailableSince()
		return cause != nil || from.CheckReady() == nil
	})
	return replica
}

// withTools gives a server what tools read, withChanges what tools that write ask.
func withTools(author *catalogtest.Author) func(*server.Deps) {
	return func(d *server.Deps) { d.Library, d.DefaultNamespace = author.Store, "it" }
}

func withChanges(author *catalogtest.Author) func(*server.Deps) {
	return func(d *server.Deps) { d.Changes = author.Store }
}

// connect is an independent client: the official SDK, in a revision of the protocol.
func connect(t *testing.T, replica *httptest.Server, path, version string) *mcp.ClientSession {
	t.Helper()
	session, err := mcp.NewClient(&mcp.Implementation{Name: "independent", Version: "1"}, nil).Connect(t.Context(),
		&mcp.StreamableClientTransport{Endpoint: replica.URL + path, HTTPClient: replica.Client(), MaxRetries: -1},
		&mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// post calls a method as it is written, as clients of older revisions do, and decodes the response.
func post(tb testing.TB, replica *httptest.Server, method string, params, into any) {
	tb.Helper()
	message, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	require.NoError(tb, err)
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, replica.URL+"/mcp", strings.NewReader(string(message)))
	require.NoError(tb, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	response, err := replica.Client().Do(request)
	require.NoError(tb, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	require.NoError(tb, json.Unmarshal(body, into))
}

package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestMain also fails when a goroutine is left behind.
func TestMain(m *testing.M) {
	if address, count, ok := strings.Cut(os.Getenv(holderEnv), " "); ok {
		if err := holdStreams(address, count); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(pgtest.Main(m))
}

// patience is how long a test waits for what must happen.
const patience = 30 * time.Second

// replica is one server under test, on a real listener.
type replica struct {
	*httptest.Server
	client   *http.Client
	endpoint *Handler
	catalog  *catalog.Catalog
}

// start runs a replica over a source until the test ends. Change adapts what it is made of.
func start(tb testing.TB, source catalog.Source, change ...func(*Deps)) *replica {
	tb.Helper()
	return startOn(tb, catalog.New(source, catalog.Options{RetryEvery: 20 * time.Millisecond}), change...)
}

// startOn is start for a catalog that is made otherwise.
func startOn(tb testing.TB, from *catalog.Catalog, change ...func(*Deps)) *replica {
	tb.Helper()
	nobody := auth.NewNone("anna")
	r := &replica{catalog: from}
	deps := Deps{
		Catalog: r.catalog, Authenticator: nobody, Authorizer: nobody,
		Version: "v0.0.0-test", AnnounceDelay: 20 * time.Millisecond,
	}
	for _, c := range change {
		c(&deps)
	}
	r.endpoint = NewHandler(deps)
	ctx, cancel := context.WithCancel(context.Background())
	followed := make(chan struct{})
	go func() { defer close(followed); r.catalog.FollowFeed(ctx) }()
	tb.Cleanup(func() { cancel(); <-followed })
	require.Until(tb, "the first look at the feed", func() bool {
		_, cause := r.catalog.UnavailableSince()
		return cause != nil || r.catalog.CheckReady() == nil
	})
	r.serve(tb)
	return r
}

// serve gives a replica its listener until the test ends. Whatever it answers is held against the official
// schemas.
func (r *replica) serve(tb testing.TB) {
	tb.Helper()
	r.Server = httptest.NewServer(witness().Wrap(tb, r.endpoint))
	r.client = r.Client()
	tb.Cleanup(func() {
		r.endpoint.Stop()
		r.CloseClientConnections()
		r.Close()
	})
}

// request is one HTTP request to a replica. The zero value of most is what a right client sends.
type request struct {
	method    string // of HTTP
	path      string
	rpc       string
	params    map[string]any
	id        string // raw JSON
	legacy    bool
	header    map[string]string // an empty value removes one
	body      string            // instead of a built one
	chunked   bool              // the length is not told
	meta      map[string]any    // over the usual one; nil values remove
	withoutID bool
}

// reply is what came back.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r *replica) send(tb testing.TB, q request) reply {
	tb.Helper()
	response := r.open(tb, tb.Context(), q)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{status: response.StatusCode, header: response.Header, body: string(body)}
}

func (r *replica) open(tb testing.TB, ctx context.Context, q request) *http.Response { //nolint:revive // tb first, as everywhere
	tb.Helper()
	response, err := r.client.Do(r.ask(tb, ctx, q))
	if err != nil {
		tb.Fatal(err)
	}
	return response
}

// ask is a request as it goes out.
func (r *replica) ask(tb testing.TB, ctx context.Context, q request) *http.Request { //nolint:revive // tb first, as everywhere
	tb.Helper()
	method, path := q.method, q.path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/mcp"
	}
	body := q.body
	if body == "" {
		body = q.message(tb)
	}
	var content io.Reader = strings.NewReader(body)
	if q.chunked {
		content = struct{ io.Reader }{content}
	}
	hr, err := http.NewRequestWithContext(ctx, method, r.URL+path, content)
	if err != nil {
		tb.Fatal(err)
	}
	hr.Header.Set("Content-Type", "application/json")
	hr.Header.Set("Accept", "application/json, text/event-stream")
	if !q.legacy {
		hr.Header.Set(mcp.HeaderProtocolVersion, mcp.ProtocolVersion20260728)
		hr.Header.Set(mcp.HeaderMethod, q.rpc)
		for _, member := range []string{"name", "uri"} {
			if name, ok := q.params[member].(string); ok {
				hr.Header.Set(mcp.HeaderName, name)
			}
		}
	}
	for name, value := range q.header {
		switch {
		case name == "Host":
			hr.Host = value
		case value == "":
			hr.Header.Del(name)
		default:
			hr.Header.Set(name, value)
		}
	}
	return hr
}

func (q request) message(tb testing.TB) string {
	tb.Helper()
	params := map[string]any{}
	maps.Copy(params, q.params)
	if !q.legacy {
		meta := map[string]any{
			mcp.MetaKeyProtocolVersion:    mcp.ProtocolVersion20260728,
			mcp.MetaKeyClientCapabilities: map[string]any{},
			mcp.MetaKeyClientInfo:         map[string]any{"name": "test", "version": "1"},
		}
		for name, value := range q.meta {
			if meta[name] = value; value == nil {
				delete(meta, name)
			}
		}
		params["_meta"] = meta
	}
	raw, err := json.Marshal(params)
	if err != nil {
		tb.Fatal(err)
	}
	id := q.id
	if id == "" {
		id = "1"
	}
	if q.withoutID {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, q.rpc, raw)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, q.rpc, raw)
}

// failure is the error of a reply: status, code and message in one comparable line.
func (r reply) failure(tb testing.TB) string {
	tb.Helper()
	var envelope struct {
		Error *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(r.body), &envelope); err != nil || envelope.Error == nil {
		return fmt.Sprintf("%d %s", r.status, strings.TrimSpace(r.body))
	}
	return fmt.Sprintf("%d %d %s", r.status, envelope.Error.Code, envelope.Error.Message)
}

// text is the text of the only message of a prompts/get reply.
func (r reply) text(tb testing.TB) string {
	tb.Helper()
	var envelope struct {
		Result struct {
			Messages []struct{ Content struct{ Text string } }
		}
	}
	if err := json.Unmarshal([]byte(r.body), &envelope); err != nil || len(envelope.Result.Messages) != 1 {
		tb.Fatalf("no single message in %d %s", r.status, r.body)
	}
	return envelope.Result.Messages[0].Content.Text
}

// stream reads server-sent events.
type stream struct {
	*bufio.Reader
	body io.Closer
}

// listen opens a subscriptions/listen stream for changes of the list of prompts.
func (r *replica) listen(tb testing.TB, q request) *stream {
	tb.Helper()
	q.rpc = "subscriptions/listen"
	q.params = map[string]any{"notifications": map[string]any{"promptsListChanged": true}}
	return r.stream(tb, q)
}

// stream opens the stream that answers a request.
func (r *replica) stream(tb testing.TB, q request) *stream {
	tb.Helper()
	response := r.open(tb, tb.Context(), q)
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		body, _ := io.ReadAll(response.Body)
		tb.Fatalf("no stream: %d %s", response.StatusCode, body)
	}
	tb.Cleanup(func() { _ = response.Body.Close() })
	return &stream{Reader: bufio.NewReader(response.Body), body: response.Body}
}

// next is the data of the next event; empty at the end. Comments are for nobody.
func (s *stream) next(tb testing.TB) string {
	tb.Helper()
	for {
		if got := s.frame(tb); !strings.HasPrefix(got, ":") {
			return got
		}
	}
}

// frame is the data of the next event, or the next comment; empty at the end. It waits as long as a
// test may.
func (s *stream) frame(tb testing.TB) string {
	tb.Helper()
	defer time.AfterFunc(patience, func() { _ = s.body.Close() }).Stop()
	var got bytes.Buffer
	for {
		line, err := s.ReadString('\n')
		if err == io.EOF && got.Len() == 0 {
			return ""
		}
		if err != nil {
			tb.Fatalf("nothing more comes on the stream: %v", err)
		}
		line = strings.TrimSuffix(line, "\n")
		if line == "" {
			return got.String()
		}
		if !strings.HasPrefix(line, "event: ") {
			got.WriteString(strings.TrimPrefix(line, "data: "))
		}
	}
}

// The prompts of library.
var (
	handoverKey = catalogtest.HandoverKey
	plainKey    = catalogtest.GreetingKey
	hiddenKey   = catalogtest.HiddenKey
)

func library(tb testing.TB) *catalogtest.Author {
	tb.Helper()
	return catalogtest.NewLibrary(tb)
}

func greeting() *catalogtest.Source { return catalogtest.NewGreeting() }

func getPrompt(name string, arguments map[string]any) request {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return request{rpc: "prompts/get", params: params}
}

func testdataPath(name string) string {
	path, err := testenv.TestData(name)
	if err != nil {
		panic(err)
	}
	return path
}

// testdata is a file of the shared test inputs. Without it a test goes on with less, but not in CI.
func testdata(tb testing.TB, name string) ([]byte, bool) {
	tb.Helper()
	content, err := os.ReadFile(testdataPath(name))
	switch {
	case err == nil:
		return content, true
	case os.Getenv("CI") == "true":
		tb.Fatalf("CI needs the shared test data: %v", err)
	default:
		tb.Logf("Without %s this test covers less; set LECTERN_TESTDATA", name)
	}
	return nil, false
}

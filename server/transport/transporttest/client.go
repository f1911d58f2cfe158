package transporttest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Patience is how long a test waits for what must happen.
const Patience = 30 * time.Second

// Remote is a server as its clients over HTTP see it.
type Remote struct {
	URL  string
	HTTP *http.Client
}

// Endpoint is what can be served over HTTP until it is stopped.
type Endpoint interface {
	http.Handler
	Stop()
}

// Serve gives an endpoint a listener until the test ends. Whatever it answers is compared with the official schemas.
func Serve(tb testing.TB, endpoint Endpoint) Remote {
	tb.Helper()
	server := httptest.NewServer(Official().Wrap(tb, endpoint))
	tb.Cleanup(func() {
		endpoint.Stop()
		server.CloseClientConnections()
		server.Close()
	})
	return Remote{URL: server.URL, HTTP: server.Client()}
}

// Request is one HTTP request to a server. The zero value of most is what a right client sends.
type Request struct {
	HTTPMethod string // POST when empty
	Path       string
	RPC        string
	Params     map[string]any
	ID         string // raw JSON
	Legacy     bool
	Header     map[string]string // an empty value removes one
	Body       string            // instead of a built one
	Chunked    bool              // the length is not told
	Meta       map[string]any    // over the usual one; nil values remove
	WithoutID  bool
}

// Reply is what came back.
type Reply struct {
	Status int
	Header http.Header
	Body   string
}

// Send sends a request and reads the whole answer.
func (r Remote) Send(tb testing.TB, q Request) Reply {
	tb.Helper()
	response := r.Open(tb, tb.Context(), q)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return Reply{Status: response.StatusCode, Header: response.Header, Body: string(body)}
}

// Open sends a request; the caller closes the response.
func (r Remote) Open(tb testing.TB, ctx context.Context, q Request) *http.Response { //nolint:revive // tb first, as everywhere
	tb.Helper()
	response, err := r.HTTP.Do(r.NewRequest(tb, ctx, q))
	if err != nil {
		tb.Fatal(err)
	}
	return response
}

// NewRequest makes a request as it goes out.
func (r Remote) NewRequest(tb testing.TB, ctx context.Context, q Request) *http.Request { //nolint:revive // tb first, as everywhere
	tb.Helper()
	method, path := q.HTTPMethod, q.Path
	if method == "" {
		method = http.MethodPost
	}
	if path == "" {
		path = "/mcp"
	}
	body := q.Body
	if body == "" {
		body = q.Message(tb)
	}
	var content io.Reader = strings.NewReader(body)
	if q.Chunked {
		content = struct{ io.Reader }{content}
	}
	hr, err := http.NewRequestWithContext(ctx, method, r.URL+path, content)
	if err != nil {
		tb.Fatal(err)
	}
	hr.Header.Set("Content-Type", "application/json")
	hr.Header.Set("Accept", "application/json, text/event-stream")
	if !q.Legacy {
		hr.Header.Set(mcp.HeaderProtocolVersion, mcp.ProtocolVersion20260728)
		hr.Header.Set(mcp.HeaderMethod, q.RPC)
		for _, member := range []string{"name", "uri"} {
			if name, ok := q.Params[member].(string); ok {
				hr.Header.Set(mcp.HeaderName, name)
			}
		}
	}
	for name, value := range q.Header {
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

// Message returns the JSON-RPC message of a request.
func (q Request) Message(tb testing.TB) string {
	tb.Helper()
	params := map[string]any{}
	maps.Copy(params, q.Params)
	if !q.Legacy {
		meta := map[string]any{
			mcp.MetaKeyProtocolVersion:    mcp.ProtocolVersion20260728,
			mcp.MetaKeyClientCapabilities: map[string]any{},
			mcp.MetaKeyClientInfo:         map[string]any{"name": "test", "version": "1"},
		}
		for name, value := range q.Meta {
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
	id := q.ID
	if id == "" {
		id = "1"
	}
	if q.WithoutID {
		return fmt.Sprintf(`{"jsonrpc":"2.0","method":%q,"params":%s}`, q.RPC, raw)
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":%q,"params":%s}`, id, q.RPC, raw)
}

// Failure returns the error of a reply: status, code and message in one comparable line.
func (r Reply) Failure(tb testing.TB) string {
	tb.Helper()
	var envelope struct {
		Error *struct {
			Code    int
			Message string
		}
	}
	if err := json.Unmarshal([]byte(r.Body), &envelope); err != nil || envelope.Error == nil {
		return fmt.Sprintf("%d %s", r.Status, strings.TrimSpace(r.Body))
	}
	return fmt.Sprintf("%d %d %s", r.Status, envelope.Error.Code, envelope.Error.Message)
}

// Text returns the text of the only message of a prompts/get reply.
func (r Reply) Text(tb testing.TB) string {
	tb.Helper()
	var envelope struct {
		Result struct {
			Messages []struct{ Content struct{ Text string } }
		}
	}
	if err := json.Unmarshal([]byte(r.Body), &envelope); err != nil || len(envelope.Result.Messages) != 1 {
		tb.Fatalf("no single message in %d %s", r.Status, r.Body)
	}
	return envelope.Result.Messages[0].Content.Text
}

// Result returns the result of a reply without what every result has, as compact JSON; a failure is status,
// code and message.
func (r Reply) Result(tb testing.TB) string {
	tb.Helper()
	var envelope struct{ Result map[string]any }
	if err := json.Unmarshal([]byte(r.Body), &envelope); err != nil || envelope.Result == nil {
		return r.Failure(tb)
	}
	delete(envelope.Result, "_meta")
	compact, err := json.Marshal(envelope.Result)
	if err != nil {
		tb.Fatal(err)
	}
	return string(compact)
}

// CallTool makes a call of a tool; nil arguments are left out.
func CallTool(name string, arguments map[string]any) Request {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return Request{RPC: "tools/call", Params: params}
}

package transport_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// fuzzSeeds are messages of all kinds, right and wrong.
func fuzzSeeds() []string {
	const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"progressToken":"t",` +
		`"io.modelcontextprotocol/logLevel":"debug"}`
	seeds := []string{
		``, `{`, `[]`, `null`, `"x"`, `{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`,
		`{"jsonrpc":"2.0","id":1,"result":{}}`, `{"jsonrpc":"2.0","id":null,"method":"ping"}`, `{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}`,
		initialize, `{"jsonrpc":"2.0","ID":1,"id":2,"method":"ping","Method":"tools/list"}`, deep(200),
		`{"jsonrpC":"2.0","id":"","method":"tools/call","pArAms":{"nAme":"mirror","_metA":{"io.modelConteXtprotoCol/protoColVersion":"2026-07-28",` +
			`"io.modelConteXtprotoCol/ClientCApABilities":{}}}}`,
	}
	for _, request := range []string{
		`"server/discover","params":{%}`, `"prompts/list","params":{"cursor":"",%}`, `"prompts/get","params":{"name":"ask","arguments":{"topic":"x"},%}`,
		`"tools/list","params":{%}`, `"tools/call","params":{"name":"echo","arguments":{"a":[1,{"b":null}]},"requestState":"s","inputResponses":{"a":{}},%}`,
		`"tools/call","params":{"name":"progress","arguments":{"count":2},%}`, `"tools/call","params":{"name":"log",%}`,
		`"tools/call","params":{"name":"mirror","arguments":{"region":"eu"},%}`, `"tools/call","params":{"name":"panic",%}`,
		`"resources/list","params":{%}`, `"resources/templates/list","params":{%}`, `"resources/read","params":{"uri":"test://7/data",%}`,
		`"completion/complete","params":{"ref":{"type":"ref/prompt","name":"x"},"argument":{"name":"a","value":"b"},"context":{"arguments":{"c":"d"}},%}`,
		`"subscriptions/listen","params":{"notifications":{"promptsListChanged":true,"resourceSubscriptions":["prompt://a/b"]},%}`,
		`"logging/setLevel","params":{"level":"info",%}`, `"resources/subscribe","params":{"uri":"prompt://a/b",%}`, `"prompts/burn","params":{%}`,
	} {
		seeds = append(seeds, `{"jsonrpc":"2.0","id":"a","method":`+strings.ReplaceAll(request, "%", meta)+`}`,
			`{"jsonrpc":"2.0","id":1,"method":`+strings.ReplaceAll(request, "%", `"_meta":{}`)+`}`)
	}
	return seeds
}

// newEndingEndpoint returns an endpoint that is ending, where nothing waits: streams end as soon as they begin.
func newEndingEndpoint() *transport.Handler {
	server := everything(newProbe())
	server.Tools = slices.DeleteFunc(server.Tools, func(tool transport.Tool) bool { return tool.Definition.Name == "wait" })
	handler := transport.New(transport.Config{Server: server, Authenticator: anybody{}, MayFollow: followPrompts, BodyLimit: 64 << 10})
	handler.Stop()
	return handler
}

// FuzzTransport: whatever is sent, nothing panics, and what comes back is JSON-RPC by the official schema, under
// the id of the request.
func FuzzTransport(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add([]byte(seed), true)
		f.Add([]byte(seed), false)
	}
	handler := newEndingEndpoint()
	f.Fuzz(func(t *testing.T, body []byte, headers bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/mcp", bytes.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		if headers {
			mirror(r.Header, body)
		}
		w := httptest.NewRecorder()
		transporttest.Official().Wrap(t, handler).ServeHTTP(w, r)
		answers(t, body, w)
	})
}

// mirror sets the headers of a request to what its body says.
func mirror(header http.Header, body []byte) {
	var message struct {
		Method string
		Params struct {
			Name, URI string
			Arguments struct{ Region string }
		}
	}
	_ = json.Unmarshal(body, &message) // what cannot be read has nothing to mirror
	header.Set(mcp.HeaderProtocolVersion, transporttest.Newest)
	for name, value := range map[string]string{
		mcp.HeaderMethod: message.Method, mcp.HeaderName: message.Params.Name + message.Params.URI, "Mcp-Param-Region": message.Params.Arguments.Region,
	} {
		if encoded, ok := mcp.EncodeHeaderValue(value); ok && value != "" {
			header.Set(name, encoded)
		}
	}
}

// answers holds a response against the message it is to: the last of its events, where there are several.
func answers(t *testing.T, body []byte, w *httptest.ResponseRecorder) {
	t.Helper()
	switch answer := w.Body.String(); w.Header().Get("Content-Type") {
	case "application/json":
		sameID(t, body, []byte(answer))
	case "text/event-stream":
		events := strings.Split(strings.TrimSuffix(answer, "\n\n"), "\n\n")
		sameID(t, body, []byte(strings.TrimPrefix(events[len(events)-1], "event: message\ndata: ")))
	default:
		if refused := w.Code == http.StatusNotAcceptable || w.Code == http.StatusUnsupportedMediaType; !refused && (w.Code != http.StatusAccepted || answer != "") {
			t.Errorf("%s is answered with %d %s", body, w.Code, answer)
		}
	}
}

// sameID: an answer has the id of what was asked, as it was written, or null where that is none.
func sameID(t *testing.T, asked, answer []byte) {
	t.Helper()
	if !json.Valid(answer) {
		t.Errorf("%q is answered by what is no JSON: %q", asked, answer)
	}
	var question struct{ ID json.RawMessage }
	want := "null"
	if json.Unmarshal(asked, &question) == nil && len(question.ID) > 0 {
		want = string(question.ID)
	}
	if got := transporttest.MessageID(answer); got != want && got != "null" {
		t.Errorf("%q is answered under the id %s: %s", asked, got, answer)
	} else if got == "null" && !strings.Contains(string(answer), `"error":`) {
		t.Errorf("%q has a result for nobody: %s", asked, answer)
	}
}

// FuzzStdio: whatever lines come, every line that goes out is a message, and the server ends with the input.
func FuzzStdio(f *testing.F) {
	for _, seed := range fuzzSeeds() {
		f.Add([]byte(seed + "\n" + seed))
	}
	f.Add([]byte(strings.Join(fuzzSeeds(), "\n")))
	handler := newEndingEndpoint()
	f.Fuzz(func(t *testing.T, input []byte) {
		out := &sink{}
		if err := handler.ServeStdio(t.Context(), auth.Identity{Subject: "fuzz"}, "", bytes.NewReader(input), out); err != nil {
			t.Error(err)
		}
		for line := range bytes.Lines(out.written.Bytes()) {
			var message struct{ JSONRPC string }
			if err := json.Unmarshal(line, &message); err != nil || message.JSONRPC != "2.0" || transporttest.FindLeak(line) != nil {
				t.Errorf("%q is no message for a client: %v", line, err)
			}
		}
	})
}

// sink takes what is written until it is closed, as the server does at its end.
type sink struct {
	mu      sync.Mutex
	written bytes.Buffer
	closed  bool
}

func (s *sink) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return 0, io.ErrClosedPipe
	}
	return s.written.Write(b)
}

func (s *sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	newest = mcp.ProtocolVersion20260728
	older  = "2025-11-25"
)

// resultOf names the definition of the result of each method, the same in both revisions.
var resultOf = map[string]string{
	"initialize": "InitializeResult", "ping": "EmptyResult", "server/discover": "DiscoverResult",
	"prompts/list": "ListPromptsResult", "prompts/get": "GetPromptResult",
	"tools/list": "ListToolsResult", "tools/call": "CallToolResult",
	"resources/list": "ListResourcesResult", "resources/templates/list": "ListResourceTemplatesResult",
	"resources/read": "ReadResourceResult", "completion/complete": "CompleteResult",
	"subscriptions/listen": "SubscriptionsListenResult", "logging/setLevel": "EmptyResult",
	"resources/subscribe": "EmptyResult", "resources/unsubscribe": "EmptyResult",
}

// notificationOf names the definition of each notification a server sends.
var notificationOf = map[string]string{
	"notifications/prompts/list_changed": "PromptListChangedNotification", "notifications/tools/list_changed": "ToolListChangedNotification",
	"notifications/resources/list_changed": "ResourceListChangedNotification", "notifications/resources/updated": "ResourceUpdatedNotification",
	"notifications/progress": "ProgressNotification", "notifications/message": "LoggingMessageNotification",
	"notifications/subscriptions/acknowledged": "SubscriptionsAcknowledgedNotification",
}

// errorOf names the definition of a response with an error, where a revision has one of its own.
var errorOf = map[int]string{
	mcp.HEADER_MISMATCH: "HeaderMismatchError", mcp.MISSING_REQUIRED_CLIENT_CAPABILITY: "MissingRequiredClientCapabilityError",
	mcp.UNSUPPORTED_PROTOCOL_VERSION: "UnsupportedProtocolVersionError",
}

// official are the definitions of a revision's schema, compiled when they are first needed.
type official struct {
	revision string
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// schemas are the official ones by revision; nil where the test data is not there.
var schemas = sync.OnceValue(func() map[string]*official {
	found := make(map[string]*official)
	for _, revision := range []string{newest, older} {
		raw, err := os.ReadFile(testdataFolder() + "/mcp-schema/" + revision + ".json")
		if err != nil {
			return nil
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(revision+".json", document); err != nil {
			panic(err)
		}
		found[revision] = &official{revision: revision, compiler: compiler}
	}
	return found
})

// check holds a value against a definition.
func (o *official) check(definition string, value any) error {
	o.mu.Lock()
	schema, err := o.compiler.Compile(o.revision + ".json#/$defs/" + definition)
	o.mu.Unlock()
	if err != nil {
		return err
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("no %s of %s: %w", definition, o.revision, err)
	}
	return nil
}

// follows holds one message of a server to a request of some method against the schema of a revision. An id
// that could not be read is null, as JSON-RPC has it, where the schema knows only to leave it out.
func follows(revision, method string, raw []byte) error {
	schema := schemas()[revision]
	if schema == nil {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	message, ok := value.(map[string]any)
	if err != nil || !ok {
		return errors.New("no JSON object")
	}
	if id, there := message["id"]; there && id == nil && message["error"] != nil {
		delete(message, "id")
	}
	if note, ok := message["method"].(string); ok {
		if notificationOf[note] == "" {
			return fmt.Errorf("%s is no notification of a server", note)
		}
		return schema.check(notificationOf[note], value)
	}
	if failure, ok := message["error"].(map[string]any); ok {
		definition := "JSONRPCErrorResponse"
		if code, err := failure["code"].(json.Number).Int64(); err == nil && revision == newest && errorOf[int(code)] != "" {
			definition = errorOf[int(code)]
		}
		return schema.check(definition, value)
	}
	if err := schema.check("JSONRPCResultResponse", value); err != nil {
		return err
	}
	result, _ := message["result"].(map[string]any)
	definition := resultOf[method]
	if result["resultType"] == "input_required" {
		definition = "InputRequiredResult"
	}
	if definition == "" {
		return fmt.Errorf("a result of %q, which has none", method)
	}
	return schema.check(definition, message["result"])
}

// spoken is what a request says of itself: its method and the revision it speaks.
func spoken(header http.Header, body []byte) (method, revision string) {
	var message struct {
		Method string
		Params struct {
			Meta struct {
				Version string `json:"io.modelcontextprotocol/protocolVersion"`
			} `json:"_meta"`
		}
	}
	_ = json.Unmarshal(body, &message) // of what cannot be read nothing is known
	revision = older
	if mcp.IsModernProtocol(message.Params.Meta.Version) || mcp.IsModernProtocol(header.Get(mcp.HeaderProtocolVersion)) {
		revision = newest
	}
	return message.Method, revision
}

// witness holds everything a handler answers against the official schemas.
func witness(tb testing.TB, handler http.Handler) http.Handler {
	tb.Helper()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &seen{ResponseWriter: w, tb: tb, header: r.Header}
		if r.Body != nil {
			r.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(r.Body, &seen.asked), r.Body}
		}
		handler.ServeHTTP(seen, r)
		seen.end()
	})
}

// seen is a response under way. What was asked is forgotten when the answer begins: it may last.
type seen struct {
	http.ResponseWriter
	tb               testing.TB
	header           http.Header
	asked, answered  bytes.Buffer
	method, revision string
}

func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *seen) WriteHeader(status int) {
	s.method, s.revision = spoken(s.header, s.asked.Bytes())
	s.asked = bytes.Buffer{}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(b []byte) (int, error) {
	s.answered.Write(b)
	if s.Header().Get("Content-Type") == "text/event-stream" {
		for {
			event, rest, whole := bytes.Cut(s.answered.Bytes(), []byte("\n\n"))
			if !whole {
				break
			}
			if data, ok := bytes.CutPrefix(event, []byte("event: message\ndata: ")); ok {
				s.check(data)
			} else if !bytes.HasPrefix(event, []byte(":")) {
				s.tb.Errorf("neither an event nor a comment: %s", event)
			}
			s.answered = *bytes.NewBuffer(rest)
		}
	}
	return s.ResponseWriter.Write(b)
}

// end checks an answer that is no stream. Text is for people whose request was no message.
func (s *seen) end() {
	if s.Header().Get("Content-Type") == "application/json" {
		s.check(s.answered.Bytes())
	}
}

// leaks are what only the inside of the program says. They are looked for one by one: a regexp that
// begins with a word is searched for as fast as the word.
var leaks = []*regexp.Regexp{
	regexp.MustCompile(`\.go:\d`), regexp.MustCompile(`goroutine \d`), regexp.MustCompile(`runtime error`), regexp.MustCompile(`&\{`),
	regexp.MustCompile(`Go struct`), regexp.MustCompile(`Go value`), regexp.MustCompile(`json: `),
	regexp.MustCompile(`SQLSTATE`), regexp.MustCompile(`0x[0-9a-f]{6}`), regexp.MustCompile(`secret`),
}

// leaked is what of the inside a message says; nil when it keeps quiet.
func leaked(message []byte) []byte {
	for _, leak := range leaks {
		if inner := leak.Find(message); inner != nil {
			return inner
		}
	}
	return nil
}

func (s *seen) check(message []byte) {
	if inner := leaked(message); inner != nil {
		s.tb.Errorf("the answer to %s says %q\n%.2000s", s.method, inner, message)
	}
	if err := follows(s.revision, s.method, message); err != nil {
		s.tb.Errorf("the answer to %s breaks the schema\n%.2000s\n%v", s.method, message, err)
	}
}

// TestTheWitnessSees what is wrong: every other test relies on it.
func TestTheWitnessSees(t *testing.T) {
	t.Parallel()
	for _, revision := range []string{newest, older} {
		if _, ok := testdata(t, "mcp-schema/"+revision+".json"); !ok {
			return
		}
	}
	for name, tc := range map[string]struct {
		revision, method, message string
		wrong                     bool
	}{
		"a right answer":                     {older, "ping", `{"jsonrpc":"2.0","id":1,"result":{}}`, false},
		"a newer one without a type":         {newest, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":0,"cacheScope":"private"}}`, true},
		"a newer one without a scope":        {newest, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[],"ttlMs":0,"resultType":"complete"}}`, true},
		"an older one is another":            {older, "tools/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}`, false},
		"another method's":                   {older, "prompts/list", `{"jsonrpc":"2.0","id":1,"result":{"tools":[]}}`, true},
		"a method without results":           {older, "prompts/burn", `{"jsonrpc":"2.0","id":1,"result":{}}`, true},
		"no id":                              {older, "ping", `{"jsonrpc":"2.0","result":{}}`, true},
		"an error":                           {older, "ping", `{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"x"}}`, false},
		"an error to nobody":                 {older, "", `{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}`, false},
		"an error without a text":            {older, "ping", `{"jsonrpc":"2.0","id":1,"error":{"code":-32602}}`, true},
		"a missing capability, not named":    {newest, "tools/call", `{"jsonrpc":"2.0","id":1,"error":{"code":-32021,"message":"x"}}`, true},
		"a notification":                     {older, "", `{"jsonrpc":"2.0","method":"notifications/prompts/list_changed"}`, false},
		"a notification nobody knows":        {older, "", `{"jsonrpc":"2.0","method":"notifications/prompts/burned"}`, true},
		"an update of no resource":           {older, "", `{"jsonrpc":"2.0","method":"notifications/resources/updated","params":{}}`, true},
		"a question back":                    {newest, "tools/call", `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":"x"}}`, false},
		"a question back of the wrong shape": {newest, "tools/call", `{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","requestState":3}}`, true},
		"no JSON":                            {older, "ping", `{`, true},
	} {
		if err := follows(tc.revision, tc.method, []byte(tc.message)); (err != nil) != tc.wrong {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// noting counts errors instead of failing.
type noting struct {
	testing.TB
	errors atomic.Int32
}

func (n *noting) Errorf(string, ...any) { n.errors.Add(1) }

// TestTheWitnessStandsBeforeTheServer: what breaks the schema on the wire fails the test that asked.
func TestTheWitnessStandsBeforeTheServer(t *testing.T) {
	t.Parallel()
	if _, ok := testdata(t, "mcp-schema/"+older+".json"); !ok {
		return
	}
	for name, tc := range map[string]struct {
		contentType, answer string
		want                int32
	}{
		"a right answer": {"application/json", `{"jsonrpc":"2.0","id":1,"result":{}}`, 0},
		"a wrong answer": {"application/json", `{"jsonrpc":"2.0","id":1,"result":[]}`, 1},
		"a leak":         {"application/json", `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"runtime error"}}`, 1},
		"a right event":  {"text/event-stream", ": hello\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n", 0},
		"wrong events":   {"text/event-stream", "event: message\ndata: {}\n\nretry: 3\n\n", 2},
	} {
		note := &noting{TB: t}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/mcp", bytes.NewBufferString(`{"method":"ping"}`))
		witness(note, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", tc.contentType)
			w.WriteHeader(http.StatusOK)
			_, _ = io.WriteString(w, tc.answer)
		})).ServeHTTP(httptest.NewRecorder(), r)
		if got := note.errors.Load(); got != tc.want {
			t.Errorf("%s: %d errors, want %d", name, got, tc.want)
		}
	}
}

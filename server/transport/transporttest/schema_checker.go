// Package transporttest is for tests of what speaks MCP: clients over HTTP and over pipes, and a checker that compares what
// a server says with the official schemas.
//
// It knows nothing of what is served. Its invariant: what breaks the schema, or tells of the inside, fails the test.
package transporttest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/lectern-dev/lectern/internal/testenv"
)

// The two revisions whose schemas answers are held against.
const (
	Newest = mcp.ProtocolVersion20260728
	Older  = "2025-11-25"
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

// revisionSchema are the definitions of a revision's schema, compiled when they are first needed.
type revisionSchema struct {
	revision string
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

// SchemaChecker compares what a server says with the official schemas.
type SchemaChecker struct {
	schemas map[string]*revisionSchema
}

// NewSchemaChecker reads the schemas of both revisions in a folder. Without them it finds leaks only.
func NewSchemaChecker(folder string) *SchemaChecker {
	w := &SchemaChecker{schemas: make(map[string]*revisionSchema)}
	for _, revision := range []string{Newest, Older} {
		raw, err := fs.ReadFile(os.DirFS(folder), revision+".json")
		if err != nil {
			return &SchemaChecker{}
		}
		document, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err != nil {
			panic(err)
		}
		compiler := jsonschema.NewCompiler()
		if err := compiler.AddResource(revision+".json", document); err != nil {
			panic(err)
		}
		w.schemas[revision] = &revisionSchema{revision: revision, compiler: compiler}
	}
	return w
}

// Official is the checker of the shared test inputs, made once.
var Official = sync.OnceValue(func() *SchemaChecker {
	folder, err := testenv.TestData("mcp-schema")
	if err != nil {
		panic(err)
	}
	return NewSchemaChecker(folder)
})

// NoSchemas reports whether there are none: then only leaks are found.
func (w *SchemaChecker) NoSchemas() bool { return len(w.schemas) == 0 }

// validate compares a value with a definition.
func (o *revisionSchema) validate(definition string, value any) error {
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

// Check compares one message of a server, to a request of some method, with the schema of a revision. An id
// that could not be read is null, as JSON-RPC has it, where the schema knows only to leave it out.
func (w *SchemaChecker) Check(revision, method string, raw []byte) error {
	schema := w.schemas[revision]
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
		return schema.validate(notificationOf[note], value)
	}
	if failure, ok := message["error"].(map[string]any); ok {
		definition := "JSONRPCErrorResponse"
		if code, err := failure["code"].(json.Number).Int64(); err == nil && revision == Newest && errorOf[int(code)] != "" {
			definition = errorOf[int(code)]
		}
		return schema.validate(definition, value)
	}
	if err := schema.validate("JSONRPCResultResponse", value); err != nil {
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
	return schema.validate(definition, message["result"])
}

// RequestInfo returns what a request says of itself: its method and the revision it speaks.
func RequestInfo(header http.Header, body []byte) (method, revision string) {
	var message struct {
		Method string
		Params struct {
			Meta map[string]any `json:"_meta"` // in whose keys case counts
		}
	}
	_ = json.Unmarshal(body, &message) // of what cannot be read nothing is known
	version, _ := message.Params.Meta[mcp.MetaKeyProtocolVersion].(string)
	revision = Older
	if mcp.IsModernProtocol(version) || mcp.IsModernProtocol(header.Get(mcp.HeaderProtocolVersion)) {
		revision = Newest
	}
	return message.Method, revision
}

// Wrap makes a handler whose every answer is compared with the schemas.
func (w *SchemaChecker) Wrap(tb testing.TB, handler http.Handler) http.Handler {
	tb.Helper()
	return http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		seen := &checkedResponse{ResponseWriter: to, tb: tb, checker: w, header: r.Header}
		asked := r.WithContext(r.Context()) // net/http waits for clients that still send by the body of its own request
		if r.Body != nil {
			asked.Body = struct {
				io.Reader
				io.Closer
			}{io.TeeReader(r.Body, &seen.asked), r.Body}
		}
		handler.ServeHTTP(seen, asked)
		seen.checkBody()
	})
}

// checkedResponse is a response under way. What was asked is forgotten when the answer begins: it may last.
type checkedResponse struct {
	http.ResponseWriter
	tb               testing.TB
	checker          *SchemaChecker
	header           http.Header
	asked, answered  bytes.Buffer
	method, revision string
	cut              bool // the client took no more of it
}

func (s *checkedResponse) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *checkedResponse) WriteHeader(status int) {
	s.method, s.revision = RequestInfo(s.header, s.asked.Bytes())
	s.asked = bytes.Buffer{}
	s.ResponseWriter.WriteHeader(status)
}

func (s *checkedResponse) Write(b []byte) (int, error) {
	s.answered.Write(b)
	if s.Header().Get("Content-Type") == "text/event-stream" {
		for {
			event, rest, whole := bytes.Cut(s.answered.Bytes(), []byte("\n\n"))
			if !whole {
				break
			}
			if data, ok := bytes.CutPrefix(event, []byte("event: message\ndata: ")); ok {
				s.checkMessage(data)
			} else if !bytes.HasPrefix(event, []byte(":")) {
				s.tb.Errorf("neither an event nor a comment: %s", event)
			}
			s.answered = *bytes.NewBuffer(rest)
		}
	}
	n, err := s.ResponseWriter.Write(b)
	s.cut = s.cut || err != nil
	return n, err
}

// checkBody checks an answer that is no stream. Text is for people whose request was no message.
func (s *checkedResponse) checkBody() {
	if s.Header().Get("Content-Type") == "application/json" && !s.cut {
		s.checkMessage(s.answered.Bytes())
	}
}

// leaks are what only the inside of the program says. They are looked for one by one: a regexp that
// begins with a word is searched for as fast as the word.
var leaks = []*regexp.Regexp{
	regexp.MustCompile(`\.go:\d`), regexp.MustCompile(`goroutine \d`), regexp.MustCompile(`runtime error`), regexp.MustCompile(`&\{`),
	regexp.MustCompile(`Go struct`), regexp.MustCompile(`Go value`), regexp.MustCompile(`json: `),
	regexp.MustCompile(`SQLSTATE`), regexp.MustCompile(`0x[0-9a-f]{6}`), regexp.MustCompile(`secret`),
}

// FindLeak returns what of the inside a message says; nil when there is nothing.
func FindLeak(message []byte) []byte {
	for _, leak := range leaks {
		if inner := leak.Find(message); inner != nil {
			return inner
		}
	}
	return nil
}

func (s *checkedResponse) checkMessage(message []byte) {
	if inner := FindLeak(message); inner != nil {
		s.tb.Errorf("the answer to %s says %q\n%.2000s", s.method, inner, message)
	}
	if err := s.checker.Check(s.revision, s.method, message); err != nil {
		s.tb.Errorf("the answer to %s breaks the schema\n%.2000s\n%v", s.method, message, err)
	}
}

package server

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

const getBody = `{"jsonrpc":"2.0","id":7,"method":"prompts/get","params":{"name":"support.incident-handover",` +
	`"arguments":{"ticket":"INC-4711","tone":"brief"},"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

const toolBody = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_prompt",` +
	`"arguments":{"id":"support/incident-handover"},"_meta":{` +
	`"io.modelcontextprotocol/protocolVersion":"2026-07-28",` +
	`"io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1.0.0"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}}}`

const handover = "Write a {{tone}} handover for {{ticket}}.\n" +
	"Say what happened, what was tried, what is still open, and whom to call.\n" +
	"{{#urgent}}Begin with what must be done in the next hour.\n{{/urgent}}"

func benchEndpoint(tb testing.TB) *Handler {
	tb.Helper()
	author := catalogtest.NewAuthor(tb)
	spec := catalogtest.Text(handover)
	spec.Title, spec.Description = "Incident handover", "Hand an open incident over to the next shift"
	author.Publish(store.Key{Namespace: "support", Name: "incident-handover"}, spec)
	nobody := auth.NewNone("bench")
	endpoint := NewHandler(Deps{
		Catalog: catalog.New(author, catalog.Options{}), Library: author, Authenticator: nobody, Authorizer: nobody, Version: "v0",
	})
	tb.Cleanup(endpoint.Stop)
	return endpoint
}

// connection is a recorder with the deadlines a connection has; that a recorder has none is an error,
// which costs more than setting one.
type connection struct{ *httptest.ResponseRecorder }

func (connection) SetReadDeadline(time.Time) error  { return nil }
func (connection) SetWriteDeadline(time.Time) error { return nil }

// post drives a handler without sockets.
func post(b *testing.B, handler http.Handler, method, name, body string) {
	b.Helper()
	header := http.Header{
		"Content-Type":         {"application/json"},
		"Accept":               {"application/json, text/event-stream"},
		"Mcp-Protocol-Version": {mcp.ProtocolVersion20260728},
		"Mcp-Method":           {method},
		"Mcp-Name":             {name},
		"User-Agent":           {"bench"},
	}
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "http://127.0.0.1:8080/mcp", bytes.NewReader([]byte(body)))
		r.Header = header
		w := connection{httptest.NewRecorder()}
		handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatalf("status %d: %s", w.Code, w.Body)
		}
	}
}

// answer is what the endpoint says to getBody.
func answer(tb testing.TB, endpoint http.Handler) []byte {
	tb.Helper()
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "http://127.0.0.1:8080/mcp", bytes.NewReader([]byte(getBody)))
	r.Header = http.Header{
		"Content-Type": {"application/json"}, "Mcp-Protocol-Version": {mcp.ProtocolVersion20260728},
		"Mcp-Method": {"prompts/get"}, "Mcp-Name": {"support.incident-handover"},
	}
	w := httptest.NewRecorder()
	endpoint.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		tb.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.Bytes()
}

func BenchmarkPromptsGet(b *testing.B) {
	post(b, benchEndpoint(b), "prompts/get", "support.incident-handover", getBody)
}

// BenchmarkGetPromptTool asks for the same prompt by a tool, which reads it from the store.
func BenchmarkGetPromptTool(b *testing.B) {
	post(b, benchEndpoint(b), "tools/call", "get_prompt", toolBody)
}

// BenchmarkBareHandler is the floor: the same bytes, from a handler that reads the body and no more.
func BenchmarkBareHandler(b *testing.B) {
	body := answer(b, benchEndpoint(b))
	post(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	}), "prompts/get", "support.incident-handover", getBody)
}

// BenchmarkHandleMessage is what mcp-go costs for the same request and a prompt in its registry,
// with no HTTP around it.
func BenchmarkHandleMessage(b *testing.B) {
	srv := mcpserver.NewMCPServer("bench", "v0", mcpserver.WithPromptCapabilities(true))
	compiled, err := prompt.Compile(catalogtest.Text(handover), nil)
	if err != nil {
		b.Fatal(err)
	}
	template, err := prompt.NewTemplate(&compiled.Document)
	if err != nil {
		b.Fatal(err)
	}
	srv.AddPrompt(mcp.NewPrompt("support.incident-handover"), func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		messages, err := template.Render(r.Params.Arguments)
		if err != nil {
			return nil, err
		}
		return &mcp.GetPromptResult{Messages: []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: mcp.TextContent{Type: "text", Text: messages[0].Text}},
		}}, nil
	})
	b.ReportAllocs()
	for b.Loop() {
		response := srv.HandleMessage(b.Context(), []byte(getBody))
		if err := json.NewEncoder(io.Discard).Encode(response); err != nil {
			b.Fatal(err)
		}
		if _, ok := response.(mcp.JSONRPCResponse); !ok {
			b.Fatalf("answer %v", response)
		}
	}
}

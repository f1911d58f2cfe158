package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// The servers Lectern is measured against.
const (
	bareServer = "bare"
	mcpGo      = "mcp-go"
	goSDK      = "go-sdk"
	jsonFiles  = "json-files"
)

// The prompt that is asked for everywhere, and the call.
const (
	shownNamespace   = "support"
	shownObject      = "incident-handover"
	shownName        = shownNamespace + "." + shownObject
	shownParams      = `"name":"` + shownName + `","arguments":{"ticket":"INC-4711","tone":"brief"}`
	shownTitle       = "Incident handover"
	shownDescription = "Hand an open incident over to the next shift"
	shownText        = "Write a {{tone}} handover for {{ticket}}.\n" +
		"Say what happened, what was tried, what is still open, and whom to call.\n" +
		"{{#urgent}}Begin with what must be done in the next hour.\n{{/urgent}}"
)

// runBaseline runs one of them, as a sub-command, on an address for MCP and one that says it is
// ready: the bare server must have nothing to decide.
func runBaseline(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	kind := flags.String("kind", bareServer, "bare, mcp-go, go-sdk or json-files")
	address := flags.String("address", "", "host:port for MCP")
	ready := flags.String("ready", "", "host:port that answers when the other one does")
	answer := flags.String("answer", "", "file with what the bare server answers, or folder of json-files")
	if err := flags.Parse(args); err != nil {
		return err
	}
	handler, err := newBaseline(*kind, *answer)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for at, h := range map[string]http.Handler{
		*address: handler,
		*ready:   http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }),
	} {
		srv := &http.Server{Addr: at, Handler: h, ReadHeaderTimeout: patience}
		group.Go(srv.ListenAndServe)
		group.Go(func() error { <-ctx.Done(); return srv.Close() })
	}
	if err := group.Wait(); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newBaseline(kind, answer string) (http.Handler, error) {
	switch kind {
	case bareServer:
		body, err := os.ReadFile(answer)
		return bareHandler(body), err
	case mcpGo:
		srv, err := newRegistry()
		return mcpserver.NewStreamableHTTPServer(srv, mcpserver.WithStateLess(true)), err
	case goSDK:
		return officialHandler()
	case jsonFiles:
		return (&fileStore{folder: answer}).handler(), nil
	default:
		return nil, fmt.Errorf("no server %q", kind)
	}
}

// bareHandler returns the floor: it reads the body, and answers what it was given.
func bareHandler(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // a client that went away needs no answer
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body)
	})
}

// newTemplate returns the prompt as Lectern's catalog holds it: rendering is the same work everywhere.
func newTemplate() (*prompt.Template, error) {
	compiled, err := prompt.Compile(prompt.Spec{
		Syntax: prompt.Mustache, Title: shownTitle, Description: shownDescription,
		Messages: []prompt.Message{{Role: prompt.User, Text: shownText}},
	}, nil)
	if err != nil {
		return nil, err
	}
	return prompt.NewTemplate(&compiled.Document)
}

// newRegistry returns mcp-go with the prompt in its own registry.
func newRegistry() (*mcpserver.MCPServer, error) {
	prepared, err := newTemplate()
	if err != nil {
		return nil, err
	}
	srv := mcpserver.NewMCPServer("bench", "1.0.0", mcpserver.WithPromptCapabilities(true))
	shown := mcp.NewPrompt(shownName, mcp.WithPromptDescription(shownDescription),
		mcp.WithArgument("ticket", mcp.RequiredArgument()), mcp.WithArgument("tone", mcp.RequiredArgument()), mcp.WithArgument("urgent"))
	srv.AddPrompt(shown, func(_ context.Context, r mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		messages, err := prepared.Render(r.Params.Arguments)
		if err != nil {
			return nil, err
		}
		return &mcp.GetPromptResult{Description: shownDescription, Messages: []mcp.PromptMessage{
			{Role: mcp.RoleUser, Content: mcp.TextContent{Type: "text", Text: messages[0].Text}},
		}}, nil
	})
	return srv, nil
}

// officialHandler returns the official SDK's server with the same prompt.
func officialHandler() (http.Handler, error) {
	prepared, err := newTemplate()
	if err != nil {
		return nil, err
	}
	srv := sdk.NewServer(&sdk.Implementation{Name: "bench", Version: "1.0.0"}, nil)
	shown := &sdk.Prompt{Name: shownName, Description: shownDescription, Arguments: []*sdk.PromptArgument{
		{Name: "ticket", Required: true}, {Name: "tone", Required: true}, {Name: "urgent"},
	}}
	srv.AddPrompt(shown, func(_ context.Context, r *sdk.GetPromptRequest) (*sdk.GetPromptResult, error) {
		messages, err := prepared.Render(r.Params.Arguments)
		if err != nil {
			return nil, err
		}
		return &sdk.GetPromptResult{Description: shownDescription, Messages: []*sdk.PromptMessage{
			{Role: "user", Content: &sdk.TextContent{Text: messages[0].Text}},
		}}, nil
	})
	return sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return srv },
		&sdk.StreamableHTTPOptions{Stateless: true, JSONResponse: true}), nil
}

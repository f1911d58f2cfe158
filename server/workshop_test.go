package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/transport"
)

// workshop runs the transport alone over a server of mcp-go that has one of everything, until the
// test ends. Change adapts the transport.
func workshop(tb testing.TB, change ...func(*transport.Config)) *replica {
	tb.Helper()
	config := transport.Config{Server: everything(newProbe()), Authenticator: auth.NewNone("anna")}
	for _, c := range change {
		c(&config)
	}
	r := &replica{endpoint: &Handler{Handler: transport.New(config), surface: &prompts.Service{}, announcer: &prompts.Announcer{}}}
	r.serve(tb)
	return r
}

// probe sees calls of the tool that waits begin, and end before their time.
type probe struct {
	begun, ended chan struct{}
}

func newProbe() *probe {
	return &probe{begun: make(chan struct{}, 100), ended: make(chan struct{}, 100)}
}

// everything answers with what it was asked.
func everything(p *probe) *mcpserver.MCPServer {
	srv := mcpserver.NewMCPServer("workshop", "v0",
		mcpserver.WithToolCapabilities(true), mcpserver.WithResourceCapabilities(true, true), mcpserver.WithPromptCapabilities(true),
		mcpserver.WithCompletions(), mcpserver.WithLogging(),
		mcpserver.WithPromptCompletionProvider(completer{}), mcpserver.WithResourceCompletionProvider(completer{}))
	srv.AddTool(tool("echo", `{"type":"object"}`), func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		call := transport.FromContext(ctx)
		said, err := json.Marshal(map[string]any{
			"name": call.Name, "raw": call.RawArguments, "arguments": request.Params.RawArguments, "meta": request.Params.Meta,
			"state": request.Params.RequestState, "responses": request.Params.InputResponses,
		})
		return mcp.NewToolResultText(string(said)), err
	})
	srv.AddTool(tool("mirror", `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`),
		func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText("mirrored"), nil
		})
	srv.AddTool(tool("fail", `{"type":"object"}`), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, errors.New("dial secret-db-host:5432")
	})
	srv.AddTool(tool("refuse", `{"type":"object"}`), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return nil, transport.FromContext(ctx).Fail(&transport.Failure{
			Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Message: "sampling is needed",
			Data: map[string]any{"requiredCapabilities": map[string]any{"sampling": map[string]any{}}},
		})
	})
	panics := tool("panic", `{"type":"object"}`)
	srv.AddTool(panics, func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic("secret") })
	srv.AddResource(mcp.NewResource("test://panic", "panic"), func(context.Context, mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) { panic("secret") })
	srv.AddTool(tool("progress", `{"type":"object"}`), progress)
	srv.AddTool(tool("stammer", `{"type":"object"}`), stammer)
	srv.AddTool(tool("log", `{"type":"object"}`), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		for _, level := range []mcp.LoggingLevel{mcp.LoggingLevelDebug, mcp.LoggingLevelWarning} {
			err := mcpserver.ServerFromContext(ctx).SendLogMessageToClient(ctx, mcp.NewLoggingMessageNotification(level, "workshop", string(level)))
			if err != nil {
				return nil, err
			}
		}
		return mcp.NewToolResultText("logged"), nil
	})
	srv.AddTool(tool("wait", `{"type":"object"}`), func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		select {
		case p.begun <- struct{}{}:
		default:
		}
		select {
		case <-ctx.Done():
			p.ended <- struct{}{}
			return nil, ctx.Err()
		case <-time.After(time.Duration(request.GetInt("ms", int(patience.Milliseconds()))) * time.Millisecond):
			return mcp.NewToolResultText("waited"), nil
		}
	})
	srv.AddResource(mcp.NewResource("test://static", "static"), func(_ context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: request.Params.URI, Text: "static"}}, nil
	})
	srv.AddResourceTemplate(mcp.NewResourceTemplate("test://{id}/data", "template"), func(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
		if request.Params.URI == "test://absent/data" {
			return nil, transport.FromContext(ctx).Fail(transport.UnknownResource())
		}
		return []mcp.ResourceContents{mcp.TextResourceContents{URI: transport.FromContext(ctx).URI, Text: "from a template"}}, nil
	})
	srv.AddPrompt(mcp.NewPrompt("ask"), func(_ context.Context, request mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		if request.Params.RequestState == "asked" {
			return mcp.NewGetPromptResult(request.Params.Arguments["topic"], nil), nil
		}
		return mcpserver.NewInputRequestBuilder("asked").Roots("where").PromptResult(), nil
	})
	return srv
}

// progress tells how far it is, count times, without a pause before the answer.
func progress(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for i := range min(request.GetInt("count", 3), 1000) {
		err := mcpserver.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", map[string]any{
			"progressToken": request.Params.Meta.ProgressToken, "progress": i,
		})
		if err != nil {
			return nil, err
		}
	}
	return mcp.NewToolResultText("done"), nil
}

// stammer sends notifications that are none before one that is.
func stammer(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	for _, params := range []map[string]any{nil, {"progress": math.NaN()}, {"progress": 1}} {
		if err := mcpserver.ServerFromContext(ctx).SendNotificationToClient(ctx, "notifications/progress", params); err != nil {
			return nil, err
		}
	}
	return mcp.NewToolResultText("done"), nil
}

func tool(name, schema string) mcp.Tool {
	return mcp.NewToolWithRawSchema(name, "Does "+name, json.RawMessage(schema))
}

// completer completes everything with what it was asked.
type completer struct{}

func (completer) CompletePromptArgument(_ context.Context, name string, argument mcp.CompleteArgument, given mcp.CompleteContext) (*mcp.Completion, error) {
	if name == "panic" {
		panic("secret")
	}
	return &mcp.Completion{Values: []string{name, argument.Name, argument.Value, given.Arguments["other"]}}, nil
}

func (completer) CompleteResourceArgument(_ context.Context, uri string, argument mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	return &mcp.Completion{Values: []string{uri, argument.Name, argument.Value}}, nil
}

func callTool(name string, arguments map[string]any) request {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return request{rpc: "tools/call", params: params}
}

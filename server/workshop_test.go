package server

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
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
	r := &replica{endpoint: &Handler{Handler: transport.New(config), service: &prompts.Service{}, announcer: &prompts.Announcer{}}}
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
func everything(p *probe) transport.Server {
	return transport.Server{
		Info:  mcp.Implementation{Name: "workshop", Version: "v0"},
		Tools: append(talkative(), plain(p)...),
		Methods: map[mcp.MCPMethod]transport.Method{
			mcp.MethodPromptsList: {Answer: func(context.Context, *transport.Call) (any, error) {
				return &mcp.ListPromptsResult{Prompts: []mcp.Prompt{mcp.NewPrompt("ask")}}, nil
			}},
			mcp.MethodPromptsGet: {Answer: askBack},
			mcp.MethodResourcesList: {Answer: func(context.Context, *transport.Call) (any, error) {
				return &mcp.ListResourcesResult{Resources: []mcp.Resource{mcp.NewResource("test://panic", "panic"), mcp.NewResource("test://static", "static")}}, nil
			}},
			mcp.MethodResourcesTemplatesList: {Answer: func(context.Context, *transport.Call) (any, error) {
				return &mcp.ListResourceTemplatesResult{ResourceTemplates: []mcp.ResourceTemplate{mcp.NewResourceTemplate("test://{id}/data", "template")}}, nil
			}},
			mcp.MethodResourcesRead:      {Answer: readTest},
			mcp.MethodCompletionComplete: {Answer: completeAnything},
		},
		ResourcesChange: true, ResourceUpdates: true, PromptsChange: true, ToolsChange: true, Logging: true,
	}
}

// simpleTool is a tool that takes any object.
func simpleTool(name string, call func(context.Context, *transport.Call) (*mcp.CallToolResult, error)) transport.Tool {
	return transport.Tool{Definition: tool(name, `{"type":"object"}`), Call: call}
}

func plain(p *probe) []transport.Tool {
	return []transport.Tool{
		simpleTool("echo", func(_ context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
			said, err := json.Marshal(map[string]any{
				"name": call.Name, "raw": call.RawArguments, "arguments": call.RawArguments, "meta": call.Meta,
				"state": call.RequestState, "responses": call.InputResponses,
			})
			return mcp.NewToolResultText(string(said)), err
		}),
		{
			Definition: tool("mirror", `{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`),
			Call: func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
				return mcp.NewToolResultText("mirrored"), nil
			},
		},
		simpleTool("fail", func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
			return nil, errors.New("dial secret-db-host:5432")
		}),
		simpleTool("refuse", func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
			return nil, &transport.Failure{
				Code: mcp.MISSING_REQUIRED_CLIENT_CAPABILITY, Message: "sampling is needed",
				Data: map[string]any{"requiredCapabilities": map[string]any{"sampling": map[string]any{}}},
			}
		}),
		simpleTool("rich", func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
			result := mcp.NewToolResultStructured(map[string]any{"a<b": []int{1}, "none": nil}, "<&>\u2028")
			result.EnsureResultMeta().SetMetaField("com.example/any", "<thing>")
			return result, nil
		}),
		simpleTool("wrong", func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultError("this went wrong"), nil
		}),
		simpleTool("panic", func(context.Context, *transport.Call) (*mcp.CallToolResult, error) { panic("secret") }),
		simpleTool("wait", func(ctx context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
			select {
			case p.begun <- struct{}{}:
			default:
			}
			select {
			case <-ctx.Done():
				p.ended <- struct{}{}
				return nil, ctx.Err()
			case <-time.After(time.Duration(number(call, "ms", int(patience.Milliseconds()))) * time.Millisecond):
				return mcp.NewToolResultText("waited"), nil
			}
		}),
	}
}

// talkative are tools that tell something before they answer, without a pause.
func talkative() []transport.Tool {
	return []transport.Tool{
		simpleTool("progress", func(_ context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
			for i := range min(number(call, "count", 3), 1000) {
				call.Progress(map[string]any{"progress": i})
			}
			return mcp.NewToolResultText("done"), nil
		}),
		// stammer sends notifications that are none before one that is.
		simpleTool("stammer", func(_ context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
			for _, fields := range []map[string]any{nil, {"progress": math.NaN()}, {"progress": 1}} {
				call.Progress(fields)
			}
			return mcp.NewToolResultText("done"), nil
		}),
		simpleTool("log", func(_ context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
			for _, level := range []mcp.LoggingLevel{mcp.LoggingLevelDebug, mcp.LoggingLevelWarning} {
				call.Log(level, "workshop", string(level))
			}
			return mcp.NewToolResultText("logged"), nil
		}),
	}
}

// number is an argument of a call.
func number(call *transport.Call, name string, otherwise int) int {
	var arguments map[string]any
	_ = json.Unmarshal(call.RawArguments, &arguments) // of none there is none
	if value, there := arguments[name].(float64); there {
		return int(value)
	}
	return otherwise
}

// askBack wants to know something before it answers.
func askBack(_ context.Context, call *transport.Call) (any, error) {
	switch {
	case call.Name != "ask":
		return nil, transport.InvalidParams("prompt '" + call.Name + "' not found: prompt not found")
	case call.RequestState == "asked":
		return mcp.NewGetPromptResult(call.Arguments["topic"], []mcp.PromptMessage{}), nil
	default:
		return mcpserver.NewInputRequestBuilder("asked").Roots("where").PromptResult(), nil
	}
}

func readTest(_ context.Context, call *transport.Call) (any, error) {
	text := func(text string) (any, error) {
		return &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{mcp.TextResourceContents{URI: call.URI, Text: text}}}, nil
	}
	switch {
	case call.URI == "test://panic":
		panic("secret")
	case call.URI == "test://static":
		return text("static")
	case strings.HasPrefix(call.URI, "test://") && strings.HasSuffix(call.URI, "/data") && call.URI != "test://absent/data":
		return text("from a template")
	default:
		return nil, transport.UnknownResource()
	}
}

// completeAnything completes everything with what it was asked.
func completeAnything(_ context.Context, call *transport.Call) (any, error) {
	values := []string{call.URI, call.Argument.Name, call.Argument.Value}
	if call.Name == "panic" {
		panic("secret")
	}
	if call.Name != "" {
		values = []string{call.Name, call.Argument.Name, call.Argument.Value, call.Arguments["other"]}
	}
	return &mcp.CompleteResult{Completion: mcp.Completion{Values: values}}, nil
}

func tool(name, schema string) mcp.Tool {
	return mcp.NewToolWithRawSchema(name, "Does "+name, json.RawMessage(schema))
}

func callTool(name string, arguments map[string]any) request {
	params := map[string]any{"name": name}
	if arguments != nil {
		params["arguments"] = arguments
	}
	return request{rpc: "tools/call", params: params}
}

package transport_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/internal/testenv/leak"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
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
	leak.Main(m)
}

// What all tests of the transport use.
type (
	request = transporttest.Request
	reply   = transporttest.Reply
	stream  = transporttest.Stream
	console = transporttest.Console
)

const (
	patience   = transporttest.Patience
	initialize = transporttest.Initialize
)

var same, deep, callTool = transporttest.Same, transporttest.Deep, transporttest.CallTool

// replica is one transport under test, on a real listener.
type replica struct {
	transporttest.Remote
	endpoint *transport.Handler
}

// console connects to a replica by pipes, until the test ends.
func (r *replica) console(tb testing.TB, namespace string) *console {
	tb.Helper()
	return transporttest.Start(tb, r.endpoint, namespace)
}

// workshop runs the transport over a server that has one of everything, until the
// test ends. Change adapts the transport.
func workshop(tb testing.TB, change ...func(*transport.Config)) *replica {
	tb.Helper()
	config := transport.Config{Server: everything(newProbe()), Authenticator: auth.NewNone("anna")}
	for _, c := range change {
		c(&config)
	}
	endpoint := transport.New(config)
	return &replica{Remote: transporttest.Serve(tb, endpoint), endpoint: endpoint}
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

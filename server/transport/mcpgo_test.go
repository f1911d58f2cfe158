package transport_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/server/transport"
)

// mcpgoServer is the server of mcp-go that offers what one of ours does, but for prompts/get, whose names it must know.
func mcpgoServer(ours transport.Server) *mcpserver.MCPServer {
	hooks := &mcpserver.Hooks{}
	hooks.AddAfterListPrompts(func(ctx context.Context, _ any, _ *mcp.ListPromptsRequest, result *mcp.ListPromptsResult) {
		result.Prompts = answerOf[*mcp.ListPromptsResult](ctx, ours, mcp.MethodPromptsList, &transport.Call{}).Prompts
	})
	hooks.AddAfterListResources(func(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, result *mcp.ListResourcesResult) {
		result.Resources = answerOf[*mcp.ListResourcesResult](ctx, ours, mcp.MethodResourcesList, &transport.Call{}).Resources
	})
	srv := mcpserver.NewMCPServer(ours.Info.Name, ours.Info.Version, mcpserver.WithHooks(hooks), mcpserver.WithInstructions(ours.Instructions),
		mcpserver.WithToolCapabilities(ours.ToolsChange), mcpserver.WithPromptCapabilities(ours.PromptsChange),
		mcpserver.WithResourceCapabilities(ours.ResourceUpdates, ours.ResourcesChange), mcpserver.WithLogging(),
		mcpserver.WithCompletions(), mcpserver.WithPromptCompletionProvider(completer{ours}))
	for _, tool := range ours.Tools {
		srv.AddTool(tool.Definition, func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return tool.Call(ctx, &transport.Call{Name: r.Params.Name, RawArguments: r.Params.RawArguments})
		})
	}
	for _, template := range answerOf[*mcp.ListResourceTemplatesResult](context.Background(), ours, mcp.MethodResourcesTemplatesList, &transport.Call{}).ResourceTemplates {
		srv.AddResourceTemplate(template, func(ctx context.Context, r mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
			return answerOf[*mcp.ReadResourceResult](ctx, ours, mcp.MethodResourcesRead, &transport.Call{URI: r.Params.URI}).Contents, nil
		})
	}
	return srv
}

// answerOf has one of our methods answer.
func answerOf[Result any](ctx context.Context, srv transport.Server, method mcp.MCPMethod, call *transport.Call) Result {
	result, err := srv.Methods[method].Answer(ctx, call)
	if err != nil {
		panic(err)
	}
	return result.(Result) //nolint:forcetypeassert // the caller knows
}

type completer struct{ ours transport.Server }

func (c completer) CompletePromptArgument(ctx context.Context, name string, argument mcp.CompleteArgument, _ mcp.CompleteContext) (*mcp.Completion, error) {
	result := answerOf[*mcp.CompleteResult](ctx, c.ours, mcp.MethodCompletionComplete, &transport.Call{Name: name, Argument: argument})
	return &result.Completion, nil
}

// TestDispatch_AnswersAsMCPGo holds what our dispatcher makes of results against mcp-go's own: whatever an upgrade
// adds to them is seen here.
func TestDispatch_AnswersAsMCPGo(t *testing.T) {
	t.Parallel()
	replica, theirs := workshop(t), mcpgoServer(everything(newProbe()))
	for _, q := range []request{
		{RPC: "server/discover"}, {RPC: "ping", Legacy: true}, {RPC: "tools/list"}, {RPC: "prompts/list"}, {RPC: "resources/list"},
		{RPC: "resources/templates/list"}, {RPC: "resources/read", Params: map[string]any{"uri": "test://7/data"}},
		callTool("mirror", nil), callTool("rich", nil), callTool("wrong", nil),
		{RPC: "completion/complete", Params: map[string]any{
			"ref": map[string]any{"type": "ref/prompt", "name": "it.greeting"}, "argument": map[string]any{"name": "tone", "value": "br"},
		}},
		{RPC: "initialize", Legacy: true, Params: map[string]any{
			"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "old", "version": "1"},
		}},
	} {
		for _, legacy := range []bool{false, true} {
			if q.RPC == "server/discover" && legacy || q.Legacy && !legacy {
				continue
			}
			t.Run(fmt.Sprintf("%s %v legacy=%t", q.RPC, q.Params["name"], legacy), func(t *testing.T) {
				t.Parallel()
				q := q
				q.Legacy = legacy
				c := replica.console(t, "") // on a pipe older clients are promised the same
				c.Say(t, q.Message(t))
				want, err := json.Marshal(theirs.HandleMessage(t.Context(), json.RawMessage(q.Message(t))))
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(string(want), `"result":`) {
					t.Errorf("mcp-go says %s", want)
				}
				if diff := cmp.Diff(string(want), escaped(t, c.Next(t))); diff != "" {
					t.Errorf("(-mcp-go +ours)\n%s", diff)
				}
			})
		}
	}
}

// escaped is a message with the escapes of json.Marshal.
func escaped(t *testing.T, message string) string {
	t.Helper()
	raw, err := json.Marshal(json.RawMessage(message))
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

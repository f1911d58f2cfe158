package prompts

import (
	"context"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// How long clients may cache answers (SEP-2549).
const (
	discoverTTL  = time.Minute
	toolsTTL     = 30 * time.Second
	listTTL      = 5 * time.Second
	templatesTTL = time.Minute
)

// Server returns what the service offers, for the transport.
func (s *Service) Server() transport.Server {
	srv := transport.Server{
		Info: s.self, Instructions: s.composeInstructions(),
		Methods: map[mcp.MCPMethod]transport.Method{
			mcp.MethodPromptsList: {Answer: s.answerPromptsList, TTL: listTTL},
			mcp.MethodPromptsGet:  {Answer: s.answerPromptsGet},
		},
		PromptsChange: true,
		DiscoverTTL:   discoverTTL, ToolsTTL: toolsTTL,
	}
	if s.library == nil {
		return srv
	}
	srv.Methods[mcp.MethodResourcesList] = transport.Method{Answer: s.listResources, TTL: listTTL}
	srv.Methods[mcp.MethodResourcesTemplatesList] = transport.Method{Answer: listTemplates, TTL: templatesTTL}
	srv.Methods[mcp.MethodResourcesRead] = transport.Method{Answer: s.readResource}
	srv.Methods[mcp.MethodCompletionComplete] = transport.Method{Answer: s.completeArgument}
	srv.ResourcesChange, srv.ResourceUpdates = true, true
	for _, t := range s.offeredTools() {
		srv.Tools = append(srv.Tools, transport.Tool{Definition: t.MCP(), Call: callTool(t)})
	}
	return srv
}

// callTool answers the calls of a tool.
func callTool(t tool.Tool) func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
	return func(ctx context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
		result, err := t.Call(ctx, call.RawArguments)
		if err != nil {
			return nil, transport.Canceled()
		}
		return result, nil
	}
}

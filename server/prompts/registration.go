package prompts

import (
	"context"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
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
		Info: s.self, Instructions: s.composeInstructions(everyVerb, transport.Narrowing{}),
		InstructionsFor: func(_ context.Context, call *transport.Call) (string, error) {
			return s.composeInstructions(everyVerb, call.Narrowing), nil
		},
		Methods: map[mcp.MCPMethod]transport.Method{
			mcp.MethodPromptsList: {Answer: s.answerPromptsList, TTL: listTTL},
			mcp.MethodPromptsGet:  {Answer: s.answerPromptsGet, ParamBytes: paramBytes[mcp.MethodPromptsGet]},
		},
		PromptsChange: true,
		DiscoverTTL:   discoverTTL, ToolsTTL: toolsTTL,
	}
	if _, changes := s.authorizer.(auth.Reauthorizer); changes { // rights differ, and do not stay as they are
		filter := newToolFilter(s)
		srv.ToolFilter, srv.InstructionsFor, srv.ToolsChange = filter, filter.InstructionsFor, true
	}
	if s.library == nil {
		return srv
	}
	srv.Methods[mcp.MethodResourcesList] = transport.Method{Answer: s.listResources, TTL: listTTL}
	srv.Methods[mcp.MethodResourcesTemplatesList] = transport.Method{Answer: listTemplates, TTL: templatesTTL}
	srv.Methods[mcp.MethodResourcesRead] = transport.Method{Answer: s.readResource}
	srv.Methods[mcp.MethodCompletionComplete] = transport.Method{Answer: s.completeArgument, ParamBytes: paramBytes[mcp.MethodCompletionComplete]}
	srv.ResourcesChange, srv.ResourceUpdates = true, true
	for _, t := range s.offeredTools() {
		srv.Tools = append(srv.Tools, newTransportTool(t))
	}
	return srv
}

// callTool answers the calls of a tool.
func callTool(t tool.Tool) func(context.Context, *transport.Call) (*mcp.CallToolResult, error) {
	return func(ctx context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
		result, err := t.Call(ctx, call.ArgumentMembers())
		if err != nil {
			return nil, transport.Canceled()
		}
		return result, nil
	}
}

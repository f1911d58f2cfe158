package servicedesk

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// Server returns what the service offers, for the transport: tools, and methods for the URIs that OwnsURI has.
func (s *Service) Server() transport.Server {
	srv := transport.Server{
		Methods: map[mcp.MCPMethod]transport.Method{
			mcp.MethodResourcesTemplatesList: {Answer: listTemplates},
			mcp.MethodResourcesRead:          {Answer: s.readResource},
			mcp.MethodCompletionComplete:     {Answer: s.completeArgument},
		},
		ToolFilter: s, ToolsChange: true,
	}
	for _, name := range sortedKeys(s.offered) {
		t := s.offered[name]
		one := s.newTransportTool(t.Tool, t.writes, func(given map[string]json.RawMessage) map[string]json.RawMessage { return given })
		one.Variants, one.Toolsets = t.makeVariants(), t.toolsets
		srv.Tools = append(srv.Tools, one)
	}
	for _, name := range sortedKeys(aliases) {
		of := aliases[name]
		one := s.newTransportTool(s.offered[of.tool].Tool, s.offered[of.tool].writes, of.withPreset)
		one.Definition.Name, one.Toolsets = name, s.offered[of.tool].toolsets
		srv.Tools = append(srv.Tools, one)
	}
	for _, name := range mailTools {
		srv.Tools = append(srv.Tools, transport.Tool{
			Definition: mcp.Tool{Name: name, RawInputSchema: json.RawMessage(`{"type":"object"}`)}, Toolsets: toolsetsOf(requestsToolset),
			Call: func(ctx context.Context, _ *transport.Call) (*mcp.CallToolResult, error) { return refuseMail(ctx), nil },
		})
	}
	return srv
}

// ToolNames returns the names of the tools, aliases among them.
func (s *Service) ToolNames() []string {
	var names []string
	for _, t := range s.Server().Tools {
		names = append(names, t.Definition.Name)
	}
	return names
}

// WritingTools returns the names of the tools that may change something in ServiceDesk Plus, aliases among them.
func (s *Service) WritingTools() []string {
	var names []string
	for name, t := range s.offered {
		if t.writes {
			names = append(names, name)
		}
	}
	for alias, of := range aliases {
		if s.offered[of.tool].writes {
			names = append(names, alias)
		}
	}
	return names
}

// newTransportTool returns a tool for the transport.
func (s *Service) newTransportTool(t tool.Tool, writes bool, read func(map[string]json.RawMessage) map[string]json.RawMessage) transport.Tool {
	return transport.Tool{Definition: t.MCP(), Call: func(ctx context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
		kind := auth.TicketRead
		if writes {
			kind = auth.TicketWrite
		}
		if f := s.takeTurn(ctx, kind); f != nil {
			return nil, f
		}
		if writes && s.writesOff {
			return t.Refuse(ctx, tool.NewForbidden("this server does not write to ServiceDesk Plus (--write-intents=off)")), nil
		}
		given := read(call.ArgumentMembers())
		if writes {
			ctx, given = takeUnlistedPlan(ctx, &t, given)
		}
		result, err := t.Call(withCallProgress(s.withConversation(ctx, call), call), given)
		if err != nil {
			return nil, transport.Canceled()
		}
		return result, nil
	}}
}

// takeTurn takes one call from what its caller may read, or write, or returns the failure of one too many.
func (s *Service) takeTurn(ctx context.Context, kind auth.RequestKind) error {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return nil // nothing is served to nobody
	}
	if wait := s.rates.Take(&identity, kind); wait > 0 {
		s.rates.DelayRefusal(ctx, &identity)
		return transport.TooManyRequests(wait)
	}
	return nil
}

// withCallProgress has a client that asked for it told how far its call is. Each report counts as one step: what is told has to rise.
func withCallProgress(ctx context.Context, call *transport.Call) context.Context {
	steps := 0
	return tool.WithProgress(ctx, func(_, _ float64, message string) {
		steps++
		call.Progress(map[string]any{"progress": steps, "message": message})
	})
}

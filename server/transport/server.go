package transport

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Server is what an endpoint offers. Clients are shown the capabilities that follow from it.
type Server struct {
	// Info is how the server names itself, and Instructions are for the model that uses it.
	Info         mcp.Implementation
	Instructions string
	// Methods answer what the transport does not answer itself: lists, prompts/get, resources/read,
	// completion/complete, and those of extensions.
	Methods map[mcp.MCPMethod]Method
	// Tools are those of tools/list and tools/call; nil offers none. They stay the same for as long as the server runs.
	Tools []Tool
	// Extensions are the settings of the extensions there are, by name (SEP-2133).
	Extensions map[string]any
	// PromptsChange, ToolsChange and ResourcesChange say that clients are told when such a list changes, and
	// ResourceUpdates that they can follow resources.
	PromptsChange, ToolsChange, ResourcesChange, ResourceUpdates bool
	// Logging says that tools log to the client.
	Logging bool
	// DiscoverTTL and ToolsTTL are those of server/discover and tools/list.
	DiscoverTTL, ToolsTTL time.Duration
}

// Method answers one method of the protocol.
type Method struct {
	// Answer returns a result that is made for this call: what all results have is written into it. An error
	// that is no *Failure is told to the log only.
	Answer func(ctx context.Context, call *Call) (result any, err error)
	// TTL is how long a client may keep the result, where that kind of result says so (SEP-2549).
	TTL time.Duration
}

// Tool is one tool and what answers its calls, as Method.Answer does.
type Tool struct {
	Definition mcp.Tool
	Call       func(ctx context.Context, call *Call) (*mcp.CallToolResult, error)
}

// deriveCapabilities returns those of a server in revision 2026-07-28, and for older clients on a connection.
func (s *Server) deriveCapabilities() mcp.ServerCapabilities {
	has := mcp.ServerCapabilities{Extensions: s.Extensions}
	if _, there := s.Methods[mcp.MethodPromptsList]; there {
		has.Prompts = &struct {
			ListChanged bool `json:"listChanged,omitempty"`
		}{s.PromptsChange}
	}
	if s.Tools != nil {
		has.Tools = &struct {
			ListChanged bool `json:"listChanged,omitempty"`
		}{s.ToolsChange}
	}
	if _, there := s.Methods[mcp.MethodResourcesList]; there {
		has.Resources = &struct {
			Subscribe   bool `json:"subscribe,omitempty"`
			ListChanged bool `json:"listChanged,omitempty"`
		}{s.ResourceUpdates, s.ResourcesChange}
	}
	if _, there := s.Methods[mcp.MethodCompletionComplete]; there {
		has.Completions = &struct{}{}
	}
	if s.Logging {
		has.Logging = &struct{}{}
	}
	return has
}

// withoutChanges returns s as older clients see it over HTTP: they have no channel to be told of changes by.
func (s Server) withoutChanges() Server {
	s.PromptsChange, s.ToolsChange, s.ResourcesChange, s.ResourceUpdates = false, false, false, false
	return s
}

// answerInitialize answers older clients, which negotiate a version once.
func (s *Server) answerInitialize(_ context.Context, call *Call) (any, error) {
	var asked mcp.InitializeParams
	if len(call.Params) > 0 && json.Unmarshal(call.Params, &asked) != nil {
		return nil, malformedParams(call.Method)
	}
	offered := *s
	if !call.Duplex {
		offered = s.withoutChanges()
	}
	return &mcp.InitializeResult{
		ProtocolVersion: mcp.NegotiateLegacyVersion(asked.ProtocolVersion),
		Capabilities:    offered.deriveCapabilities(), ServerInfo: s.Info, Instructions: s.Instructions,
	}, nil
}

// answerDiscover answers newer clients, which negotiate nothing (SEP-2575).
func (s *Server) answerDiscover(context.Context, *Call) (any, error) {
	return &mcp.DiscoverResult{
		SupportedVersions: mcp.ValidProtocolVersions, Capabilities: s.deriveCapabilities(), Instructions: s.Instructions,
	}, nil
}

// sortedTools returns the definitions of the tools, in the order of their names.
func (s *Server) sortedTools() []mcp.Tool {
	list := make([]mcp.Tool, len(s.Tools))
	for i := range s.Tools {
		list[i] = s.Tools[i].Definition
	}
	slices.SortFunc(list, func(a, b mcp.Tool) int { return cmp.Compare(a.Name, b.Name) })
	return list
}

package transport

import (
	"context"
	"encoding/json"
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
	// InstructionsFor are those for the caller of a call instead; nil for the same for everybody.
	InstructionsFor func(ctx context.Context, call *Call) (string, error)
	// Tools are those of tools/list and tools/call; nil offers none. They stay the same for as long as the server runs.
	// ToolFilter leaves each caller those that are theirs; nil leaves everybody all.
	Tools      []Tool
	ToolFilter ToolFilter
	// Toolsets are the names that a client may narrow its tools to, those of toolsets without a tool among them.
	Toolsets []string
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
	// ParamBytes bounds the params as JSON, without _meta; DefaultParamBytes when zero.
	ParamBytes int
}

// Tool is one tool and what answers its calls, as Method.Answer does.
type Tool struct {
	Definition mcp.Tool
	// Variants are what is listed instead for callers of whom a VariantChooser says so.
	Variants []mcp.Tool
	// Toolsets are the groups it belongs to: it is there for clients that want one of them.
	Toolsets []string
	Call     func(ctx context.Context, call *Call) (*mcp.CallToolResult, error)
	// ArgumentBytes bounds the arguments of a call as JSON; DefaultParamBytes when zero. MemberBytes bounds single ones.
	ArgumentBytes int
	MemberBytes   map[string]int
}

// ToolFilter decides which tools are there for a caller: the others are unknown to them.
type ToolFilter interface {
	// ListedTools returns which tools are listed for the caller of a call, by name.
	ListedTools(ctx context.Context, call *Call) (func(name string) bool, error)
	// IsListed reports whether a tool is there, for a call of it. It costs the same whether or not there is one of the name.
	IsListed(ctx context.Context, call *Call, name string) (bool, error)
}

// VariantChooser is a ToolFilter that says whose lists have which variants of tools.
type VariantChooser interface {
	// ChooseVariants returns which of a tool's Variants is listed for the caller of a call, counted from 1; 0 is its Definition.
	ChooseVariants(ctx context.Context, call *Call) (func(tool string) int, error)
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
func (s *Server) answerInitialize(ctx context.Context, call *Call) (any, error) {
	var asked mcp.InitializeParams
	if len(call.Params) > 0 && json.Unmarshal(call.Params, &asked) != nil {
		return nil, malformedParams(call.Method)
	}
	offered := *s
	if !call.Duplex {
		offered = s.withoutChanges()
	}
	instructions, err := s.instruct(ctx, call)
	if err != nil {
		return nil, err
	}
	return &mcp.InitializeResult{
		ProtocolVersion: mcp.NegotiateLegacyVersion(asked.ProtocolVersion),
		Capabilities:    offered.deriveCapabilities(), ServerInfo: s.Info, Instructions: instructions,
	}, nil
}

// instruct returns the instructions for the caller of a call.
func (s *Server) instruct(ctx context.Context, call *Call) (string, error) {
	if s.InstructionsFor == nil {
		return s.Instructions, nil
	}
	return s.InstructionsFor(ctx, call)
}

// answerDiscover answers newer clients, which negotiate nothing (SEP-2575).
func (s *Server) answerDiscover(ctx context.Context, call *Call) (any, error) {
	instructions, err := s.instruct(ctx, call)
	if err != nil {
		return nil, err
	}
	return &mcp.DiscoverResult{
		SupportedVersions: mcp.ValidProtocolVersions, Capabilities: s.deriveCapabilities(), Instructions: instructions,
	}, nil
}

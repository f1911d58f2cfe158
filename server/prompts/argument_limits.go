package prompts

import (
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// escapedByte is how many bytes of JSON a byte of text may take: \u0001.
	escapedByte = 6
	// plainBytes is room for all that is no text: names, tags, descriptions. metadataBytes is that for metadata as people
	// write it, over several lines; 16 KiB of it in compact form are allowed.
	plainBytes    = 64 << 10
	metadataBytes = 96 << 10
	textBytes     = escapedByte*prompt.MaxText + plainBytes
	valueBytes    = escapedByte*prompt.MaxValues + plainBytes
)

// argumentBytes bounds the arguments of every tool as JSON, before anything is decoded.
var argumentBytes = map[string]int{
	"list_prompts":         plainBytes + metadataBytes,
	"search_prompts":       plainBytes + metadataBytes,
	"find_similar_prompts": textBytes,
	"get_stats":            plainBytes,
	"get_prompt":           plainBytes,
	"apply_template":       valueBytes,
	"list_prompt_versions": plainBytes,
	"diff_prompt_versions": plainBytes,
	"add_prompt":           textBytes,
	"update_prompt":        textBytes,
	"delete_prompt":        plainBytes,
	"set_prompt_channel":   plainBytes,
	"get_prompt_change":    plainBytes,
}

// memberBytes bounds single arguments, of whatever tool takes them.
var memberBytes = map[string]int{"metadata": metadataBytes}

// Toolset is the group of all tools on prompts.
const Toolset = "prompts"

// newTransportTool gives a tool its limits, and its group.
func newTransportTool(t tool.Tool) transport.Tool {
	return transport.Tool{Definition: t.MCP(), Toolsets: []string{Toolset}, Call: callTool(t), ArgumentBytes: argumentBytes[t.Name], MemberBytes: memberBytes}
}

// paramBytes bounds the params of methods that carry values.
var paramBytes = map[mcp.MCPMethod]int{
	mcp.MethodPromptsGet:         valueBytes,
	mcp.MethodCompletionComplete: valueBytes,
}

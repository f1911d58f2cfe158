package transport

import (
	"encoding/json"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// completeResult writes into a result what revision 2026-07-28 wants in all of them: their type (SEP-2322), who answers
// (SEP-2575), and how long it may be kept, by nobody but the caller (SEP-2549). Older ones get it as it is.
func (d *dispatcher) completeResult(call *Call, result any, ttl time.Duration) any {
	if tool, is := result.(*mcp.CallToolResult); is {
		return d.completeToolResult(call, tool)
	}
	if !call.Modern {
		return result
	}
	if common, ok := result.(mcp.ResultMetadata); ok {
		if common.GetResultType() == "" {
			common.SetResultType(mcp.ResultTypeComplete)
		}
		common.EnsureResultMeta().SetServerInfo(d.server.Info)
	}
	if cacheable, ok := result.(mcp.CacheHintSetter); ok && !hasCacheHints(result) {
		cacheable.SetCacheHints(ttl.Milliseconds(), mcp.CacheScopePrivate)
	}
	return result
}

func hasCacheHints(result any) bool {
	hinted, ok := result.(interface{ TTL() (int64, bool) })
	if !ok {
		return false
	}
	_, set := hinted.TTL()
	return set
}

// toolResult is mcp.CallToolResult as it is on the wire, byte for byte, by a type that costs less to encode.
type toolResult struct {
	Meta              any               `json:"_meta,omitempty"`
	Content           []mcp.Content     `json:"content"`
	InputRequests     mcp.InputRequests `json:"inputRequests,omitempty"`
	IsError           bool              `json:"isError,omitempty"`
	RequestState      string            `json:"requestState,omitempty"`
	ResultType        mcp.ResultType    `json:"resultType,omitempty"`
	StructuredContent any               `json:"structuredContent,omitempty"`
}

// serverMeta is the _meta of a result that has nothing else in it.
type serverMeta struct {
	Info *mcp.Implementation `json:"io.modelcontextprotocol/serverInfo"`
	// encoded is all of it in JSON, with escapes for HTML: it is in every answer.
	encoded []byte
}

// newServerMeta encodes the _meta of a server, or leaves that to those who write it.
func newServerMeta(info *mcp.Implementation) *serverMeta {
	m := &serverMeta{Info: info}
	if encoded, err := json.Marshal(m); err == nil {
		m.encoded = encoded
	}
	return m
}

func (d *dispatcher) completeToolResult(call *Call, from *mcp.CallToolResult) *toolResult {
	result := &toolResult{
		Content: from.Content, InputRequests: from.InputRequests, IsError: from.IsError, RequestState: from.RequestState,
		ResultType: from.ResultType, StructuredContent: from.StructuredContent,
	}
	if result.Content == nil {
		result.Content = []mcp.Content{}
	}
	if len(from.RawStructuredContent) > 0 {
		result.StructuredContent = json.RawMessage(from.RawStructuredContent)
	}
	if from.Meta != nil {
		result.Meta = from.Meta
	}
	if !call.Modern {
		return result
	}
	if result.ResultType == "" {
		result.ResultType = mcp.ResultTypeComplete
	}
	if from.Meta == nil {
		result.Meta = d.meta
	} else {
		from.Meta.SetServerInfo(d.server.Info)
	}
	return result
}

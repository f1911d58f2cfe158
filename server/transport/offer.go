package transport

import (
	"context"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// offer is what a server of mcp-go has, as it says itself to clients that discover it.
type offer struct{ has mcp.ServerCapabilities }

// offered asks a server once: what is registered after that may change, what kinds there are not.
func offered(srv *server.MCPServer) offer {
	d := dispatcher{server: srv}
	call := &Call{Method: string(mcp.MethodServerDiscover), Version: mcp.ProtocolVersion20260728, Modern: true}
	ctx := context.WithValue(context.Background(), callKey{}, call)
	response, _ := srv.HandleMessage(ctx, d.message(call, nil)).(mcp.JSONRPCResponse)
	discovered, _ := response.Result.(mcp.DiscoverResult)
	return offer{has: discovered.Capabilities}
}

// served reports whether a method has an answer other than that there is no such method. Only then
// its params matter.
func (o *offer) served(modern bool, method string) bool {
	switch mcp.MCPMethod(method) {
	case mcp.MethodPromptsGet, mcp.MethodPromptsList:
		return o.has.Prompts != nil
	case mcp.MethodToolsList, mcp.MethodToolsCall:
		return o.has.Tools != nil
	case mcp.MethodResourcesList, mcp.MethodResourcesTemplatesList, mcp.MethodResourcesRead:
		return o.has.Resources != nil
	case mcp.MethodCompletionComplete:
		return o.has.Completions != nil
	case mcp.MethodServerDiscover, mcp.MethodSubscriptionsListen:
		return modern
	case mcp.MethodInitialize, mcp.MethodPing:
		return !modern
	case mcp.MethodSetLogLevel:
		return !modern && o.has.Logging != nil
	default:
		return false
	}
}

package transport

import (
	"fmt"

	"github.com/mark3labs/mcp-go/mcp"
)

// capabilityOf names the capability of a method that not every server has.
var capabilityOf = map[mcp.MCPMethod]string{
	mcp.MethodPromptsList: "prompts", mcp.MethodPromptsGet: "prompts",
	mcp.MethodToolsList: "tools", mcp.MethodToolsCall: "tools",
	mcp.MethodResourcesList: "resources", mcp.MethodResourcesTemplatesList: "resources", mcp.MethodResourcesRead: "resources",
	mcp.MethodResourcesSubscribe: "resources", mcp.MethodResourcesUnsubscribe: "resources",
	mcp.MethodTasksGet: "tasks", mcp.MethodTasksList: "tasks", mcp.MethodTasksResult: "tasks", mcp.MethodTasksCancel: "tasks",
	mcp.MethodCompletionComplete: "completions", mcp.MethodSetLogLevel: "logging",
}

// notServed says why a method is not served: it is of the other era, of a capability that is not there, of no
// sense without a session, or nobody's.
func (d *dispatcher) notServed(call *Call) *Failure {
	return &Failure{Code: mcp.METHOD_NOT_FOUND, Message: d.whyNotServed(call.Modern, mcp.MCPMethod(call.Method))}
}

func (d *dispatcher) whyNotServed(modern bool, method mcp.MCPMethod) string {
	switch method {
	case mcp.MethodInitialize, mcp.MethodPing, mcp.MethodSetLogLevel, mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe,
		mcp.MethodTasksList, mcp.MethodTasksResult:
		if modern {
			return fmt.Sprintf("%q was removed in protocol version %s", method, mcp.ProtocolVersion20260728)
		}
	case mcp.MethodServerDiscover, mcp.MethodSubscriptionsListen:
		return fmt.Sprintf("%q requires protocol version %s or later", method, mcp.ProtocolVersion20260728)
	}
	switch capability := capabilityOf[method]; {
	case capability == "":
		return fmt.Sprintf("Method %s not found", method)
	case capability == "resources" && d.has.Resources != nil:
		return string(method) + " is not offered" // it needs a channel to tell by
	default:
		return capability + " not supported"
	}
}

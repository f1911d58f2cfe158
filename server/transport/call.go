package transport

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// Call is one request as it was decoded and checked.
type Call struct {
	// Method of the request, and the protocol version it speaks; empty where a client before
	// 2025-06-18 does not say.
	Method  string
	Version string
	// Modern is true from revision 2026-07-28 on.
	Modern bool
	// Namespace is the one of the endpoint, empty on the endpoint for all.
	Namespace string
	// Narrowing is what the client leaves out of the tools there are for its caller.
	Narrowing Narrowing
	// Duplex is true where the client can be told of changes at any time: on a pipe.
	Duplex bool
	// Meta is what the request says of itself and of its client.
	Meta Meta

	// Name is that of prompts/get and tools/call, and of the prompt whose argument is completed.
	Name string
	// URI is that of resources/read, and of the resource template that is completed.
	URI string
	// Arguments are those of prompts/get, and what was filled in before of what is completed.
	Arguments map[string]string
	// RawArguments are those of tools/call: a JSON object as the client wrote it, numbers too large
	// for a float included; empty when absent.
	RawArguments json.RawMessage
	// members are those of RawArguments.
	members []member
	// Argument is the one that is completed.
	Argument mcp.CompleteArgument
	// Cursor is that of a list. It is nil when absent: an empty one is a cursor.
	Cursor *string
	// Params are those of a method of an extension: JSON as the client wrote it, empty when absent.
	Params json.RawMessage
	// InputResponses answer what a handler asked before, and RequestState is what it gave the client to send
	// back (SEP-2322). Anybody can make one up.
	InputResponses mcp.InputResponses
	RequestState   string

	// client is what an older client said of itself when the connection began.
	client mcp.Implementation

	// ToolError is set once a tool answered with isError: to the protocol a success.
	ToolError bool

	// level is that of logging/setLevel, notifications those of subscriptions/listen: JSON.
	level         mcp.LoggingLevel
	notifications json.RawMessage
	// notifier takes what the handler tells before it answers; nil where nothing can be told.
	notifier *notifier
}

// isListen reports whether a call opens a stream.
func (c *Call) isListen() bool {
	return c.Modern && c.Method == string(mcp.MethodSubscriptionsListen)
}

// maxClientName bounds what is read of a client's name and version, in bytes.
const maxClientName = 100

// ClientInfo returns how the client names itself, shortened; empty where it does not.
func (c *Call) ClientInfo() (name, version string) {
	said := &c.Meta
	if len(said.clientInfo) == 0 {
		return excerpt.TruncateBytes(c.client.Name, maxClientName), excerpt.TruncateBytes(c.client.Version, maxClientName)
	}
	return readShortText(said.clientName), readShortText(said.clientVersion)
}

// readShortText reads a string that is a client's name, or nothing from whatever else it put there.
func readShortText(written json.RawMessage) string {
	if len(written) == 0 || written[0] != '"' {
		return ""
	}
	return excerpt.TruncateBytes(unquoteText(written), maxClientName)
}

// Capabilities returns those the client declares for this call; an older one declares none here.
func (c *Call) Capabilities() mcp.ClientCapabilities {
	if declared := c.Meta.declaredCapabilities(); c.Modern && declared != nil {
		return *declared
	}
	return mcp.ClientCapabilities{}
}

// ArgumentMembers returns the arguments of tools/call by name, each as the client wrote it: a slice of the message.
func (c *Call) ArgumentMembers() map[string]json.RawMessage {
	byName := make(map[string]json.RawMessage, len(c.members))
	for _, one := range c.members {
		byName[string(one.name)] = one.value
	}
	return byName
}

// ArgumentText returns an argument of tools/call that is a string or a number, as a text; empty for every other.
func (c *Call) ArgumentText(name string) string {
	for _, one := range c.members {
		if string(one.name) != name {
			continue
		}
		switch first := one.value[0]; {
		case first == '"':
			return unquoteText(one.value)
		case first == '-' || first >= '0' && first <= '9':
			return string(one.value)
		}
	}
	return ""
}

type callKey struct{}

// FromContext returns the call a handler works for. It is nil outside this transport.
func FromContext(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

package transport

import (
	"context"
	"encoding/json"

	"github.com/mark3labs/mcp-go/mcp"
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
	// Duplex is true where the client can be told of changes at any time: on a pipe.
	Duplex bool

	// Name is that of prompts/get and tools/call, and of the prompt whose argument is completed.
	Name string
	// URI is that of resources/read, and of the resource template that is completed.
	URI string
	// Arguments are those of prompts/get.
	Arguments map[string]string
	// RawArguments are those of tools/call: a JSON object as the client wrote it, numbers too large
	// for a float included; empty when absent.
	RawArguments json.RawMessage
	// Cursor is that of a list. It is nil when absent: an empty one is a cursor.
	Cursor *string

	// ToolError is set once a tool answered with isError: to the protocol a success.
	ToolError bool

	// passed is what of the params reaches mcp-go as it came; nil when nothing does.
	passed  *passed
	failure *Failure
}

// Fail makes the answer an error of the caller's choice; mcp-go's handlers cannot choose the code,
// and its hooks cannot fail at all. It returns f for the handler to return.
func (c *Call) Fail(f *Failure) error {
	c.failure = f
	return f
}

// listens reports whether a call opens a stream.
func (c *Call) listens() bool {
	return c.Modern && c.Method == string(mcp.MethodSubscriptionsListen)
}

type callKey struct{}

// FromContext is the call a handler or hook of mcp-go works for. It is nil outside this transport.
func FromContext(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

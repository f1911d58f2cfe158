package transport

import "context"

// Call is one request as it was decoded and checked.
type Call struct {
	// Method of the request, and the protocol version it speaks; empty when an older client does
	// not say.
	Method  string
	Version string
	// Modern is true from revision 2026-07-28 on.
	Modern bool
	// Namespace is the one of the endpoint, empty on the endpoint for all.
	Namespace string

	// Name, Arguments and Cursor are those of the params. Cursor is nil when absent: an empty one is
	// a cursor.
	Name      string
	Arguments map[string]string
	Cursor    *string

	failure *Failure
}

// Fail makes the answer an error of the caller's choice; mcp-go's handlers cannot choose the code,
// and its hooks cannot fail at all. It returns f for the handler to return.
func (c *Call) Fail(f *Failure) error {
	c.failure = f
	return f
}

type callKey struct{}

// FromContext is the call a handler or hook of mcp-go works for. It is nil outside this transport.
func FromContext(ctx context.Context) *Call {
	call, _ := ctx.Value(callKey{}).(*Call)
	return call
}

package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strconv"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// AnyPrompt is the one prompt registered with mcp-go, whose registry is static. Which prompt is
// meant stands in the Call.
const AnyPrompt = "lectern"

// served reports whether a method has an answer other than that there is no such method. Only then
// its params matter.
func served(modern bool, method string) bool {
	switch mcp.MCPMethod(method) {
	case mcp.MethodPromptsGet, mcp.MethodPromptsList:
		return true
	case mcp.MethodServerDiscover, mcp.MethodSubscriptionsListen:
		return modern
	case mcp.MethodInitialize, mcp.MethodPing:
		return !modern
	default:
		return false
	}
}

// modernMeta is the least _meta of a modern message.
var modernMeta = fmt.Sprintf(`"_meta":{%q:%q,%q:{}}`,
	mcp.MetaKeyProtocolVersion, mcp.ProtocolVersion20260728, mcp.MetaKeyClientCapabilities)

// dispatcher hands requests to mcp-go, as messages of its own making with what was checked in them:
// mcp-go decodes a message five times or more, a short one costs it less, and it keeps that of a
// stream for as long as the stream is open. The number in it is unique, since mcp-go keeps the
// requests under way under their ids, across callers.
type dispatcher struct {
	server *server.MCPServer
	direct func(context.Context, *Call) (any, *Failure)
	log    *slog.Logger
	serial atomic.Uint64
}

func newDispatcher(srv *server.MCPServer, direct func(context.Context, *Call) (any, *Failure), log *slog.Logger) *dispatcher {
	return &dispatcher{server: srv, direct: direct, log: log}
}

// dispatch answers a call. The result is nil with a failure. The body is needed for initialize only.
func (d *dispatcher) dispatch(ctx context.Context, call *Call, body []byte) (result any, f *Failure) {
	defer func() {
		if r := recover(); r != nil {
			d.log.ErrorContext(ctx, "Panic in a request", "method", call.Method, "panic", r, "stack", string(debug.Stack()))
			result, f = nil, internalFailure()
		}
	}()
	if d.direct != nil && call.Method == string(mcp.MethodPromptsGet) {
		return d.direct(ctx, call)
	}
	response := d.server.HandleMessage(ctx, d.message(call, body))
	if call.failure != nil {
		return nil, call.failure
	}
	switch r := response.(type) {
	case mcp.JSONRPCResponse:
		return r.Result, nil
	case mcp.JSONRPCError:
		return nil, d.translate(ctx, call, r.Error)
	default:
		d.log.ErrorContext(ctx, "No answer to a request", "method", call.Method)
		return nil, internalFailure()
	}
}

// message is what mcp-go is to answer. A method that is not served loses its params: all mcp-go has
// to find are the words to say so.
func (d *dispatcher) message(call *Call, body []byte) json.RawMessage {
	if !call.Modern && call.Method == string(mcp.MethodInitialize) {
		return body
	}
	message := make([]byte, 0, 256+len(call.Method)+len(call.notifications))
	message = append(message, `{"jsonrpc":"2.0","id":`...)
	message = strconv.AppendUint(message, d.serial.Add(1), 10)
	message = append(message, `,"method":`...)
	message = append(message, quote(call.Method)...)
	message = append(message, `,"params":{`...)
	start := len(message)
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodPromptsGet:
		message = append(message, `"name":"`+AnyPrompt+`"`...)
	case mcp.MethodSubscriptionsListen:
		if len(call.notifications) > 0 {
			message = append(append(message, `"notifications":`...), call.notifications...)
		}
	}
	if call.Modern {
		if len(message) > start {
			message = append(message, ',')
		}
		message = append(message, modernMeta...)
	}
	return append(message, "}}"...)
}

// translate keeps inner errors inside, and gives malformed params their code: what mcp-go calls an
// invalid request was checked to be a valid one.
func (d *dispatcher) translate(ctx context.Context, call *Call, err mcp.JSONRPCErrorDetails) *Failure {
	switch err.Code {
	case mcp.INTERNAL_ERROR:
		d.log.ErrorContext(ctx, "A request failed", "method", call.Method, "err", err.Message)
		return internalFailure()
	case mcp.INVALID_REQUEST, mcp.PARSE_ERROR:
		return InvalidParams("the params of " + call.Method + " are malformed")
	default:
		return &Failure{Code: err.Code, Message: err.Message, Data: err.Data}
	}
}

package transport

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"
)

// dispatcher hands requests to mcp-go, as messages of its own making with what was checked in them:
// mcp-go decodes a message five times or more, and a short one costs it less. The number in it is unique,
// since mcp-go keeps the requests under way under their ids, across callers.
type dispatcher struct {
	server *server.MCPServer
	direct func(context.Context, *Call) (any, *Failure)
	log    *slog.Logger
	serial atomic.Uint64
	offer  offer
	// mirrors tells of tools by name whether clients mirror arguments in headers.
	mirrors sync.Map
}

func newDispatcher(srv *server.MCPServer, direct func(context.Context, *Call) (any, *Failure), log *slog.Logger) *dispatcher {
	return &dispatcher{server: srv, direct: direct, log: log, offer: offered(srv)}
}

// dispatch answers a call. The result is nil with a failure. The body is needed for initialize only.
func (d *dispatcher) dispatch(ctx context.Context, call *Call, body []byte) (result any, f *Failure) {
	defer func() {
		if r := recover(); r != nil {
			d.log.ErrorContext(ctx, "Panic in a request", "method", call.Method, "panic", r, "stack", string(debug.Stack()))
			result, f = nil, Internal()
		}
	}()
	if d.direct != nil && call.Method == string(mcp.MethodPromptsGet) {
		return d.direct(ctx, call)
	}
	response := d.server.HandleMessage(ctx, d.message(call, body))
	if call.failure != nil {
		return nil, call.failure
	}
	known := d.offer.served(call.Modern, call.Method)
	switch r := response.(type) {
	case mcp.JSONRPCResponse:
		if !known {
			return nil, notOffered(call.Method)
		}
		if answered, is := r.Result.(*mcp.CallToolResult); is {
			call.ToolError = answered.IsError
		}
		return within(call, r.Result), nil
	case mcp.JSONRPCError:
		if !known && r.Error.Code != mcp.METHOD_NOT_FOUND {
			return nil, notOffered(call.Method)
		}
		return nil, d.translate(ctx, call, r.Error)
	default:
		d.log.ErrorContext(ctx, "No answer to a request", "method", call.Method)
		return nil, Internal()
	}
}

// within takes out of what older clients are promised what needs a channel they do not have. The result is
// mcp-go's own, made for this answer.
func within(call *Call, result any) any {
	initialized, ok := result.(mcp.InitializeResult)
	if !ok || call.Duplex {
		return result
	}
	has := &initialized.Capabilities
	if has.Prompts != nil {
		has.Prompts.ListChanged = false
	}
	if has.Tools != nil {
		has.Tools.ListChanged = false
	}
	if has.Resources != nil {
		has.Resources.ListChanged, has.Resources.Subscribe = false, false
	}
	return initialized
}

// notOffered is said of a method that mcp-go knows and that makes no sense here: it would promise
// what needs a session.
func notOffered(method string) *Failure {
	return &Failure{Code: mcp.METHOD_NOT_FOUND, Message: method + " is not offered"}
}

// translate keeps inner errors inside, and gives malformed params their code: what mcp-go calls an
// invalid request was checked to be a valid one.
func (d *dispatcher) translate(ctx context.Context, call *Call, err mcp.JSONRPCErrorDetails) *Failure {
	method := mcp.MCPMethod(call.Method)
	switch {
	case err.Code == mcp.INTERNAL_ERROR && ctx.Err() != nil:
		return Canceled()
	case err.Code == mcp.INTERNAL_ERROR:
		d.log.ErrorContext(ctx, "A request failed", "method", call.Method, "err", err.Message)
		return Internal()
	case err.Code == mcp.INVALID_REQUEST, err.Code == mcp.PARSE_ERROR:
		return InvalidParams("the params of " + call.Method + " are malformed")
	case err.Code == mcp.INVALID_PARAMS && method == mcp.MethodToolsCall:
		return InvalidParams(fmt.Sprintf("no such tool as %q; tools/list has those there are for you", call.Name))
	case err.Code == mcp.INVALID_PARAMS && method == mcp.MethodResourcesRead, err.Code == mcp.RESOURCE_NOT_FOUND:
		return UnknownResource() // under no retired code, in neither era
	default:
		return &Failure{Code: err.Code, Message: err.Message, Data: err.Data}
	}
}

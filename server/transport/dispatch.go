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

// dispatcher hands requests to mcp-go. Of methods whose params are in the Call it passes on an
// equivalent message of its own making: mcp-go decodes a message five times or more, and a short
// one costs it less. The number in it is unique, since mcp-go keeps the requests under way under
// their ids, across callers.
type dispatcher struct {
	server *server.MCPServer
	direct func(context.Context, *Call) (any, *Failure)
	log    *slog.Logger
	serial atomic.Uint64
	// legacy and modern are messages up to the id, by method.
	legacy, modern map[string]string
}

func newDispatcher(srv *server.MCPServer, direct func(context.Context, *Call) (any, *Failure), log *slog.Logger) *dispatcher {
	d := &dispatcher{server: srv, direct: direct, log: log, legacy: map[string]string{}, modern: map[string]string{}}
	meta := fmt.Sprintf(`"_meta":{%q:%q,%q:{}}`,
		mcp.MetaKeyProtocolVersion, mcp.ProtocolVersion20260728, mcp.MetaKeyClientCapabilities)
	for method, named := range map[mcp.MCPMethod]bool{
		mcp.MethodPromptsGet: true, mcp.MethodPromptsList: false, mcp.MethodServerDiscover: false, mcp.MethodPing: false,
	} {
		name, separator := "", ""
		if named {
			name, separator = fmt.Sprintf(`"name":%q`, AnyPrompt), ","
		}
		const message = `{"jsonrpc":"2.0","method":%q,"params":{%s},"id":`
		d.legacy[string(method)] = fmt.Sprintf(message, method, name)
		d.modern[string(method)] = fmt.Sprintf(message, method, name+separator+meta)
	}
	return d
}

// dispatch answers a call. The result is nil with a failure.
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

func (d *dispatcher) message(call *Call, body []byte) json.RawMessage {
	messages := d.legacy
	if call.Modern {
		messages = d.modern
	}
	start, ok := messages[call.Method]
	if !ok {
		return body
	}
	message := make([]byte, 0, len(start)+24)
	message = append(message, start...)
	message = strconv.AppendUint(message, d.serial.Add(1), 10)
	return append(message, '}')
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

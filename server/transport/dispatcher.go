package transport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"

	"github.com/mark3labs/mcp-go/mcp"
)

// era says which clients have a method.
type era int

const (
	everyEra era = iota
	// legacyEra is before revision 2026-07-28, modernEra from it on.
	legacyEra
	modernEra
)

// route is what is known of a method: who has it, what it reads of the params, and what answers it.
type route struct {
	Method
	era era
	// read takes what the method reads of the params; nil for nothing.
	read func(*Call, *params) *Failure
	// rawParams says that the method decodes all of its params.
	rawParams bool
	// callsTool says that the arguments have the limit of the tool that is named.
	callsTool bool
	// talks says that the handler may tell something before it answers.
	talks bool
}

// protocolRoutes has what methods of MCP read, whoever answers them.
var protocolRoutes = map[mcp.MCPMethod]route{
	mcp.MethodInitialize:             {era: legacyEra, rawParams: true},
	mcp.MethodPing:                   {era: legacyEra},
	mcp.MethodSetLogLevel:            {era: legacyEra, read: (*Call).readSetLevel},
	mcp.MethodServerDiscover:         {era: modernEra},
	mcp.MethodSubscriptionsListen:    {era: modernEra, read: (*Call).readListen},
	mcp.MethodPromptsList:            {read: (*Call).readCursor},
	mcp.MethodPromptsGet:             {read: (*Call).readPrompt},
	mcp.MethodToolsList:              {read: (*Call).readOnlyPage},
	mcp.MethodToolsCall:              {read: (*Call).readTool, talks: true, callsTool: true},
	mcp.MethodResourcesList:          {read: (*Call).readCursor},
	mcp.MethodResourcesTemplatesList: {read: (*Call).readOnlyPage},
	mcp.MethodResourcesRead:          {read: (*Call).readResource, talks: true},
	mcp.MethodCompletionComplete:     {read: (*Call).readCompletion},
}

// dispatcher answers requests by a table of methods.
type dispatcher struct {
	server Server
	// meta is what the server says of itself in results of tools.
	meta *serverMeta
	// has are the server's capabilities.
	has    mcp.ServerCapabilities
	routes map[string]*route
	tools  map[string]*toolRoute
	// leastArgumentBytes is up to which size arguments are within any limit.
	leastArgumentBytes int
	log                *slog.Logger
}

// toolRoute is a tool, and whether clients mirror any of its arguments in headers.
type toolRoute struct {
	Tool
	mirrored bool
}

// newDispatcher makes the table of a server: its methods, and those that are answered here.
func newDispatcher(srv Server, log *slog.Logger) *dispatcher {
	d := &dispatcher{
		server: srv, has: srv.deriveCapabilities(), log: log,
		routes: make(map[string]*route), tools: make(map[string]*toolRoute, len(srv.Tools)),
	}
	methods := map[mcp.MCPMethod]Method{
		mcp.MethodInitialize:          {Answer: d.server.answerInitialize},
		mcp.MethodPing:                {Answer: answerEmpty},
		mcp.MethodServerDiscover:      {Answer: d.server.answerDiscover, TTL: srv.DiscoverTTL},
		mcp.MethodSubscriptionsListen: {}, // a stream is not one answer
	}
	if srv.Logging {
		methods[mcp.MethodSetLogLevel] = Method{Answer: answerEmpty} // a level is a connection's
	}
	if srv.Tools != nil {
		methods[mcp.MethodToolsList] = Method{TTL: srv.ToolsTTL, Answer: newListOfTools(&srv).answerList}
		methods[mcp.MethodToolsCall] = Method{Answer: d.callTool}
	}
	maps.Copy(methods, srv.Methods)
	for name, method := range methods {
		r, known := protocolRoutes[name]
		if !known {
			r = route{era: modernEra, rawParams: true} // of an extension
		}
		r.Method = method
		r.ParamBytes = cmp.Or(r.ParamBytes, DefaultParamBytes)
		d.routes[string(name)] = &r
	}
	d.meta = newServerMeta(&d.server.Info)
	d.leastArgumentBytes = DefaultParamBytes
	for _, tool := range srv.Tools {
		tool.ArgumentBytes = cmp.Or(tool.ArgumentBytes, DefaultParamBytes)
		d.leastArgumentBytes = min(d.leastArgumentBytes, tool.ArgumentBytes)
		for _, limit := range tool.MemberBytes {
			d.leastArgumentBytes = min(d.leastArgumentBytes, limit)
		}
		d.tools[tool.Definition.Name] = &toolRoute{Tool: tool, mirrored: len(mcp.ExtractParamHeaderBindings(&tool.Definition)) > 0}
	}
	return d
}

// findRoute returns the route of a method that a client of an era has; nil when there is none.
func (d *dispatcher) findRoute(modern bool, method string) *route {
	r := d.routes[method]
	if r == nil || r.era != everyEra && (r.era == modernEra) != modern {
		return nil
	}
	return r
}

// readCall fills in a call by what a message asks for, and returns the route of its method, with what is wrong with its
// params. Those of a method that is not served may be anything.
func (d *dispatcher) readCall(e *envelope, call *Call, modern bool) (*route, *Failure) {
	call.Method, call.Version, call.Modern, call.Meta = e.Method, e.version, modern, e.Params.Meta
	r := d.findRoute(modern, e.Method)
	if r == nil {
		return nil, nil
	}
	return r, d.readParams(r, e, call)
}

// readParams gives a call what its method reads of the params, once they are known not to be too large.
func (d *dispatcher) readParams(r *route, e *envelope, call *Call) *Failure {
	if f := e.checkParams(); f != nil {
		return f
	}
	if f := d.checkSize(r, e); f != nil {
		return f
	}
	if e.flaw != "" {
		return InvalidParams(e.flaw)
	}
	if r.rawParams {
		call.Params = e.writtenParams
	}
	if r.read != nil {
		if f := r.read(call, &e.Params); f != nil {
			return f
		}
	}
	meta := &e.Params.Meta
	if len(meta.written) > 0 && meta.written[0] != '{' {
		return malformedMember("_meta", kindOf(meta.written))
	}
	if e.version != "" {
		return nil
	}
	if raw := meta.version; isPresent(raw) && raw[0] != '"' {
		return missingMeta(mcp.MetaKeyProtocolVersion)
	}
	return nil
}

// dispatch answers a call by the route of its method. The result is nil with a failure.
func (d *dispatcher) dispatch(ctx context.Context, r *route, call *Call) (result any, f *Failure) {
	if r == nil {
		return nil, d.notServed(call)
	}
	defer func() {
		if p := recover(); p != nil {
			d.log.ErrorContext(ctx, "Panic in a request", "method", call.Method, "panic", p, "stack", string(debug.Stack()))
			result, f = nil, Internal()
		}
	}()
	result, err := r.Answer(ctx, call)
	if err == nil {
		err = checkResult(call, result)
	}
	if err != nil {
		return nil, d.toFailure(ctx, call, err)
	}
	return d.completeResult(call, result, r.TTL), nil
}

// offeredChanges returns the filter of all lists that streams can be told of.
func (d *dispatcher) offeredChanges() mcp.SubscriptionFilter {
	has := &d.has
	return mcp.SubscriptionFilter{
		PromptsListChanged:   has.Prompts != nil && has.Prompts.ListChanged,
		ToolsListChanged:     has.Tools != nil && has.Tools.ListChanged,
		ResourcesListChanged: has.Resources != nil && has.Resources.ListChanged,
	}
}

// toFailure keeps inner errors inside.
func (d *dispatcher) toFailure(ctx context.Context, call *Call, err error) *Failure {
	if f, ok := errors.AsType[*Failure](err); ok {
		return f
	}
	if ctx.Err() != nil {
		return Canceled()
	}
	d.log.ErrorContext(ctx, "A request failed", "method", call.Method, "err", err)
	return Internal()
}

func answerEmpty(context.Context, *Call) (any, error) { return mcp.EmptyResult{}, nil }

// callTool has a tool answer. Who may not call it is for the tool to say.
func (d *dispatcher) callTool(ctx context.Context, call *Call) (any, error) {
	tool := d.tools[call.Name]
	if filter := d.server.ToolFilter; filter != nil {
		listed, err := filter.IsListed(ctx, call, call.Name)
		if err != nil {
			return nil, err
		}
		if !listed {
			tool = nil
		}
	}
	if tool == nil || !call.Narrowing.admits(&tool.Tool) {
		return nil, InvalidParams(fmt.Sprintf("no such tool as %q; tools/list has those there are for you", call.Name))
	}
	result, err := tool.Call(ctx, call)
	if err != nil {
		return nil, err
	}
	call.ToolError = result.IsError
	return result, nil
}

// checkResult refuses a result that an older client has no way to understand: a question back (SEP-2322). Asking
// it would take a request of the server's, for which there is no channel.
func checkResult(call *Call, result any) error {
	asking, can := result.(interface{ NeedsInput() bool })
	if can && !call.Modern && asking.NeedsInput() {
		return errors.New("the handler asks back, which this client cannot answer")
	}
	return nil
}

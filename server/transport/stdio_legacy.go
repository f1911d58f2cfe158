package transport

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// isImmediate reports whether a request of an older client changes what its next ones mean.
func (p *pipe) isImmediate(call *Call) bool {
	if call.Modern {
		return false
	}
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodInitialize, mcp.MethodSetLogLevel:
		return p.h.dispatch.find(false, call.Method) != nil
	case mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		return p.h.dispatch.server.ResourceUpdates
	default:
		return false
	}
}

// immediately answers what belongs to the connection and not to a request.
func (p *pipe) immediately(ctx context.Context, r *row, call *Call, body []byte) (any, *Failure) {
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		return p.subscribe(ctx, call, body)
	case mcp.MethodSetLogLevel:
		p.mu.Lock()
		p.level = call.level
		p.mu.Unlock()
	}
	return p.h.dispatch.dispatch(ctx, r, call)
}

// connect takes what an older client negotiated, and was told. From now on it is told of changed lists: it
// cannot ask for less.
func (p *pipe) connect(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
	if p.channel != nil || p.ending {
		return
	}
	p.channel = p.h.streams.connect(p.listening, p.namespace)
	p.channel.subscribe(p.h.dispatch.changes())
	p.running.Go(func() {
		defer p.h.streams.remove(p.channel)
		plain := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification { return note }
		p.h.stream(p.listening, p.channel, p.lines, plain)
	})
}

// subscribe lets an older client follow a resource, or no longer.
func (p *pipe) subscribe(ctx context.Context, call *Call, body []byte) (any, *Failure) {
	var message struct {
		Params struct {
			URI string `json:"uri"`
		} `json:"params"`
	}
	if f := decodeParams(body, &message); f != nil {
		return nil, f
	}
	uri := message.Params.URI
	p.mu.Lock()
	channel := p.channel
	p.mu.Unlock()
	switch {
	case uri == "":
		return nil, InvalidParams("params.uri is missing: it is the URI of a resource")
	case channel == nil:
		return nil, invalidRequest("initialize comes first")
	}
	followed := slices.DeleteFunc(slices.Clone(channel.followed()), func(one string) bool { return one == uri })
	if call.Method == string(mcp.MethodResourcesSubscribe) {
		switch {
		case !p.h.followable(ctx, uri):
			return nil, UnknownResource()
		case len(followed) >= maxURIs:
			return nil, tooManyURIs()
		}
		followed = append(followed, uri)
	}
	filter := p.h.dispatch.changes()
	filter.ResourceSubscriptions = followed
	channel.subscribe(filter)
	return mcp.EmptyResult{}, nil
}

func (p *pipe) negotiated() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version
}

func (p *pipe) logLevel() mcp.LoggingLevel {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

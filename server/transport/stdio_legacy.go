package transport

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// isConnectionRequest reports whether a request of an older client changes what its next ones mean.
func (p *stdioConn) isConnectionRequest(call *Call) bool {
	if call.Modern {
		return false
	}
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodInitialize, mcp.MethodSetLogLevel:
		return p.h.dispatch.findRoute(false, call.Method) != nil
	case mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		return p.h.dispatch.server.ResourceUpdates
	default:
		return false
	}
}

// answerConnectionRequest answers what belongs to the connection and not to a request.
func (p *stdioConn) answerConnectionRequest(ctx context.Context, r *route, call *Call) (any, *Failure) {
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodResourcesSubscribe, mcp.MethodResourcesUnsubscribe:
		return p.setSubscription(ctx, call)
	case mcp.MethodSetLogLevel:
		p.mu.Lock()
		p.level = call.level
		p.mu.Unlock()
	case mcp.MethodInitialize:
		var said mcp.InitializeParams
		_ = json.Unmarshal(call.Params, &said) // what is wrong with it is for the method to say
		p.mu.Lock()
		p.client = said.ClientInfo
		p.mu.Unlock()
	}
	return p.h.dispatch.dispatch(ctx, r, call)
}

// startNotifications takes what an older client negotiated, and was told. From now on it is told of changed lists: it
// cannot ask for less.
func (p *stdioConn) startNotifications(version string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version = version
	if p.channel != nil || p.ending {
		return
	}
	p.channel = p.h.subscriptions.openConnection(p.listening, p.namespace)
	p.channel.setFilter(p.h.dispatch.offeredChanges())
	p.running.Go(func() {
		defer p.h.subscriptions.closeStream(p.channel)
		plain := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification { return note }
		p.h.writeChanges(p.listening, p.channel, p.writer, plain)
	})
}

// setSubscription lets an older client follow a resource, or no longer.
func (p *stdioConn) setSubscription(ctx context.Context, call *Call) (any, *Failure) {
	uri := call.URI
	p.mu.Lock()
	channel := p.channel
	p.mu.Unlock()
	if channel == nil {
		return nil, invalidRequest("initialize comes first")
	}
	followed := slices.DeleteFunc(slices.Clone(channel.currentURIs()), func(one string) bool { return one == uri })
	if call.Method == string(mcp.MethodResourcesSubscribe) {
		may, f := p.h.decideFollowing(ctx, []string{uri})
		switch {
		case f != nil:
			return nil, f
		case !may[0]:
			return nil, UnknownResource()
		case p.h.config.URIsPerCaller >= 0 && len(followed) >= p.h.config.URIsPerCaller:
			return nil, tooManyURIs(p.h.config.URIsPerCaller)
		}
		followed = append(followed, uri)
	}
	filter := p.h.dispatch.offeredChanges()
	filter.ResourceSubscriptions = followed
	channel.setFilter(filter)
	return mcp.EmptyResult{}, nil
}

// negotiatedVersion returns the version an older client negotiated, and what it said of itself.
func (p *stdioConn) negotiatedVersion() (string, mcp.Implementation) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.version, p.client
}

func (p *stdioConn) logLevel() mcp.LoggingLevel {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level
}

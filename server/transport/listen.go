package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// serveListen serves a subscriptions/listen request over HTTP (SEP-2575).
func (h *Handler) serveListen(ctx context.Context, x *exchange) *Failure {
	if !acceptsType(x.header["Accept"], "text/event-stream") {
		h.limitWrite(x.control)
		http.Error(x.w, "Accept must admit text/event-stream", http.StatusNotAcceptable)
		return invalidRequest("a stream was not accepted")
	}
	// A deadline that passes while nothing is read would look like a client that left.
	_ = x.control.SetReadDeadline(time.Time{})
	x.releaseBuffer()
	x.envelope = envelope{ID: x.envelope.ID}
	out := h.newEventStream(x)
	result, f := h.serveSubscription(ctx, &x.call, x.envelope.ID, out)
	if f != nil {
		x.buffer = newResponseBuffer()
		return h.respond(x, nil, f)
	}
	return h.finishStream(out, result, nil)
}

// serveSubscription serves a subscriptions/listen request (SEP-2575) until ctx or the server ends, and then has its result.
// Nothing was written when it fails; the acknowledgement is first, whatever changes meanwhile.
func (h *Handler) serveSubscription(ctx context.Context, call *Call, id json.RawMessage, out notificationWriter) (any, *Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.subscriptions.stopping, cancel)()
	listener, f := h.subscriptions.openStream(ctx, call.Namespace)
	if f != nil {
		return nil, f
	}
	defer h.subscriptions.closeStream(listener)
	granted, f := h.grantFilter(ctx, call.notifications)
	if f != nil {
		return nil, f
	}
	listener.setFilter(granted)
	tag := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification {
		note.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id} // as the client wrote it
		return note
	}
	*call = Call{Method: call.Method, Version: call.Version, Modern: true, Namespace: call.Namespace, Duplex: call.Duplex} // it may last
	acknowledged := newNotification(mcp.MethodNotificationSubscriptionsAcknowledged, map[string]any{"notifications": granted})
	if gone := out.notify(tag(acknowledged)); !gone && !granted.IsEmpty() {
		h.writeChanges(ctx, listener, out, tag)
	}
	result := &mcp.SubscriptionsListenResult{}
	result.EnsureResultMeta().SetSubscriptionID(id)
	return h.dispatch.completeResult(call, result, 0), nil
}

// writeChanges writes until ctx ends or the client is gone. What was told before the end is written before it.
func (h *Handler) writeChanges(ctx context.Context, to *subscriber, out notificationWriter, tag func(mcp.JSONRPCNotification) mcp.JSONRPCNotification) {
	alive := time.NewTicker(h.config.KeepAlive)
	defer alive.Stop()
	tell := func() (gone bool) {
		for _, note := range to.drain() {
			gone = out.notify(tag(note))
		}
		return gone
	}
	for gone := false; !gone; {
		select {
		case <-to.wake:
			gone = tell()
		case <-alive.C:
			gone = out.writeKeepAlive()
		case <-ctx.Done():
			tell()
			return
		}
	}
}

// maxURIs bounds the resources one stream may follow.
const maxURIs = 256

// grantFilter leaves of what a stream asks for what there is and its caller may have: URIs that may not be followed are
// not acknowledged, and nothing says why.
func (h *Handler) grantFilter(ctx context.Context, notifications json.RawMessage) (mcp.SubscriptionFilter, *Failure) {
	var asked, granted mcp.SubscriptionFilter
	if len(notifications) > 0 && json.Unmarshal(notifications, &asked) != nil {
		return granted, InvalidParams("params.notifications is an object of toolsListChanged, promptsListChanged and resourcesListChanged, " +
			"true or false, and resourceSubscriptions, a list of URIs")
	}
	if len(asked.ResourceSubscriptions) > maxURIs {
		return granted, tooManyURIs()
	}
	granted = h.dispatch.offeredChanges()
	granted.PromptsListChanged = granted.PromptsListChanged && asked.PromptsListChanged
	granted.ToolsListChanged = granted.ToolsListChanged && asked.ToolsListChanged
	granted.ResourcesListChanged = granted.ResourcesListChanged && asked.ResourcesListChanged
	if !h.dispatch.server.ResourceUpdates {
		return granted, nil
	}
	seen := make(map[string]bool, len(asked.ResourceSubscriptions))
	for _, uri := range asked.ResourceSubscriptions {
		if !seen[uri] && h.isFollowable(ctx, uri) {
			granted.ResourceSubscriptions = append(granted.ResourceSubscriptions, uri)
		}
		seen[uri] = true
	}
	return granted, nil
}

func tooManyURIs() *Failure {
	return InvalidParams(fmt.Sprintf("a stream follows at most %d resources; follow the others on another stream", maxURIs))
}

func (h *Handler) isFollowable(ctx context.Context, uri string) bool {
	return h.config.MayFollow != nil && h.config.MayFollow(ctx, uri)
}

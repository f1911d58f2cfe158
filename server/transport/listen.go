package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// listen serves a subscriptions/listen request over HTTP.
func (h *Handler) listen(ctx context.Context, x *exchange) *Failure {
	if !accepts(x.header["Accept"], "text/event-stream") {
		h.limitWrite(x.control)
		http.Error(x.w, "Accept must admit text/event-stream", http.StatusNotAcceptable)
		return invalidRequest("a stream was not accepted")
	}
	// A deadline that passes while nothing is read would look like a client that left.
	_ = x.control.SetReadDeadline(time.Time{})
	x.release()
	x.envelope = envelope{ID: x.envelope.ID}
	out := h.events(x)
	result, f := h.follow(ctx, &x.call, x.envelope.ID, out)
	if f != nil {
		x.page = newPage()
		return h.respond(x, nil, f)
	}
	return h.finish(out, result, nil)
}

// follow serves a subscriptions/listen request (SEP-2575) until ctx or the server ends, and then has its result.
// Nothing was written when it fails; the acknowledgement is first, whatever changes meanwhile.
func (h *Handler) follow(ctx context.Context, call *Call, id json.RawMessage, out outlet) (any, *Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.streams.stopping, cancel)()
	session, f := h.streams.add(ctx, call.Namespace)
	if f != nil {
		return nil, f
	}
	defer h.streams.remove(session)
	granted, f := h.grant(ctx, call.notifications)
	if f != nil {
		return nil, f
	}
	session.subscribe(granted)
	tag := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification {
		note.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id} // as the client wrote it
		return note
	}
	*call = Call{Method: call.Method, Version: call.Version, Modern: true, Namespace: call.Namespace, Duplex: call.Duplex} // it may last
	acknowledged := notification(mcp.MethodNotificationSubscriptionsAcknowledged, map[string]any{"notifications": granted})
	if gone := out.note(tag(acknowledged)); !gone && !granted.IsEmpty() {
		h.stream(ctx, session, out, tag)
	}
	result := &mcp.SubscriptionsListenResult{}
	result.EnsureResultMeta().SetSubscriptionID(id)
	return h.dispatch.complete(call, result, 0), nil
}

// stream writes until ctx ends or the client is gone. What was told before the end is written before it.
func (h *Handler) stream(ctx context.Context, session *session, out outlet, tag func(mcp.JSONRPCNotification) mcp.JSONRPCNotification) {
	alive := time.NewTicker(h.config.KeepAlive)
	defer alive.Stop()
	tell := func() (gone bool) {
		for _, note := range session.untold() {
			gone = out.note(tag(note))
		}
		return gone
	}
	for gone := false; !gone; {
		select {
		case <-session.wake:
			gone = tell()
		case <-alive.C:
			gone = out.idle()
		case <-ctx.Done():
			tell()
			return
		}
	}
}

// maxURIs bounds the resources one stream may follow.
const maxURIs = 256

// grant leaves of what a stream asks for what there is and its caller may have: URIs that may not be followed are
// not acknowledged, and nothing says why.
func (h *Handler) grant(ctx context.Context, notifications json.RawMessage) (mcp.SubscriptionFilter, *Failure) {
	var asked, granted mcp.SubscriptionFilter
	if len(notifications) > 0 && json.Unmarshal(notifications, &asked) != nil {
		return granted, InvalidParams("params.notifications is an object of toolsListChanged, promptsListChanged and resourcesListChanged, " +
			"true or false, and resourceSubscriptions, a list of URIs")
	}
	if len(asked.ResourceSubscriptions) > maxURIs {
		return granted, tooManyURIs()
	}
	granted = h.dispatch.changes()
	granted.PromptsListChanged = granted.PromptsListChanged && asked.PromptsListChanged
	granted.ToolsListChanged = granted.ToolsListChanged && asked.ToolsListChanged
	granted.ResourcesListChanged = granted.ResourcesListChanged && asked.ResourcesListChanged
	if !h.dispatch.server.ResourceUpdates {
		return granted, nil
	}
	seen := make(map[string]bool, len(asked.ResourceSubscriptions))
	for _, uri := range asked.ResourceSubscriptions {
		if !seen[uri] && h.followable(ctx, uri) {
			granted.ResourceSubscriptions = append(granted.ResourceSubscriptions, uri)
		}
		seen[uri] = true
	}
	return granted, nil
}

func tooManyURIs() *Failure {
	return InvalidParams(fmt.Sprintf("a stream follows at most %d resources; follow the others on another stream", maxURIs))
}

func (h *Handler) followable(ctx context.Context, uri string) bool {
	return h.config.MayFollow != nil && h.config.MayFollow(ctx, uri)
}

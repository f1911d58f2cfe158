package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/auth"
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
	x.envelope = envelope{ID: slices.Clone(x.envelope.ID)}
	x.call.notifications = slices.Clone(x.call.notifications)
	x.release()
	out := h.newEventStream(x)
	result, f := h.serveSubscription(ctx, &x.call, x.envelope.ID, out)
	if f != nil {
		x.buffer = newResponseBuffer()
		return h.respond(ctx, x, nil, f)
	}
	return h.finishStream(ctx, out, result, nil)
}

// serveSubscription serves a subscriptions/listen request (SEP-2575) until ctx or the server ends, and then has its result.
// Nothing was written when it fails; the acknowledgement is first, whatever changes meanwhile.
func (h *Handler) serveSubscription(ctx context.Context, call *Call, id json.RawMessage, out notificationWriter) (any, *Failure) {
	ctx, cancel := contextOfStream(ctx)
	defer cancel()
	defer context.AfterFunc(h.subscriptions.stopping, cancel)()
	listener, f := h.subscriptions.openStream(ctx, cancel, call.Namespace)
	if f != nil {
		return nil, f
	}
	defer h.subscriptions.closeStream(listener)
	granted, f := h.grantFilter(ctx, call.notifications)
	if f != nil {
		return nil, f
	}
	if f := h.subscriptions.claimURIs(listener, len(granted.ResourceSubscriptions)); f != nil {
		return nil, f
	}
	listener.setFilter(granted)
	if h.reviews != nil && !call.Duplex && !granted.IsEmpty() { // whoever started this program is not asked again
		h.reviews.join(ctx, listener)
		defer h.reviews.leave(listener)
	}
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

// contextOfStream returns the context of a stream, which ends with the token of its caller.
func contextOfStream(ctx context.Context) (context.Context, context.CancelFunc) {
	if identity, _ := auth.FromContext(ctx); !identity.Expires.IsZero() {
		return context.WithDeadline(ctx, identity.Expires)
	}
	return context.WithCancel(ctx)
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

// grantFilter leaves of what a stream asks for what there is and its caller may have: URIs that may not be followed are
// not acknowledged, and nothing says why.
func (h *Handler) grantFilter(ctx context.Context, notifications json.RawMessage) (mcp.SubscriptionFilter, *Failure) {
	var asked, granted mcp.SubscriptionFilter
	if len(notifications) > 0 && json.Unmarshal(notifications, &asked) != nil {
		return granted, InvalidParams("params.notifications is an object of toolsListChanged, promptsListChanged and resourcesListChanged, " +
			"true or false, and resourceSubscriptions, a list of URIs")
	}
	if limit := h.config.URIsPerCaller; limit >= 0 && len(asked.ResourceSubscriptions) > limit {
		return granted, tooManyURIs(limit)
	}
	granted = h.dispatch.offeredChanges()
	granted.PromptsListChanged = granted.PromptsListChanged && asked.PromptsListChanged
	granted.ToolsListChanged = granted.ToolsListChanged && asked.ToolsListChanged
	granted.ResourcesListChanged = granted.ResourcesListChanged && asked.ResourcesListChanged
	if !h.dispatch.server.ResourceUpdates {
		return granted, nil
	}
	uris := distinctURIs(asked.ResourceSubscriptions)
	may, f := h.decideFollowing(ctx, uris)
	for i, uri := range uris {
		if f == nil && may[i] {
			granted.ResourceSubscriptions = append(granted.ResourceSubscriptions, uri)
		}
	}
	return granted, f
}

// distinctURIs returns every URI once, at its first place.
func distinctURIs(uris []string) []string {
	seen := make(map[string]bool, len(uris))
	return slices.DeleteFunc(slices.Clone(uris), func(uri string) bool {
		before := seen[uri]
		seen[uri] = true
		return before
	})
}

func tooManyURIs(limit int) *Failure {
	return InvalidParams(fmt.Sprintf("a caller follows at most %d resources, on all streams together; follow fewer, or list_changed, which tells of any", limit))
}

// decideFollowing returns for each resource whether the caller may follow it.
func (h *Handler) decideFollowing(ctx context.Context, uris []string) ([]bool, *Failure) {
	if h.config.MayFollow == nil || len(uris) == 0 {
		return make([]bool, len(uris)), nil
	}
	may, err := h.config.MayFollow(ctx, uris)
	if err != nil {
		return nil, h.dispatch.toFailure(ctx, &Call{Method: string(mcp.MethodSubscriptionsListen)}, err)
	}
	return may, nil
}

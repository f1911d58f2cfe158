package transport

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// outlet takes what is sent during a request: the events of a response, or lines of a pipe. It reports
// whether its client is gone; after that it writes nothing.
type outlet interface {
	note(note mcp.JSONRPCNotification) (gone bool)
	// idle shows that the other side is there, where somebody might doubt it.
	idle() (gone bool)
}

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

// follow serves a subscriptions/listen request until ctx or the server ends, and then has its result. Nothing
// was written when it fails; the acknowledgement is first, whatever changes meanwhile.
//
// mcp-go would block for as long as the stream is open, on a stack of 16 KiB. It is told that the end has
// come: then it grants, acknowledges and returns, and the stream goes on here.
func (h *Handler) follow(ctx context.Context, call *Call, id json.RawMessage, out outlet) (any, *Failure) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.streams.stopping, cancel)()
	session, f := h.streams.add(ctx, call.Namespace)
	if f != nil {
		return nil, f
	}
	defer h.streams.remove(session)
	if f := h.grant(ctx, call); f != nil {
		return nil, f
	}
	ended, end := context.WithCancel(ctx)
	end()
	result, f := h.dispatch.dispatch(h.config.Server.WithContext(ended, session), call, nil)
	if f != nil {
		return nil, f
	}
	if listened, ok := result.(mcp.SubscriptionsListenResult); ok {
		listened.EnsureResultMeta().SetSubscriptionID(id)
		result = listened
	}
	tag := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification {
		note.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id} // as the client wrote it
		return note
	}
	call.passed = nil // it may last
	select {
	case acknowledged := <-session.notes:
		if gone := out.note(tag(acknowledged)); !gone && session.hears() {
			h.stream(ctx, session, out, tag)
		}
		return result, nil
	default:
		h.config.Log.ErrorContext(ctx, "A stream was not acknowledged")
		return nil, Internal()
	}
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

// grant leaves of what a stream asks for what its caller may have: URIs that may not be followed are not
// acknowledged, and nothing says why.
func (h *Handler) grant(ctx context.Context, call *Call) *Failure {
	asked := call.passed.notifications
	if len(asked) == 0 {
		return nil
	}
	var filter mcp.SubscriptionFilter
	if err := json.Unmarshal(asked, &filter); err != nil {
		return InvalidParams("params.notifications is an object of toolsListChanged, promptsListChanged and resourcesListChanged, " +
			"true or false, and resourceSubscriptions, a list of URIs")
	}
	if len(filter.ResourceSubscriptions) > maxURIs {
		return tooManyURIs()
	}
	uris := filter.ResourceSubscriptions
	filter.ResourceSubscriptions = nil
	seen := make(map[string]bool, len(uris))
	for _, uri := range uris {
		if !seen[uri] && h.followable(ctx, uri) {
			filter.ResourceSubscriptions = append(filter.ResourceSubscriptions, uri)
		}
		seen[uri] = true
	}
	call.passed.notifications = encode(filter)
	return nil
}

func tooManyURIs() *Failure {
	return InvalidParams(fmt.Sprintf("a stream follows at most %d resources; follow the others on another stream", maxURIs))
}

func (h *Handler) followable(ctx context.Context, uri string) bool {
	return h.config.MayFollow != nil && h.config.MayFollow(ctx, uri)
}

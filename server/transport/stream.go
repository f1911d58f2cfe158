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

// ended is what HandleMessage answers when a stream is over.
type ended struct {
	result  any
	failure *Failure
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
	end, begun := h.follow(ctx, &x.call, x.envelope.ID, out)
	if !begun {
		x.page = newPage()
		return h.respond(x, end.result, end.failure)
	}
	return h.finish(out, end.result, end.failure)
}

// follow serves a subscriptions/listen request: mcp-go blocks in it for as long as the stream is open,
// on a goroutine of its own; this one is the only writer. It reports whether anything was written: the
// acknowledgement is first, whatever changes meanwhile.
func (h *Handler) follow(ctx context.Context, call *Call, id json.RawMessage, out outlet) (end ended, begun bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.streams.stopping, cancel)()
	session, f := h.streams.add(ctx, call.Namespace)
	if f != nil {
		return ended{failure: f}, false
	}
	defer h.streams.remove(session)
	if f := h.grant(ctx, call); f != nil {
		return ended{failure: f}, false
	}
	over := make(chan ended, 1)
	go func() {
		result, f := h.dispatch.dispatch(h.config.Server.WithContext(ctx, session), call, nil)
		if listened, ok := result.(mcp.SubscriptionsListenResult); ok {
			listened.EnsureResultMeta().SetSubscriptionID(id)
			result = listened
		}
		over <- ended{result: result, failure: f}
	}()
	tag := func(note mcp.JSONRPCNotification) mcp.JSONRPCNotification {
		note.Params.Meta = map[string]any{mcp.MetaKeySubscriptionID: id} // as the client wrote it
		return note
	}
	select {
	case ack := <-session.notes:
		if out.note(tag(ack)) {
			cancel()
		}
		return h.stream(session, out, tag, over, cancel), true
	case end := <-over:
		select {
		case ack := <-session.notes: // it ended at once, in order
			out.note(tag(ack))
			return end, true
		default:
			return end, false
		}
	}
}

// stream writes until the stream is over. What was told before the end is written before it.
func (h *Handler) stream(
	session *session, out outlet, tag func(mcp.JSONRPCNotification) mcp.JSONRPCNotification, over <-chan ended, cancel func(),
) ended {
	alive := time.NewTicker(h.config.KeepAlive)
	defer alive.Stop()
	tell := func() (gone bool) {
		for _, note := range session.untold() {
			gone = out.note(tag(note))
		}
		return gone
	}
	for {
		gone := false
		select {
		case <-session.wake:
			gone = tell()
		case <-alive.C:
			gone = out.idle()
		case end := <-over:
			tell()
			return end
		}
		if gone {
			cancel() // mcp-go lets go of the request
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

package transport

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/server/auth"
)

// Path is the endpoint for all namespaces; Path + "/" + namespace is the one of a namespace.
const Path = "/mcp"

const (
	// DefaultBodyLimit bounds a request, in bytes.
	DefaultBodyLimit = 4 << 20
	// DefaultKeepAlive is the time between comments on a silent stream; proxies commonly cut one
	// after 30 or 60 seconds.
	DefaultKeepAlive = 15 * time.Second
	// DefaultStreamsPerCaller bounds the streams a caller may have open.
	DefaultStreamsPerCaller = 16
	// DefaultWriteTimeout is the time a body may take to arrive, and a client to accept an answer or an
	// event.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultDrainTimeout is the time requests under way have when the server on stdio is to end.
	DefaultDrainTimeout = 2 * time.Second
	// maxPreallocated bounds the room made for a body that is announced and not there yet.
	maxPreallocated = 64 << 10
)

// Config of a Handler. Server and Authenticator are required.
type Config struct {
	Server        Server
	Authenticator auth.Authenticator
	// Observer sees every message that is a request; nil records nothing.
	Observer Observer
	Log      *slog.Logger
	// MayFollow decides which resources a stream may be told of, by what the caller may read and not by
	// what there is; nil allows none. The context has the caller's identity.
	MayFollow func(ctx context.Context, uri string) bool
	// BodyLimit, StreamsPerCaller, KeepAlive, WriteTimeout and DrainTimeout are the defaults when zero.
	BodyLimit                             int64
	StreamsPerCaller                      int
	KeepAlive, WriteTimeout, DrainTimeout time.Duration
}

// Handler is the MCP endpoint.
type Handler struct {
	config        Config
	dispatch      *dispatcher
	subscriptions *subscriptions
}

// New makes a handler with no open streams.
func New(config Config) *Handler {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Observer == nil {
		config.Observer = noObserver{}
	}
	if config.BodyLimit == 0 {
		config.BodyLimit = DefaultBodyLimit
	}
	if config.StreamsPerCaller == 0 {
		config.StreamsPerCaller = DefaultStreamsPerCaller
	}
	if config.KeepAlive == 0 {
		config.KeepAlive = DefaultKeepAlive
	}
	if config.WriteTimeout == 0 {
		config.WriteTimeout = DefaultWriteTimeout
	}
	if config.DrainTimeout == 0 {
		config.DrainTimeout = DefaultDrainTimeout
	}
	return &Handler{
		config:        config,
		dispatch:      newDispatcher(config.Server, config.Log),
		subscriptions: newSubscriptions(config.StreamsPerCaller),
	}
}

// ServeHTTP answers one message.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	identity, namespace, refused := h.admitRequest(r)
	if refused != nil {
		if refused.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		h.limitWrite(control)
		http.Error(w, refused.Reason, refused.Status)
		return
	}
	x := &exchange{w: w, control: control, header: r.Header, identity: identity, namespace: namespace, buffer: newResponseBuffer()}
	defer x.releaseBuffer()
	if f, status := h.readBody(r, x); f != nil {
		h.reject(x, f, status)
		return
	}
	h.serveMessage(r.Context(), x)
}

// limitWrite ends a write to a client that accepts nothing. net/http lifts the limit before the next
// request. A ResponseRecorder in a test has none.
func (h *Handler) limitWrite(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(h.config.WriteTimeout))
}

// parsePath returns the namespace a path stands for; empty for all.
func parsePath(path string) (namespace string, ok bool) {
	rest, found := strings.CutPrefix(path, Path)
	if !found || rest == "" {
		return "", found
	}
	if rest[0] != '/' {
		return "", false
	}
	ref, err := prompt.ParseRef(rest[1:]) // a namespace is a DNS label, as the name of a prompt
	return ref.Name, err == nil && ref.Selector == prompt.Selector{}
}

// admitRequest checks a request before it is read. Who is asking comes first: a caller who is not let in
// learns nothing of what is here.
func (h *Handler) admitRequest(r *http.Request) (auth.Identity, string, *auth.RefusedError) {
	identity, err := h.config.Authenticator.Authenticate(r)
	if err != nil {
		refused, is := errors.AsType[*auth.RefusedError](err)
		if !is {
			h.config.Log.ErrorContext(r.Context(), "A caller could not be authenticated", "err", err)
			refused = &auth.RefusedError{Status: http.StatusServiceUnavailable, Reason: "callers cannot be authenticated now, try again later"}
		}
		return auth.Identity{}, "", refused
	}
	namespace, ok := parsePath(r.URL.Path)
	accept := r.Header["Accept"]
	switch {
	case !ok:
		return identity, "", &auth.RefusedError{Status: http.StatusNotFound, Reason: "404 page not found"}
	case r.Method != http.MethodPost:
		return identity, "", &auth.RefusedError{Status: http.StatusMethodNotAllowed, Reason: "messages are sent by POST; there are no sessions and no streams to resume"}
	case !isJSON(r.Header.Get("Content-Type")):
		return identity, "", &auth.RefusedError{Status: http.StatusUnsupportedMediaType, Reason: "Content-Type must be application/json"}
	case !acceptsType(accept, "application/json") && !acceptsType(accept, "text/event-stream"):
		return identity, "", &auth.RefusedError{Status: http.StatusNotAcceptable, Reason: "Accept must admit application/json and text/event-stream"}
	}
	return identity, namespace, nil
}

// exchange is a request under way. The buffer holds the body until the answer is written over it.
type exchange struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	header    http.Header
	identity  auth.Identity
	namespace string
	buffer    *responseBuffer
	envelope  envelope
	call      Call
	// method is nil for one the client does not have; malformed is what is wrong with the params of one it has.
	method    *route
	malformed *Failure
}

// releaseBuffer gives the buffer back. A stream does so at its start: it may last for days.
func (x *exchange) releaseBuffer() {
	if x.buffer != nil {
		x.buffer.release()
		x.buffer = nil
	}
}

// readBody reads the body into the buffer.
func (h *Handler) readBody(r *http.Request, x *exchange) (*Failure, int) {
	limit := h.config.BodyLimit
	if r.ContentLength > limit {
		return tooLarge("body", limit), http.StatusRequestEntityTooLarge
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(x.w, body, limit)
	} else {
		x.buffer.Grow(int(min(r.ContentLength, maxPreallocated)) + bytes.MinRead) // room to see the end without growing
	}
	// The next request sets its own deadline, and a stream lifts it. A ResponseRecorder in a test has none.
	_ = x.control.SetReadDeadline(time.Now().Add(h.config.WriteTimeout))
	if _, err := x.buffer.ReadFrom(body); err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return tooLarge("body", limit), http.StatusRequestEntityTooLarge
		}
		return &Failure{Code: mcp.PARSE_ERROR, Message: "the body did not arrive whole"}, http.StatusBadRequest
	}
	return nil, 0
}

func tooLarge(what string, limit int64) *Failure {
	return invalidRequest(fmt.Sprintf("the %s is larger than %d bytes", what, limit))
}

// serveMessage answers what a body says.
func (h *Handler) serveMessage(ctx context.Context, x *exchange) {
	started := time.Now()
	e := &x.envelope
	f := decodeMessage(x.buffer.Bytes(), e)
	isModern := isModern(x.header, e)
	if f == nil && !e.isRequest() {
		// A notification or a response. None changes anything here, and one that cancels must
		// not: it names a request by its id, and ids of different callers are alike.
		h.limitWrite(x.control)
		x.w.WriteHeader(http.StatusAccepted)
		return
	}
	if f != nil {
		status := http.StatusBadRequest
		if !isModern && e.ID != nil {
			status = http.StatusOK
		}
		h.reject(x, f, status)
		return
	}
	x.method, x.malformed = h.dispatch.readCall(e, &x.call, isModern, x.buffer.Bytes())
	x.call.Namespace = x.namespace
	if x.call.Version == "" {
		x.call.Version = x.header.Get(mcp.HeaderProtocolVersion)
	}
	ctx = context.WithValue(auth.WithIdentity(ctx, x.identity), callKey{}, &x.call)
	ctx, end := h.config.Observer.Start(ctx, &x.call, x.header, e.Params.Meta.traceContext(), started)
	end(h.serveRequest(ctx, x))
}

// serveRequest answers a request and returns the failure it ended in.
func (h *Handler) serveRequest(ctx context.Context, x *exchange) *Failure {
	f := x.malformed
	switch {
	case f != nil:
	case x.call.Modern:
		f = h.checkModern(x)
	default:
		if f = checkLegacy(x.header, &x.envelope); f != nil {
			h.reject(x, f, http.StatusBadRequest)
			return f
		}
	}
	switch {
	case f != nil:
		return h.respond(x, nil, f)
	case x.call.isListen():
		return h.serveListen(ctx, x)
	}
	result, out, f := h.callMethod(ctx, x)
	if out != nil && out.begun {
		return h.finishStream(out, result, f)
	}
	return h.respond(x, result, f)
}

// callMethod has a request answered, and what its handler tells meanwhile written: as events, then.
func (h *Handler) callMethod(ctx context.Context, x *exchange) (result any, out *eventStream, f *Failure) {
	if x.method != nil && x.method.talks {
		// A deadline that passes while the handler works would look like a client that left.
		_ = x.control.SetReadDeadline(time.Time{})
		if acceptsType(x.header["Accept"], "text/event-stream") {
			out = h.newEventStream(x)
			defer x.call.startNotifier(out, h.config.KeepAlive, mcp.LoggingLevelInfo).close()
		}
	}
	result, f = h.dispatch.dispatch(ctx, x.method, &x.call)
	return result, out, f
}

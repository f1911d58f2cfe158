package transport

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"maps"
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
	// DefaultURIsPerCaller bounds the resources that all streams of a caller follow together.
	DefaultURIsPerCaller = 256
	// DefaultWriteTimeout is the time a body may take to arrive, and a client to accept an answer or an
	// event.
	DefaultWriteTimeout = 30 * time.Second
	// DefaultDrainTimeout is the time requests under way have when the server on stdio is to end.
	DefaultDrainTimeout = 2 * time.Second
	// DefaultBodyBudget bounds all bodies together, in bytes: those that are still arriving and those of requests under way.
	DefaultBodyBudget = 64 << 20
	// DefaultAnswerBudget bounds all large answers together that are being encoded or written, in bytes.
	DefaultAnswerBudget = 32 << 20
)

// Config of a Handler. Server and Authenticator are required.
type Config struct {
	Server        Server
	Authenticator auth.Authenticator
	// Observer sees every message that is a request; nil records nothing.
	Observer Observer
	// Recorder keeps what became of calls before they are answered; nil keeps nothing.
	Recorder Recorder
	Log      *slog.Logger
	// MayFollow returns for each of some resources whether a stream may be told of it, by what the caller may read and not
	// by what there is; nil allows none. The context has the caller's identity. What is undecided is not allowed; an error
	// says that nothing can be decided now.
	MayFollow func(ctx context.Context, uris []string) ([]bool, error)
	// Reprover proves the callers of open streams again, and ReviewStreams finds out what the streams of a caller may hear, in
	// their order: from the caches for a stream without a review before, past them for others. Errors wrap
	// auth.ErrUnavailable where that cannot be found out now; every other one ends the streams. Without a Reprover streams
	// are not reviewed; on a pipe they never are.
	Reprover      auth.Reprover
	ReviewStreams func(ctx context.Context, streams []Followed) ([]StreamRights, error)
	// ReviewEvery is how often streams are reviewed; DefaultReviewEvery when zero.
	ReviewEvery time.Duration
	// StdioNarrowing is that of the client on stdin and stdout, which has no URL to say it by.
	StdioNarrowing Narrowing
	// Rates bound how often callers ask over HTTP; nil bounds nobody.
	Rates *auth.RateLimiter
	// BodyLimit, BodyBudget, AnswerBudget, StreamsPerCaller, KeepAlive, WriteTimeout and DrainTimeout are the defaults when
	// zero.
	BodyLimit, BodyBudget, AnswerBudget int64
	// StreamsPerCaller and URIsPerCaller below zero bound nobody.
	StreamsPerCaller, URIsPerCaller       int
	KeepAlive, WriteTimeout, DrainTimeout time.Duration
	// StallTimeout is how long a body may make no progress, and BudgetTimeout how long one waits, when the budget is used
	// up; the defaults when zero.
	StallTimeout, BudgetTimeout time.Duration
}

// Handler is the MCP endpoint.
type Handler struct {
	config        Config
	dispatch      *dispatcher
	subscriptions *subscriptions
	// reviews has open streams reviewed; nil where nothing is.
	reviews *streamReviews
	// smallBodies and largeBodies are the budgets of bodies. Small ones have one of their own, so that large ones cannot
	// keep them waiting.
	smallBodies, largeBodies *bodyBudget
	// answers is the budget of large answers.
	answers *bodyBudget
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
	if config.BodyBudget == 0 {
		config.BodyBudget = DefaultBodyBudget
	}
	if config.AnswerBudget == 0 {
		config.AnswerBudget = DefaultAnswerBudget
	}
	config.StreamsPerCaller = cmp.Or(config.StreamsPerCaller, DefaultStreamsPerCaller)
	config.URIsPerCaller = cmp.Or(config.URIsPerCaller, DefaultURIsPerCaller)
	if config.KeepAlive == 0 {
		config.KeepAlive = DefaultKeepAlive
	}
	if config.WriteTimeout == 0 {
		config.WriteTimeout = DefaultWriteTimeout
	}
	if config.DrainTimeout == 0 {
		config.DrainTimeout = DefaultDrainTimeout
	}
	if config.StallTimeout == 0 {
		config.StallTimeout = stallTimeout
	}
	if config.BudgetTimeout == 0 {
		config.BudgetTimeout = budgetTimeout
	}
	if config.ReviewEvery == 0 {
		config.ReviewEvery = DefaultReviewEvery
	}
	small := config.BodyBudget / 4
	h := &Handler{
		smallBodies:   newBodyBudget(small, config.StallTimeout, config.BudgetTimeout),
		largeBodies:   newBodyBudget(config.BodyBudget-small, config.StallTimeout, config.BudgetTimeout),
		answers:       newBodyBudget(config.AnswerBudget, config.StallTimeout, config.BudgetTimeout),
		config:        config,
		dispatch:      newDispatcher(config.Server, config.Log),
		subscriptions: newSubscriptions(config.StreamsPerCaller, config.URIsPerCaller),
	}
	if config.Reprover != nil {
		h.reviews = newStreamReviews(h.subscriptions.stopping, &config)
	}
	return h
}

// ServeHTTP answers one message.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	control := http.NewResponseController(w)
	ctx, namespace, refused := h.admitRequest(r)
	if refused != nil {
		maps.Copy(w.Header(), refused.Header)
		h.limitWrite(control)
		http.Error(w, refused.Reason, refused.Status)
		return
	}
	x := &exchange{w: w, control: control, header: r.Header, namespace: namespace, query: r.URL.RawQuery, buffer: newResponseBuffer()}
	x.identity, _ = auth.FromContext(ctx)
	defer x.release()
	if f, status := h.readBody(r, x); f != nil {
		h.reject(x, f, status)
		return
	}
	h.serveMessage(ctx, x)
}

// limitWrite ends a write to a client that accepts nothing. net/http lifts the limit before the next
// request. A ResponseRecorder in a test has none.
func (h *Handler) limitWrite(control *http.ResponseController) {
	_ = control.SetWriteDeadline(time.Now().Add(h.config.WriteTimeout))
}

// parsePath returns the namespace a path stands for; empty for all. Clients and proxies add a slash at the end, which
// means nothing here.
func parsePath(path string) (namespace string, ok bool) {
	rest, found := strings.CutPrefix(strings.TrimSuffix(path, "/"), Path)
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
func (h *Handler) admitRequest(r *http.Request) (context.Context, string, *auth.RefusedError) {
	ctx, err := h.config.Authenticator.Authenticate(r)
	if err != nil {
		refused, is := errors.AsType[*auth.RefusedError](err)
		if !is {
			h.config.Log.ErrorContext(r.Context(), "A caller could not be authenticated", "err", err)
			refused = &auth.RefusedError{Status: http.StatusServiceUnavailable, Reason: "callers cannot be authenticated now, try again later"}
		}
		return nil, "", refused
	}
	namespace, ok := parsePath(r.URL.Path)
	accept := r.Header["Accept"]
	switch {
	case !ok:
		return nil, "", &auth.RefusedError{Status: http.StatusNotFound, Reason: "404 page not found"}
	case r.Method != http.MethodPost:
		return nil, "", &auth.RefusedError{
			Status: http.StatusMethodNotAllowed, Reason: "messages are sent by POST; there are no sessions and no streams to resume",
			Header: http.Header{"Allow": {http.MethodPost}},
		}
	case !isJSON(r.Header.Get("Content-Type")):
		return nil, "", &auth.RefusedError{Status: http.StatusUnsupportedMediaType, Reason: "Content-Type must be application/json"}
	case !acceptsType(accept, "application/json") && !acceptsType(accept, "text/event-stream"):
		return nil, "", &auth.RefusedError{Status: http.StatusNotAcceptable, Reason: "Accept must admit application/json and text/event-stream"}
	}
	return ctx, namespace, nil
}

// exchange is a request under way.
type exchange struct {
	w         http.ResponseWriter
	control   *http.ResponseController
	header    http.Header
	identity  auth.Identity
	namespace string
	// query is that of the URL.
	query    string
	body     requestBody
	buffer   *responseBuffer
	envelope envelope
	call     Call
	// method is nil for one the client does not have; malformed is what is wrong with the params of one it has.
	method    *route
	malformed *Failure
	// record is the end of what the recorder began.
	record func(*Failure)
}

// release gives back what the request takes. A stream does so at its start: it may last for days.
func (x *exchange) release() {
	x.body.release()
	if x.buffer != nil {
		x.buffer.release()
		x.buffer = nil
	}
}

// serveMessage answers what a body says.
func (h *Handler) serveMessage(ctx context.Context, x *exchange) {
	started := time.Now()
	e := &x.envelope
	f := decodeMessage(x.body.content, e)
	isModern := isModern(x.header, e)
	if f == nil && !e.isRequest() {
		h.acceptNotification(ctx, x)
		return
	}
	limited := h.takeRequest(ctx, &x.identity, e.Method)
	if f != nil {
		status := http.StatusBadRequest
		if limited != nil {
			f, status = limited, http.StatusTooManyRequests
		}
		if !isModern && e.ID != nil {
			status = http.StatusOK
		}
		h.reject(x, f, status)
		return
	}
	if x.method, x.malformed = h.dispatch.readCall(e, &x.call, isModern); limited != nil {
		x.malformed = limited
	}
	x.call.Namespace = x.namespace
	var wrong *Failure
	if x.call.Narrowing, wrong = readNarrowing(x.query, h.config.Server.Toolsets); x.malformed == nil {
		x.malformed = wrong
	}
	if x.call.Version == "" {
		x.call.Version = x.header.Get(mcp.HeaderProtocolVersion)
	}
	ctx = context.WithValue(ctx, callKey{}, &x.call)
	ctx, end := h.config.Observer.Start(ctx, &x.call, x.header, e.Params.Meta.traceContext(), started)
	ctx, x.record = h.beginRecord(ctx, &x.call, x.header, started)
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
			x.record(f)
			h.reject(x, f, http.StatusBadRequest)
			return f
		}
	}
	switch {
	case f != nil:
		return h.respond(ctx, x, nil, f)
	case x.call.isListen():
		return h.serveListen(ctx, x)
	}
	result, out, f := h.callMethod(ctx, x)
	if out != nil && out.begun {
		return h.finishStream(ctx, out, result, f)
	}
	return h.respond(ctx, x, result, f)
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

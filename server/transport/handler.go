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
	"github.com/mark3labs/mcp-go/server"

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
	// readTimeout bounds how long a body may take to arrive, writeTimeout how long a client may
	// take to accept an answer or an event.
	readTimeout, writeTimeout = 30 * time.Second, 30 * time.Second
)

// Config of a Handler. Server, Authenticator and Origins are required.
type Config struct {
	Server        *server.MCPServer
	Authenticator auth.Authenticator
	Origins       *auth.Origins
	// Direct answers prompts/get without mcp-go, which costs several times what the answer does. It
	// must answer as the handler registered with mcp-go would; nil leaves all to mcp-go.
	Direct func(ctx context.Context, call *Call) (result any, f *Failure)
	// Recorder sees every message that is a request; nil records nothing.
	Recorder Recorder
	Log      *slog.Logger
	// BodyLimit and KeepAlive are the defaults when zero.
	BodyLimit int64
	KeepAlive time.Duration
}

// Handler is the MCP endpoint.
type Handler struct {
	config   Config
	dispatch *dispatcher
	streams  *streams
}

// New is a handler with no open streams.
func New(config Config) *Handler {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Recorder == nil {
		config.Recorder = silent{}
	}
	if config.BodyLimit == 0 {
		config.BodyLimit = DefaultBodyLimit
	}
	if config.KeepAlive == 0 {
		config.KeepAlive = DefaultKeepAlive
	}
	return &Handler{config: config, dispatch: newDispatcher(config.Server, config.Direct, config.Log), streams: newStreams()}
}

// ServeHTTP answers one message.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	namespace, ok := endpoint(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	identity, refused := h.admit(r)
	if refused != nil {
		if refused.Status == http.StatusMethodNotAllowed {
			w.Header().Set("Allow", http.MethodPost)
		}
		http.Error(w, refused.Reason, refused.Status)
		return
	}
	page := newPage()
	defer page.release()
	if f, status := h.read(w, r, page); f != nil {
		h.reject(w, page, nil, f, status)
		return
	}
	h.message(w, r, &exchange{identity: identity, namespace: namespace, page: page})
}

// endpoint is the namespace a path stands for; empty for all.
func endpoint(path string) (namespace string, ok bool) {
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

// admit judges a request before it is read.
func (h *Handler) admit(r *http.Request) (auth.Identity, *auth.RefusedError) {
	if r.Method != http.MethodPost {
		return auth.Identity{}, &auth.RefusedError{Status: http.StatusMethodNotAllowed, Reason: "messages are sent by POST; there are no sessions and no streams to resume"}
	}
	if origin := r.Header.Get("Origin"); origin != "" && !h.config.Origins.Allowed(origin) {
		return auth.Identity{}, &auth.RefusedError{Status: http.StatusForbidden, Reason: "this Origin is not allowed; the server's --allowed-origins lists those that are"}
	}
	identity, err := h.config.Authenticator.Authenticate(r)
	if err != nil {
		var refused *auth.RefusedError
		if !errors.As(err, &refused) {
			h.config.Log.ErrorContext(r.Context(), "A caller could not be authenticated", "err", err)
			refused = &auth.RefusedError{Status: http.StatusServiceUnavailable, Reason: "callers cannot be authenticated now, try again later"}
		}
		return auth.Identity{}, refused
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return auth.Identity{}, &auth.RefusedError{Status: http.StatusUnsupportedMediaType, Reason: "Content-Type must be application/json"}
	}
	accept := r.Header["Accept"]
	if !accepts(accept, "application/json") && !accepts(accept, "text/event-stream") {
		return auth.Identity{}, &auth.RefusedError{Status: http.StatusNotAcceptable, Reason: "Accept must admit application/json and text/event-stream"}
	}
	return identity, nil
}

// read puts the body into the page.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, page *page) (*Failure, int) {
	limit := h.config.BodyLimit
	if r.ContentLength > limit {
		return tooLarge(limit), http.StatusRequestEntityTooLarge
	}
	body := r.Body
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, body, limit)
	} else {
		page.Grow(int(r.ContentLength) + bytes.MinRead) // room to see the end without growing
	}
	// The next request sets its own deadline, and a stream lifts it. A recorder in a test has none.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(readTimeout))
	if _, err := page.ReadFrom(body); err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return tooLarge(limit), http.StatusRequestEntityTooLarge
		}
		return &Failure{Code: mcp.PARSE_ERROR, Message: "the body did not arrive whole"}, http.StatusBadRequest
	}
	return nil, 0
}

func tooLarge(limit int64) *Failure {
	return invalidRequest(fmt.Sprintf("the body is larger than %d bytes", limit))
}

// exchange is a request under way. The page holds the body until the answer is written over it.
type exchange struct {
	identity  auth.Identity
	namespace string
	page      *page
	envelope  envelope
	call      Call
}

// message answers what a body says.
func (h *Handler) message(w http.ResponseWriter, r *http.Request, x *exchange) {
	started := time.Now()
	e := &x.envelope
	f := decode(x.page.Bytes(), e)
	isModern := modern(r.Header, e)
	switch {
	case f == nil && len(e.ID) == 0 && e.Method != "",
		f == nil && e.Method == "" && (e.Result != nil || e.Error != nil):
		// A notification or a response. None changes anything here, and one that cancels must
		// not: it names a request by its id, and ids of different callers are alike.
		w.WriteHeader(http.StatusAccepted)
		return
	case f == nil && e.Method == "":
		f = invalidRequest("method is missing")
	}
	if f != nil {
		status := http.StatusBadRequest
		if !isModern && e.ID != nil {
			status = http.StatusOK
		}
		h.reject(w, x.page, e.ID, f, status)
		return
	}
	x.call = Call{
		Method: e.Method, Version: e.Params.Meta.Version, Modern: isModern, Namespace: x.namespace,
		Name: e.Params.Name, Arguments: e.Params.Arguments, Cursor: e.Params.Cursor,
	}
	ctx := context.WithValue(auth.WithIdentity(r.Context(), x.identity), callKey{}, &x.call)
	ctx, end := h.config.Recorder.Start(ctx, &x.call, r.Header, Trace{Parent: e.Params.Meta.Traceparent, State: e.Params.Meta.Tracestate}, started)
	end(h.request(ctx, w, r, x))
}

// request answers a request and returns the failure it ended in.
func (h *Handler) request(ctx context.Context, w http.ResponseWriter, r *http.Request, x *exchange) *Failure {
	var f *Failure
	if x.call.Modern {
		f = checkModern(r.Header, &x.envelope, x.page.Bytes())
	} else if f = checkLegacy(r.Header, &x.envelope); f != nil {
		h.reject(w, x.page, x.envelope.ID, f, http.StatusBadRequest)
		return f
	}
	if f == nil && x.call.Modern && x.call.Method == string(mcp.MethodSubscriptionsListen) {
		return h.listen(ctx, w, r, x)
	}
	var result any
	if f == nil {
		result, f = h.dispatch.dispatch(ctx, &x.call, x.page.Bytes())
	}
	return h.respond(w, x, result, f)
}

// respond writes the one answer to a request that is no stream.
func (h *Handler) respond(w http.ResponseWriter, x *exchange, result any, f *Failure) *Failure {
	if f != nil {
		status := http.StatusOK
		if x.call.Modern {
			status = f.status()
		}
		h.reject(w, x.page, x.envelope.ID, f, status)
		return f
	}
	x.page.Reset()
	if err := x.page.answer(x.envelope.ID, result, nil); err != nil {
		h.config.Log.Error("An answer could not be encoded", "method", x.call.Method, "err", err)
		f = internalFailure()
		h.reject(w, x.page, x.envelope.ID, f, http.StatusOK)
		return f
	}
	x.page.send(w, http.StatusOK)
	return nil
}

// reject writes a failure over whatever the page holds.
func (h *Handler) reject(w http.ResponseWriter, page *page, id []byte, f *Failure, status int) {
	page.Reset()
	if err := page.answer(id, nil, f); err != nil {
		h.config.Log.Error("An error could not be encoded", "err", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	page.send(w, status)
}

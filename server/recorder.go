package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// otherMethod is the label of methods nobody serves: a caller must not be able to make labels.
const otherMethod = "other"

// recorder makes a metric, a line of the log at debug and, with a tracer, a span of every request.
// Names are those of the OpenTelemetry conventions for MCP. The name of the prompt is on spans only:
// as a label it would be unbounded.
type recorder struct {
	durations *prometheus.HistogramVec
	// succeeded has the observers of the usual case, which need no look-up of labels.
	succeeded map[string]prometheus.Observer
	tracer    trace.Tracer
	log       *slog.Logger
}

func newRecorder(metrics prometheus.Registerer, tracer trace.Tracer, log *slog.Logger) *recorder {
	r := &recorder{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mcp_server_operation_duration_seconds",
			Help:    "How long requests took, streams from beginning to end.",
			Buckets: []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300},
		}, []string{"mcp_method_name", "error_type"}),
		succeeded: make(map[string]prometheus.Observer),
		tracer:    tracer,
		log:       log,
	}
	metrics.MustRegister(r.durations)
	for _, method := range []mcp.MCPMethod{
		mcp.MethodPromptsGet, mcp.MethodPromptsList, mcp.MethodServerDiscover, mcp.MethodInitialize,
		mcp.MethodPing, mcp.MethodSubscriptionsListen, mcp.MethodToolsList, mcp.MethodToolsCall, mcp.MethodResourcesList,
		mcp.MethodResourcesTemplatesList, mcp.MethodResourcesRead, mcp.MethodCompletionComplete,
	} {
		r.succeeded[string(method)] = r.durations.WithLabelValues(string(method), "")
	}
	return r
}

// Start implements transport.Recorder.
func (r *recorder) Start(
	ctx context.Context, call *transport.Call, header http.Header, parents transport.Trace, started time.Time,
) (context.Context, func(*transport.Failure)) {
	var span trace.Span
	if r.tracer != nil {
		ctx, span = r.span(ctx, call, header, parents, started)
	}
	return ctx, func(f *transport.Failure) {
		took := time.Since(started)
		r.observe(call.Method, f, took)
		if r.log.Enabled(ctx, slog.LevelDebug) {
			r.line(ctx, call, f, took)
		}
		if span != nil {
			if f != nil {
				code := strconv.Itoa(f.Code)
				span.SetAttributes(attribute.String("error.type", code), attribute.String("rpc.response.status_code", code))
				span.SetStatus(codes.Error, f.Message)
			}
			span.End()
		}
	}
}

func (r *recorder) observe(method string, f *transport.Failure, took time.Duration) {
	observer, known := r.succeeded[method]
	switch {
	case known && f == nil:
		observer.Observe(took.Seconds())
		return
	case !known:
		method = otherMethod
	}
	kind := ""
	if f != nil {
		kind = strconv.Itoa(f.Code)
	}
	r.durations.WithLabelValues(method, kind).Observe(took.Seconds())
}

func (r *recorder) line(ctx context.Context, call *transport.Call, f *transport.Failure, took time.Duration) {
	identity, _ := auth.FromContext(ctx)
	attrs := []slog.Attr{
		slog.String("method", call.Method),
		slog.String("name", call.Name),
		slog.String("namespace", call.Namespace),
		slog.String("subject", identity.Subject),
		slog.Duration("took", took),
	}
	if f != nil {
		attrs = append(attrs, slog.Int("code", f.Code))
	}
	r.log.LogAttrs(ctx, slog.LevelDebug, "Request", attrs...)
}

// span has the client's span of _meta as parent, and the one of the HTTP request as link; without
// the first the second is the parent.
func (r *recorder) span(
	ctx context.Context, call *transport.Call, header http.Header, parents transport.Trace, started time.Time,
) (context.Context, trace.Span) {
	var w3c propagation.TraceContext
	outer := w3c.Extract(ctx, propagation.HeaderCarrier(header))
	parent := w3c.Extract(ctx, propagation.MapCarrier{
		"traceparent": text(parents.Parent),
		"tracestate":  text(parents.State),
	})
	network := "tcp"
	if call.Duplex {
		network = "pipe"
	}
	options := []trace.SpanStartOption{
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithTimestamp(started),
		trace.WithAttributes(
			attribute.String("mcp.method.name", call.Method),
			attribute.String("mcp.protocol.version", call.Version),
			attribute.String("network.transport", network),
		),
	}
	if !trace.SpanContextFromContext(parent).IsValid() {
		parent = outer
	} else if link := trace.SpanContextFromContext(outer); link.IsValid() {
		options = append(options, trace.WithLinks(trace.Link{SpanContext: link}))
	}
	name := call.Method
	if call.Method == string(mcp.MethodPromptsGet) {
		name += " " + call.Name
		options = append(options, trace.WithAttributes(attribute.String("gen_ai.prompt.name", call.Name)))
	}
	return r.tracer.Start(parent, name, options...)
}

// text is a JSON string, or empty for whatever else a client put there.
func text(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

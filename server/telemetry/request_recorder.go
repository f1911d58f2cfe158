package telemetry

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

// RequestRecorder makes a metric, a line of the log at debug and, with a tracer, a span of every request.
// Names are those of the OpenTelemetry semantic conventions for MCP. The name of the prompt is on spans only: as a
// label it would be unbounded. The name of a tool is a label where there is such a tool.
type RequestRecorder struct {
	durations *prometheus.HistogramVec
	// succeeded has the observers of the usual case, which need no look-up of labels.
	succeeded map[operation]prometheus.Observer
	tracer    trace.Tracer
	log       *slog.Logger
}

// operation is what is counted separately: a method and, of calls of tools, the tool.
type operation struct{ method, tool string }

// NewRequestRecorder registers the metric of requests. A nil tracer makes no spans; tools are the names that become labels.
func NewRequestRecorder(metrics prometheus.Registerer, tracer trace.Tracer, log *slog.Logger, tools []string) *RequestRecorder {
	r := &RequestRecorder{
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "mcp_server_operation_duration_seconds",
			Help:    "How long requests took, streams from beginning to end.",
			Buckets: []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300},
		}, []string{"mcp_method_name", "gen_ai_tool_name", "error_type"}),
		succeeded: make(map[operation]prometheus.Observer),
		tracer:    tracer,
		log:       log,
	}
	metrics.MustRegister(r.durations)
	for _, method := range []mcp.MCPMethod{
		mcp.MethodPromptsGet, mcp.MethodPromptsList, mcp.MethodServerDiscover, mcp.MethodInitialize,
		mcp.MethodPing, mcp.MethodSubscriptionsListen, mcp.MethodToolsList, mcp.MethodToolsCall, mcp.MethodResourcesList,
		mcp.MethodResourcesTemplatesList, mcp.MethodResourcesRead, mcp.MethodCompletionComplete,
	} {
		r.succeeded[operation{method: string(method)}] = r.durations.WithLabelValues(string(method), "", "")
	}
	for _, tool := range tools {
		of := operation{method: string(mcp.MethodToolsCall), tool: tool}
		r.succeeded[of] = r.durations.WithLabelValues(of.method, tool, "")
	}
	return r
}

// Start implements transport.Observer.
func (r *RequestRecorder) Start(
	ctx context.Context, call *transport.Call, header http.Header, parents transport.Trace, started time.Time,
) (context.Context, func(*transport.Failure)) {
	var span trace.Span
	if r.tracer != nil {
		ctx, span = r.startSpan(ctx, call, header, parents, started)
	}
	return ctx, func(f *transport.Failure) {
		took := time.Since(started)
		kind := errorType(call, f)
		r.observeDuration(call, kind, took)
		if r.log.Enabled(ctx, slog.LevelDebug) {
			r.logRequest(ctx, call, f, took)
		}
		if span != nil {
			if kind != "" {
				span.SetAttributes(attribute.String("error.type", kind))
			}
			if f != nil {
				span.SetAttributes(attribute.String("rpc.response.status_code", kind))
				span.SetStatus(codes.Error, f.Message)
			}
			span.End()
		}
	}
}

// toolError is the kind of error of a call that a tool answered with isError.
const toolError = "tool_error"

// errorType returns the code of a failure, or that a tool refused, or nothing.
func errorType(call *transport.Call, f *transport.Failure) string {
	switch {
	case f != nil:
		return strconv.Itoa(f.Code)
	case call.ToolError:
		return toolError
	default:
		return ""
	}
}

func (r *RequestRecorder) observeDuration(call *transport.Call, kind string, took time.Duration) {
	of := operation{method: call.Method}
	if call.Method == string(mcp.MethodToolsCall) {
		of.tool = call.Name
		if _, known := r.succeeded[of]; !known {
			of.tool = ""
		}
	}
	observer, known := r.succeeded[of]
	switch {
	case known && kind == "":
		observer.Observe(took.Seconds())
		return
	case !known:
		of.method = otherMethod
	}
	r.durations.WithLabelValues(of.method, of.tool, kind).Observe(took.Seconds())
}

func (r *RequestRecorder) logRequest(ctx context.Context, call *transport.Call, f *transport.Failure, took time.Duration) {
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
	if call.ToolError {
		attrs = append(attrs, slog.Bool("toolError", true))
	}
	r.log.LogAttrs(ctx, slog.LevelDebug, "Request", attrs...)
}

// startSpan begins a span with the client's span of _meta (SEP-414) as parent and that of the HTTP request as link;
// without the first the second is the parent.
func (r *RequestRecorder) startSpan(
	ctx context.Context, call *transport.Call, header http.Header, parents transport.Trace, started time.Time,
) (context.Context, trace.Span) {
	var w3c propagation.TraceContext
	outer := w3c.Extract(ctx, propagation.HeaderCarrier(header))
	parent := w3c.Extract(ctx, propagation.MapCarrier{
		"traceparent": jsonStringOrEmpty(parents.Parent),
		"tracestate":  jsonStringOrEmpty(parents.State),
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
	if call.Method == string(mcp.MethodToolsCall) {
		name += " " + call.Name
		options = append(options, trace.WithAttributes(
			attribute.String("gen_ai.tool.name", call.Name), attribute.String("gen_ai.operation.name", "execute_tool")))
	}
	return r.tracer.Start(parent, name, options...)
}

// jsonStringOrEmpty reads a JSON string, or nothing from whatever else a client put there.
func jsonStringOrEmpty(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

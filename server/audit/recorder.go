package audit

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// Config is what a Recorder is made of. Writer is required.
type Config struct {
	Writer audit.Writer
	// Tools are the names that become labels, and Writes those of them that may change something in ServiceDesk Plus.
	Tools, Writes []string
	// Schemas are those of the arguments of tools, by name.
	Schemas map[string]json.RawMessage
	// Unlisted are arguments that all tools that write take, whether or not their schemas have them.
	Unlisted []string
	// Keys seal what connections keep in full; nil keeps nothing in full.
	Keys audit.Keys
	// PromptMetrics has a metric for each prompt and version.
	PromptMetrics bool
	Log           *slog.Logger
}

// Recorder makes a row of each call, and counts calls. It is the transport's.
type Recorder struct {
	writer audit.Writer
	writes map[string]bool
	// fields are those of the arguments of tools, by name.
	fields  map[string]audit.Fields
	keys    audit.Keys
	metrics *callMetrics
	log     *slog.Logger
}

// NewRecorder returns a Recorder.
func NewRecorder(config Config) *Recorder {
	r := &Recorder{writer: config.Writer, writes: map[string]bool{}, metrics: newCallMetrics(config.Tools, config.PromptMetrics), log: config.Log}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	for _, name := range config.Writes {
		r.writes[name] = true
	}
	r.keys, r.fields = config.Keys, map[string]audit.Fields{}
	for name, schema := range config.Schemas {
		fields, err := audit.FieldsOfSchema(schema)
		if err != nil {
			r.log.Error("The schema of a tool cannot be read; nothing of its arguments is kept but lengths", "tool", name, "err", err)
		}
		if r.writes[name] && fields != nil {
			for _, argument := range config.Unlisted {
				fields[argument] = audit.FieldByName(argument)
			}
		}
		r.fields[name] = fields
	}
	return r
}

// isAudited reports whether a call has a row: of completions those that may call ServiceDesk Plus.
func isAudited(call *transport.Call) bool {
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodToolsCall, mcp.MethodPromptsGet, mcp.MethodResourcesRead:
		return true
	case mcp.MethodCompletionComplete:
		return strings.HasPrefix(call.URI, "sdp://")
	}
	return false
}

// Begin implements transport.Recorder.
func (r *Recorder) Begin(
	ctx context.Context, call *transport.Call, header http.Header, trace transport.Trace, started time.Time,
) (context.Context, func(*transport.Failure)) {
	if !isAudited(call) {
		return ctx, nil
	}
	e := &Entry{payloads: audit.PayloadPolicy{Payloads: audit.PayloadsRedacted, Keys: r.keys}}
	row := &e.row
	row.CallID, row.StartedAt, row.Method = audit.NewID(), started, call.Method
	row.Client.Name, row.Client.Version = call.ClientInfo()
	row.Traceparent = traceparentOf(header, trace)
	if identity, known := auth.FromContext(ctx); known {
		row.Actor = audit.Actor{Subject: identity.Subject, Proof: string(identity.Proof), OIDCClient: identity.OIDCClient}
	}
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodToolsCall:
		row.Tool = excerpt.TruncateBytes(call.Name, maxTarget)
		row.Write = r.writes[call.Name]
		ctx = tool.WithRefusal(ctx, func(kind tool.Kind) { e.refused = kind })
	case mcp.MethodCompletionComplete:
		row.Tool = excerpt.TruncateBytes(call.URI, maxTarget)
	}
	return context.WithValue(ctx, entryKey{}, e), func(f *transport.Failure) { r.end(ctx, e, call, f) }
}

// end appends the row of a call that is about to be answered.
func (r *Recorder) end(ctx context.Context, e *Entry, call *transport.Call, f *transport.Failure) {
	row := &e.row
	row.Took = time.Since(row.StartedAt)
	row.Outcome, row.ErrorKind = decideOutcome(e, call, f)
	row.Target = addTickets(e.findTarget(call), e.tickets)
	if err := r.addPayload(e, call); err != nil {
		r.log.ErrorContext(ctx, "What was said in a call could not be kept", "callID", row.CallID, "err", err)
	}
	if call.Method == string(mcp.MethodToolsCall) {
		r.metrics.countCall(row)
	}
	r.metrics.countPrompt(row)
	if err := r.writer.Append(row); err != nil && !errors.Is(err, audit.ErrFull) { // that is counted where it happens
		r.log.ErrorContext(ctx, "A call could not be audited", "callID", row.CallID, "err", err)
	}
}

// findTarget names what a call is about.
func (e *Entry) findTarget(call *transport.Call) string {
	if prompt := &e.row.Prompt; prompt.Name != "" {
		return "prompt/" + prompt.Namespace + "/" + prompt.Name
	}
	switch mcp.MCPMethod(call.Method) {
	case mcp.MethodPromptsGet:
		return "prompt/" + excerpt.TruncateBytes(call.Name, maxTarget)
	case mcp.MethodResourcesRead:
		return excerpt.TruncateBytes(call.URI, maxTarget)
	case mcp.MethodToolsCall:
		return cmp.Or(excerpt.TruncateBytes(targetOf(call.ArgumentText), maxTarget), e.made)
	}
	return ""
}

// decideOutcome says how a call ended, by what it is answered and by what those who answered it noted.
func decideOutcome(e *Entry, call *transport.Call, f *transport.Failure) (audit.Outcome, string) {
	switch {
	case f == nil && !call.ToolError:
		return audit.OutcomeSuccess, ""
	case f != nil && f.Code == mcp.REQUEST_INTERRUPTED:
		return audit.OutcomeCancelled, strconv.Itoa(f.Code)
	case f != nil && f.IsTooMany():
		return audit.OutcomeThrottled, strconv.Itoa(f.Code)
	case f != nil && e.isDenied:
		return audit.OutcomeDenied, strconv.Itoa(f.Code)
	case f != nil:
		return audit.OutcomeError, strconv.Itoa(f.Code)
	}
	kind := string(e.refused)
	if kind == "" {
		kind = toolError
	}
	switch {
	case e.isDenied, e.refused == tool.Forbidden, e.refused == tool.OwnedElsewhere:
		return audit.OutcomeDenied, kind
	case e.refused == tool.Quota, e.refused == tool.RateLimit:
		return audit.OutcomeThrottled, kind
	case e.refused == tool.Indeterminate:
		return audit.OutcomeIndeterminate, kind
	}
	return audit.OutcomeError, kind
}

// toolError is the kind of an error of a tool that says no other.
const toolError = "tool_error"

// addPayload keeps of the arguments what the connection keeps; of a prompt's, the names of those it has.
func (r *Recorder) addPayload(e *Entry, call *transport.Call) (err error) {
	switch {
	case len(call.Arguments) > 0 && call.Method == string(mcp.MethodPromptsGet):
		e.row.Payload.Redacted = audit.RedactPromptArguments(e.given, call.Arguments)
	case len(call.RawArguments) > 0:
		e.row.Payload, err = e.payloads.Make(audit.ToolUsageTable, e.row.Connection.UID, e.row.CallID, call.RawArguments, r.fields[call.Name])
	}
	return err
}

// traceparentOf returns that of the message or, without one, of the HTTP request, if it is well formed (W3C Trace Context, 3.2.2).
func traceparentOf(header http.Header, trace transport.Trace) string {
	if n := len(trace.Parent); n > 2 && trace.Parent[0] == '"' {
		if said := string(trace.Parent[1 : n-1]); isTraceparent(said) {
			return said
		}
		return ""
	}
	if said := header["Traceparent"]; len(said) == 1 && isTraceparent(said[0]) {
		return said[0]
	}
	return ""
}

// isTraceparent reports whether a text is version-traceid-parentid-flags in lower-case hexadecimal, of 2, 32, 16 and 2 digits.
func isTraceparent(text string) bool {
	const length = 55
	if len(text) != length {
		return false
	}
	for i := range length {
		c := text[i]
		isDash := i == 2 || i == 35 || i == 52
		if isDash != (c == '-') || !isDash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// SearchTool is the name of the tool.
	SearchTool = "audit_search"
	// Toolset is the group that it belongs to.
	Toolset = "audit"

	defaultRows = 25
	// defaultSpan is how far a search goes back that says no more, and maxSpan how much time it may be about.
	defaultSpan = 7 * 24 * time.Hour
	maxSpan     = 31 * 24 * time.Hour
	// searchTimeout bounds a search, and retrySeconds is when to try again after what may be over then.
	searchTimeout = 10 * time.Second
	retrySeconds  = 5
)

// Reader finds rows of the audit. Errors are a *store.TooBroadError, store.ErrBusy, or wrap store.ErrUnavailable.
type Reader interface {
	// FindToolUsage returns calls, the newest first.
	FindToolUsage(ctx context.Context, q store.UsageQuery) ([]store.UsageRow, error)
	// ListAPICalls returns the calls of ServiceDesk Plus that were made for one, by its id and about when it was.
	ListAPICalls(ctx context.Context, callID string, around time.Time) ([]store.APICallRow, error)
	// CountPromptUses returns which versions of prompts were used most.
	CountPromptUses(ctx context.Context, q store.PromptUseQuery) ([]store.PromptUse, error)
}

// SearchConfig is what a Search is made of. Reader, Authorizer and Namespaces are required.
type SearchConfig struct {
	Reader     Reader
	Authorizer auth.Authorizer
	// Connections returns those there are at an endpoint; nil where there are none.
	Connections func(endpoint string) []store.Key
	// Namespaces returns those with prompts.
	Namespaces func(context.Context) ([]string, error)
	Log        *slog.Logger
}

// Search answers audit_search.
type Search struct {
	config SearchConfig
	tool   tool.Tool
}

// NewSearch makes a Search.
func NewSearch(config SearchConfig) *Search {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if config.Connections == nil {
		config.Connections = func(string) []store.Key { return nil }
	}
	s := &Search{config: config}
	bound := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, searchTimeout)
	}
	s.tool = tool.New(tool.Policy{Bound: bound, Explain: s.explainError}, tool.Definition{
		Name: SearchTool, Title: "Search Audit", ErrorPrefix: "Error searching the audit", Hints: tool.Hints{ReadOnly: true, Idempotent: true},
		Description: "Search who called what, newest first. Its texts are untrusted.",
	}, s.findCalls)
	return s
}

// Tool returns the tool, for the transport.
func (s *Search) Tool() transport.Tool {
	return transport.Tool{Definition: s.tool.MCP(), Toolsets: []string{Toolset}, Call: func(ctx context.Context, call *transport.Call) (*mcp.CallToolResult, error) {
		result, err := s.tool.Call(ctx, call.ArgumentMembers())
		if err != nil {
			return nil, transport.Canceled()
		}
		return result, nil
	}}
}

// IsListed reports whether a caller is shown the tool: who has the right to audit. Others may search for their own calls.
func (s *Search) IsListed(ctx context.Context, call *transport.Call) bool {
	identity, known := auth.FromContext(ctx)
	if !known {
		return false
	}
	r := &scopeReview{authorizer: s.config.Authorizer, identity: identity, endpoint: call.Namespace}
	for _, verb := range []auth.Verb{auth.AuditConnections, auth.AuditPrompts} {
		if all, err := r.mayEverywhere(ctx, verb); err == nil && all {
			return true
		}
	}
	scope, err := r.reviewConnections(ctx, auth.AuditConnections, s.config.Connections(call.Namespace))
	return err == nil && !scope.IsEmpty()
}

type searchInput struct {
	Actor   *string `json:"actor,omitempty" bounds:"..250"`
	Tool    *string `json:"tool,omitempty" description:"A tool, or a method such as prompts/get" bounds:"..250"`
	Target  *string `json:"target,omitempty" description:"How it begins: request/31, prompt/support/" bounds:"..250"`
	Outcome *string `json:"outcome,omitempty" enum:"success,error,denied,throttled,cancelled,indeterminate"`
	Since   *string `json:"since,omitempty" description:"RFC 3339; a week ago when absent" bounds:"..40"`
	Until   *string `json:"until,omitempty" bounds:"..40"`
	CallID  *string `json:"call_id,omitempty" description:"One call, with its calls of ServiceDesk Plus" bounds:"..40"`
	Limit   *int64  `json:"limit,omitempty" bounds:"1..100"`
	Cursor  *string `json:"cursor,omitempty" bounds:"..500"`
}

// usage is an audited call as it is shown.
type usage struct {
	Time       string `json:"time"`
	CallID     string `json:"call_id"`
	Actor      string `json:"actor"`
	Client     string `json:"client,omitempty"`
	Tool       string `json:"tool"`
	Target     string `json:"target,omitempty"`
	Version    int64  `json:"version,omitempty"`
	Connection string `json:"connection,omitempty"`
	Outcome    string `json:"outcome"`
	ErrorKind  string `json:"error_kind,omitempty"`
	TookMillis int64  `json:"took_ms"`
}

// apiCall is a call of ServiceDesk Plus as it is shown.
type apiCall struct {
	Time      string `json:"time"`
	Operation string `json:"operation"`
	Target    string `json:"target,omitempty"`
	Attempt   int    `json:"attempt"`
	Status    int    `json:"status"`
	Outcome   string `json:"outcome"`
	ErrorKind string `json:"error_kind,omitempty"`
}

type searchResult struct {
	Calls    []usage   `json:"calls"`
	SDPCalls []apiCall `json:"sdp_calls,omitempty"`
	Cursor   string    `json:"cursor,omitempty"`
	// Trust says that callers wrote what is in it: names, targets, what clients call themselves.
	Trust string `json:"trust"`
	// Partial says that the caller may see more than was asked about.
	Partial bool `json:"partial,omitempty"`
}

const untrusted = "untrusted"

func (s *Search) findCalls(ctx context.Context, in searchInput) (*tool.Result[searchResult], error) {
	endpoint := transport.FromContext(ctx).Namespace
	query, err := readQuery(&in, endpoint, time.Now())
	if err != nil {
		return nil, err
	}
	isPartial, err := s.decideScope(ctx, endpoint, &query.Visible)
	if err != nil {
		return nil, err
	}
	limit := query.Limit
	query.Limit++ // whether there is more
	rows, err := s.config.Reader.FindToolUsage(ctx, query)
	if err != nil {
		return nil, err
	}
	result := searchResult{Calls: []usage{}, Trust: untrusted, Partial: isPartial}
	if len(rows) > limit {
		rows = rows[:limit]
		last := rows[limit-1]
		result.Cursor = tool.EncodeCursor(fingerprintOf(&in, endpoint), last.LoggedAt.UTC().Format(time.RFC3339Nano), last.CallID)
	}
	for i := range rows {
		result.Calls = append(result.Calls, toUsage(&rows[i]))
	}
	if query.CallID != "" && len(rows) == 1 {
		sent, err := s.config.Reader.ListAPICalls(ctx, query.CallID, rows[0].LoggedAt)
		if err != nil {
			return nil, err
		}
		for i := range sent {
			result.SDPCalls = append(result.SDPCalls, toAPICall(&sent[i]))
		}
	}
	return tool.NewResult(result.describe(), result), nil
}

// decideScope finds out which rows the caller may see.
func (s *Search) decideScope(ctx context.Context, endpoint string, visible *store.UsageScope) (isPartial bool, err error) {
	identity, known := auth.FromContext(ctx)
	if !known {
		return false, auth.ErrDenied
	}
	r := &scopeReview{authorizer: s.config.Authorizer, identity: identity, endpoint: endpoint}
	there := s.config.Connections(endpoint)
	visible.Subject, visible.Proof = identity.Subject, string(identity.Proof)
	if visible.Connections, err = r.reviewConnections(ctx, auth.AuditConnections, there); err != nil {
		return false, err
	}
	if !visible.Connections.All {
		if visible.OwnConnections, err = r.reviewConnections(ctx, auth.Use, there); err != nil {
			return false, err
		}
	}
	visible.Prompts, err = r.decideNamespaces(ctx, s.config.Namespaces)
	return r.isPartial, err
}

// fingerprintOf tells searches apart: a cursor is of one.
func fingerprintOf(in *searchInput, endpoint string) string {
	return tool.Fingerprint(SearchTool, endpoint, in.Actor, in.Tool, in.Target, in.Outcome, in.Since, in.Until, in.CallID)
}

// readQuery reads what is asked for.
func readQuery(in *searchInput, endpoint string, now time.Time) (store.UsageQuery, error) {
	q := store.UsageQuery{
		Actor: readText(in.Actor), Tool: readText(in.Tool), Target: readTarget(readText(in.Target)), Outcome: readText(in.Outcome), Limit: defaultRows,
		Until: now.Add(time.Minute), Since: now.Add(-defaultSpan),
	}
	if in.Limit != nil {
		q.Limit = int(*in.Limit)
	}
	if in.CallID != nil {
		id, err := uuid.Parse(*in.CallID)
		if err != nil {
			return q, tool.NewInvalid("argument %q: %q is no id of a call; this tool returns them", "call_id", excerpt.Truncate(*in.CallID, 80))
		}
		seconds, nanoseconds := id.Time().UnixTime()
		began := time.Unix(seconds, nanoseconds)
		q.CallID, q.Since, q.Until = id.String(), began.Add(-time.Hour), began.Add(maxSpan-time.Hour)
	}
	if err := readTimes(in, &q); err != nil {
		return q, err
	}
	if in.Cursor == nil {
		return q, nil
	}
	fields, err := tool.DecodeCursor(fingerprintOf(in, endpoint), *in.Cursor)
	if err != nil {
		return q, err
	}
	if len(fields) != 2 {
		return q, tool.ErrCursor
	}
	at, err := time.Parse(time.RFC3339Nano, fields[0])
	if _, invalid := uuid.Parse(fields[1]); err != nil || invalid != nil {
		return q, tool.ErrCursor
	}
	q.Before = &store.UsagePlace{LoggedAt: at, CallID: fields[1]}
	return q, nil
}

func readTimes(in *searchInput, q *store.UsageQuery) error {
	for _, one := range []struct {
		name  string
		given *string
		into  *time.Time
	}{{"since", in.Since, &q.Since}, {"until", in.Until, &q.Until}} {
		if one.given == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339, *one.given)
		if err != nil {
			return tool.NewInvalid("argument %q: %q is no time; write 2026-11-30T08:00:00Z", one.name, excerpt.Truncate(*one.given, 80))
		}
		*one.into = at
	}
	if in.Until != nil && in.Since == nil && in.CallID == nil {
		q.Since = q.Until.Add(-defaultSpan)
	}
	switch span := q.Until.Sub(q.Since); {
	case span <= 0:
		return tool.NewInvalid("argument %q: is not before until; give an earlier time", "since")
	case span > maxSpan:
		return tool.NewInvalid("argument %q: a search covers 31 days at most; give a later time, or until", "since")
	}
	return nil
}

// quotedNumber is a ticket as people quote it, alone or as targets name it.
var quotedNumber = regexp.MustCompile(`^(?:request/)?(?:#|[A-Za-z]{1,10}-)?([0-9]{1,14})$`)

// readTarget returns how rows name a target.
func readTarget(asked string) string {
	if ticket := quotedNumber.FindStringSubmatch(strings.TrimSpace(asked)); ticket != nil {
		return ticketKind + "/" + ticket[1]
	}
	return asked
}

func readText(given *string) string {
	if given == nil {
		return ""
	}
	return *given
}

func toUsage(r *store.UsageRow) usage {
	shown := usage{
		Time: formatTime(r.LoggedAt), CallID: r.CallID, Actor: oneLine(r.Actor), Client: oneLine(strings.TrimSpace(r.Client + " " + r.ClientVersion)),
		Tool: oneLine(cmp.Or(r.Tool, r.Method)), Target: oneLine(r.Target), Version: r.PromptVersion, Outcome: r.Outcome, ErrorKind: r.ErrorKind,
		TookMillis: r.Took.Milliseconds(),
	}
	if r.Connection.Name != "" {
		shown.Connection = r.Connection.String()
	}
	return shown
}

func toAPICall(r *store.APICallRow) apiCall {
	return apiCall{
		Time: formatTime(r.LoggedAt), Operation: r.Operation, Target: oneLine(r.Target), Attempt: r.Attempt, Status: r.Status,
		Outcome: r.Outcome, ErrorKind: r.ErrorKind,
	}
}

func formatTime(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.000Z") }

// shownText is how many characters of what a caller wrote are shown.
const shownText = 120

// oneLine returns what a caller wrote, or a client said of itself, as a cell of a table.
func oneLine(text string) string {
	isHidden := func(r rune) rune {
		if r < ' ' || r == 0x7f || r == '|' {
			return ' '
		}
		return r
	}
	return excerpt.Truncate(strings.Map(isHidden, richtext.Clean(text)), shownText)
}

// describe returns the table of the calls between marks: whoever calls writes what is in it, and whoever reads it is a model.
func (r *searchResult) describe() string {
	var b, notes strings.Builder
	b.WriteString("time | actor | tool | target | outcome | call_id")
	for i := range r.Calls {
		c := &r.Calls[i]
		outcome := strings.TrimSpace(c.Outcome + " " + c.ErrorKind)
		fmt.Fprintf(&b, "\n%s | %s | %s | %s | %s | %s", c.Time, c.Actor, c.Tool, c.Target, outcome, c.CallID)
	}
	if len(r.Calls) == 0 {
		notes.WriteString("\nNo such calls, or not yours to see.")
	}
	for i := range r.SDPCalls {
		c := &r.SDPCalls[i]
		fmt.Fprintf(&b, "\nServiceDesk Plus: %s | %s | %s | attempt %d | %d | %s", c.Time, c.Operation, c.Target, c.Attempt, c.Status, c.Outcome)
	}
	if r.Cursor != "" {
		notes.WriteString("\nThere are more; call again with cursor.")
	}
	if r.Partial {
		notes.WriteString("\nNot all namespaces were looked into; ask at the endpoint of one.")
	}
	return richtext.FrameUntrusted(b.String()) + notes.String()
}

// explainError translates an error into one of a tool. Inner words go to the log only.
func (s *Search) explainError(ctx context.Context, name string, _ any, err error) *tool.Error {
	broad, isBroad := errors.AsType[*store.TooBroadError](err)
	switch {
	case isBroad:
		return tool.NewInvalid("%s; give an actor, a tool or a shorter time", broad.Problem)
	case errors.Is(err, store.ErrBusy):
		return &tool.Error{Kind: tool.Storage, Text: fmt.Sprintf("%s; try again in %d s", store.ErrBusy, retrySeconds)}
	case errors.Is(err, auth.ErrUnavailable):
		s.config.Log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "tool", name, "err", err)
		return &tool.Error{Kind: tool.Storage, Text: fmt.Sprintf("your rights cannot be checked now; try again in %d s", retrySeconds)}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		s.config.Log.WarnContext(ctx, "The store is away", "tool", name, "err", err)
		return &tool.Error{Kind: tool.Storage, Text: fmt.Sprintf("the store is away; try again in %d s", retrySeconds)}
	}
	s.config.Log.ErrorContext(ctx, "A tool could not answer", "tool", name, "err", err)
	return &tool.Error{Kind: tool.Storage, Text: "the server could not answer; its log says why"}
}

package audit

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Writer takes rows of the audit. Any number may use it at once.
type Writer interface {
	// Append keeps rows, all or none of them, before it returns. The error is ErrFull when there is no room: the rows are counted as
	// dropped, and whoever only read goes on.
	Append(rows ...Row) error
	// Sync has all rows that were appended survive the machine. It is called before a write to ServiceDesk Plus, and returns ErrFull
	// when the rows of that write would find no room: with --audit-required=writes the write is refused then.
	Sync() error
}

// ErrFull says that there is no room for rows: the database is away, and the spool has reached its limit.
var ErrFull = errors.New("the audit has no room: its spool is full, and the database does not take what is in it")

// Row is a ToolUsage or an APICall.
type Row interface{ isRow() }

// NewID returns a UUID of version 7: of a call, or of a row.
func NewID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Actor is who called, and how that was proven; with Proof "controller", or on a laptop "keeper", nobody did.
type Actor struct {
	Subject string `json:"subject"`
	Proof   string `json:"proof"`
	// OIDCClient is the client a token was issued to (azp or client_id); empty where the proof has none.
	OIDCClient string `json:"oidcClient,omitempty"`
}

// Client is the program that speaks MCP, as it calls itself.
type Client struct {
	Name    string `json:"name,omitempty"`
	Version string `json:"version,omitempty"`
}

// Connection names an SDPConnection, which may be gone when the row is read; all are empty where none is concerned.
type Connection struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	UID       string `json:"uid,omitempty"`
}

// Prompt is what was rendered or fetched, from the receipt; Namespace and Name alone where there is none of it.
type Prompt struct {
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Version is 0 where nothing was rendered.
	Version int64 `json:"version,omitempty"`
	// Digest is the one in the receipt, as text.
	Digest string `json:"digest,omitempty"`
}

// Outcome is how a call ended.
type Outcome string

// The outcomes. ErrorKind of a row says more.
const (
	OutcomeSuccess       Outcome = "success"
	OutcomeError         Outcome = "error"         // it failed, or the tool answered with isError
	OutcomeDenied        Outcome = "denied"        // the caller, the connection or its ceilings do not allow it
	OutcomeThrottled     Outcome = "throttled"     // too many calls, of a caller or of the connection
	OutcomeCancelled     Outcome = "cancelled"     // the client went away
	OutcomeIndeterminate Outcome = "indeterminate" // it was written, or was not: nobody knows
)

// Payload is what was said, as far as the connection keeps it: nothing, Redacted, or both. A token is in neither.
type Payload struct {
	// Redacted is a JSON object of Redact.
	Redacted json.RawMessage `json:"redacted,omitempty"`
	// Sealed is of SealPayload.
	Sealed []byte `json:"-"`
}

// ToolUsage is one tools/call, prompts/get, resources/read, or completion of an sdp:// resource: a row of mcp_tool_usage. A table's
// row is bounded: a longer text is cut by Append.
type ToolUsage struct {
	// CallID is what an APICall names.
	CallID uuid.UUID `json:"callID"`
	// StartedAt is by the clock of the process.
	StartedAt time.Time     `json:"startedAt"`
	Took      time.Duration `json:"tookNanoseconds"`
	// Method is that of MCP, Tool what it names: a tool (known or not), a resource template, and for a prompt nothing.
	Method string `json:"method"`
	Tool   string `json:"tool,omitempty"`
	// Write says that the call may change something in ServiceDesk Plus.
	Write bool `json:"write,omitempty"`
	// WriteBegun says that it was about to: such rows find room where others do not. It is not kept.
	WriteBegun bool       `json:"-"`
	Actor      Actor      `json:"actor"`
	Client     Client     `json:"client"`
	Connection Connection `json:"connection"`
	// Traceparent is that of W3C as the client sent it, if it is well formed.
	Traceparent string `json:"traceparent,omitempty"`
	// Target is what was read or changed: "request/12345", "prompt/support/triage".
	Target  string  `json:"target,omitempty"`
	Prompt  Prompt  `json:"prompt"`
	Outcome Outcome `json:"outcome"`
	// ErrorKind is one word of what failed: a JSON-RPC code, "tool_error", or the kind of a refusal; empty for success.
	ErrorKind string  `json:"errorKind,omitempty"`
	Payload   Payload `json:"payload"`
}

// APICall is one call as it was sent to ServiceDesk Plus, each attempt one: a row of api_audit_log.
type APICall struct {
	ID uuid.UUID `json:"id"`
	// CallID is that of the ToolUsage it was made for; zero for what nobody called, as lookups of the controller.
	CallID      uuid.UUID     `json:"callID"`
	StartedAt   time.Time     `json:"startedAt"`
	Took        time.Duration `json:"tookNanoseconds"`
	Write       bool          `json:"write,omitempty"`
	Actor       Actor         `json:"actor"`
	Connection  Connection    `json:"connection"`
	Traceparent string        `json:"traceparent,omitempty"`
	// Operation is the client's name of the call, Method that of HTTP, Template the path with {id} for ids.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	Template  string `json:"template"`
	Target    string `json:"target,omitempty"`
	// Attempt counts from 1. Status is the HTTP status, 0 without an answer; Codes are those of ServiceDesk Plus of what failed.
	Attempt   int     `json:"attempt"`
	Status    int     `json:"status"`
	Codes     []int32 `json:"codes,omitempty"`
	Outcome   Outcome `json:"outcome"`
	ErrorKind string  `json:"errorKind,omitempty"`
	Payload   Payload `json:"payload"`
}

func (*ToolUsage) isRow() {}
func (*APICall) isRow()   {}

package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// envelope is all of a message that is looked at.
type envelope struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  params          `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`

	// mistyped is the first member of the params that is not of the type it has below.
	mistyped *json.UnmarshalTypeError
}

// params are all members that any method reads. Where one is mistyped, the others are read all the
// same, and the method says whether it minds.
type params struct {
	Name          string            `json:"name"`
	Arguments     map[string]string `json:"arguments"`
	Cursor        *string           `json:"cursor"`
	Notifications json.RawMessage   `json:"notifications"`
	Meta          requestMeta       `json:"_meta"`
}

type requestMeta struct {
	Version       string          `json:"io.modelcontextprotocol/protocolVersion"`
	Capabilities  capabilities    `json:"io.modelcontextprotocol/clientCapabilities"`
	ClientInfo    ignored         `json:"io.modelcontextprotocol/clientInfo"`
	LogLevel      json.RawMessage `json:"io.modelcontextprotocol/logLevel"`
	ProgressToken json.RawMessage `json:"progressToken"`
	Traceparent   json.RawMessage `json:"traceparent"`
	Tracestate    json.RawMessage `json:"tracestate"`
}

// capabilities notes whether a client declared its capabilities, and in the right shape. What they
// are, handlers learn from mcp-go.
type capabilities struct{ declared bool }

// UnmarshalJSON leaves what is malformed undeclared.
func (c *capabilities) UnmarshalJSON(raw []byte) error {
	if string(raw) == "{}" {
		c.declared = true
		return nil
	}
	var declared *mcp.ClientCapabilities
	c.declared = json.Unmarshal(raw, &declared) == nil && declared != nil
	return nil
}

// ignored skips a value at no cost; a field that is not named at all is looked up again in lower
// case.
type ignored struct{}

// UnmarshalJSON takes everything.
func (*ignored) UnmarshalJSON([]byte) error { return nil }

// decode reads a message. With a failure the envelope has an ID when the message had a usable one.
func decode(body []byte, e *envelope) *Failure {
	if err := json.Unmarshal(body, e); err != nil {
		mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
		switch {
		case !ok:
			// A syntax error. Nothing of the message is trusted, an id neither.
			*e = envelope{}
			return &Failure{Code: mcp.PARSE_ERROR, Message: notJSON(err)}
		case mistyped.Field == "":
			return invalidRequest("a message is one JSON object of JSON-RPC; batches are not supported")
		}
		e.mistyped = mistyped
	}
	if f := e.checkID(); f != nil {
		return f
	}
	switch {
	case e.mistyped != nil && !strings.HasPrefix(e.mistyped.Field, "params"):
		return invalidRequest(fmt.Sprintf("%s cannot be a JSON %s", e.mistyped.Field, e.mistyped.Value))
	case e.JSONRPC != mcp.JSONRPC_VERSION:
		return invalidRequest(`jsonrpc must be "2.0"`)
	case e.Method == "" && e.Result == nil && e.Error == nil:
		return invalidRequest("method is missing")
	}
	return nil
}

// asks reports whether a message is a request. Others are notifications and responses.
func (e *envelope) asks() bool { return e.Method != "" && len(e.ID) > 0 }

// notJSON says why a message cannot be read, where that is not plain to see.
func notJSON(err error) string {
	if strings.Contains(err.Error(), "exceeded max depth") {
		return "the message is nested too deeply"
	}
	return "the message is not valid JSON"
}

// trace is what the _meta of a request says of its trace.
func (e *envelope) trace() Trace {
	return Trace{Parent: e.Params.Meta.Traceparent, State: e.Params.Meta.Tracestate}
}

// checkID refuses what cannot identify a request. An absent id makes a notification.
func (e *envelope) checkID() *Failure {
	if len(e.ID) == 0 || identifies(e.ID) {
		return nil
	}
	e.ID = nil
	return invalidRequest("id " + mustIdentify)
}

// maxIdentifying bounds ids and tokens: they are held as long as a stream is, and each event repeats them.
const maxIdentifying = 256

var mustIdentify = fmt.Sprintf("must be a string or an integer, of at most %d bytes", maxIdentifying)

// identifies reports whether a JSON value is an id, or a token: a string that is text, or an integer as such
// are written, and short.
func identifies(raw json.RawMessage) bool {
	switch c := raw[0]; {
	case len(raw) > maxIdentifying:
		return false
	case c == '"':
		return utf8.Valid(raw)
	case c == '-', c >= '0' && c <= '9':
		return !bytes.ContainsAny(raw, ".eE")
	default:
		return false
	}
}

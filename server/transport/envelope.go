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

	// malformed is what is wrong with the params' shape; only methods that are served mind.
	malformed *Failure
}

// params are judged by the method that reads them: what another one calls "name" may be anything.
type params struct {
	Name          json.RawMessage `json:"name"`
	Arguments     json.RawMessage `json:"arguments"`
	Cursor        json.RawMessage `json:"cursor"`
	Notifications json.RawMessage `json:"notifications"`
	Meta          requestMeta     `json:"_meta"`
}

type requestMeta struct {
	Version      string          `json:"io.modelcontextprotocol/protocolVersion"`
	Capabilities capabilities    `json:"io.modelcontextprotocol/clientCapabilities"`
	ClientInfo   ignored         `json:"io.modelcontextprotocol/clientInfo"`
	Traceparent  json.RawMessage `json:"traceparent"`
	Tracestate   json.RawMessage `json:"tracestate"`
}

// capabilities notes whether a client declared its capabilities, and in the right shape. What they
// are matters to nothing that is served.
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
	err := json.Unmarshal(body, e)
	var mistyped *json.UnmarshalTypeError
	switch {
	case err == nil:
	case !errors.As(err, &mistyped):
		// A syntax error. Nothing of the message is trusted, an id neither.
		*e = envelope{}
		return &Failure{Code: mcp.PARSE_ERROR, Message: "the body is not valid JSON"}
	case mistyped.Field == "":
		return invalidRequest("the body is one JSON-RPC message, an object; batches are not supported")
	}
	if f := e.checkID(); f != nil {
		return f
	}
	switch {
	case mistyped != nil && strings.HasPrefix(mistyped.Field, "params"):
		e.malformed = malformed(mistyped)
	case mistyped != nil:
		return invalidRequest(fmt.Sprintf("%s cannot be a JSON %s", mistyped.Field, mistyped.Value))
	}
	if e.JSONRPC != mcp.JSONRPC_VERSION {
		return invalidRequest(`jsonrpc must be "2.0"`)
	}
	return nil
}

// checkID refuses what cannot identify a request. An absent id makes a notification.
func (e *envelope) checkID() *Failure {
	if len(e.ID) == 0 {
		return nil
	}
	switch c := e.ID[0]; {
	case c == '"', c == '-', c >= '0' && c <= '9':
		return nil
	default:
		e.ID = nil
		return invalidRequest("id must be a string or a number")
	}
}

// malformed puts a decoder's error in the words of the protocol.
func malformed(err *json.UnmarshalTypeError) *Failure {
	field := strings.TrimPrefix(strings.TrimPrefix(err.Field, "params"), ".")
	switch {
	case field == "":
		return InvalidParams("params must be an object")
	case strings.HasPrefix(field, "_meta."+mcp.MetaKeyProtocolVersion):
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyProtocolVersion)
	default:
		return InvalidParams(fmt.Sprintf("params.%s cannot be a JSON %s", field, err.Value))
	}
}

// fill gives a call what its method reads of the params.
func (e *envelope) fill(call *Call) *Failure {
	if e.malformed != nil {
		return e.malformed
	}
	switch p := &e.Params; mcp.MCPMethod(call.Method) {
	case mcp.MethodPromptsGet:
		name, f := text("name", p.Name)
		if f != nil {
			return f
		}
		if name != nil {
			call.Name = *name
		}
		call.Arguments, f = arguments(p.Arguments)
		return f
	case mcp.MethodPromptsList:
		var f *Failure
		call.Cursor, f = text("cursor", p.Cursor)
		return f
	case mcp.MethodSubscriptionsListen:
		call.notifications = p.Notifications
	}
	return nil
}

// text is a member that is a string; nil when it is absent or null.
func text(member string, raw json.RawMessage) (*string, *Failure) {
	if absent(raw) {
		return nil, nil
	}
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 && utf8.Valid(raw) {
		s := string(raw[1 : len(raw)-1])
		return &s, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, InvalidParams(fmt.Sprintf("params.%s cannot be a JSON %s", member, kind(err)))
	}
	return &s, nil
}

// arguments refuses null, which the decoder takes for an empty string.
func arguments(raw json.RawMessage) (map[string]string, *Failure) {
	if absent(raw) {
		return nil, nil
	}
	var values map[string]string
	if err := json.Unmarshal(raw, &values); err != nil {
		return nil, InvalidParams(fmt.Sprintf(`arguments is an object of strings, not of a JSON %s: write "3", not 3`, kind(err)))
	}
	if !bytes.Contains(raw, null) {
		return values, nil
	}
	var pointers map[string]*string
	if err := json.Unmarshal(raw, &pointers); err != nil {
		return nil, InvalidParams("params are malformed")
	}
	for name, value := range pointers {
		if value == nil {
			return nil, InvalidParams(fmt.Sprintf("argument %q is null: leave it out, or give a string", name))
		}
	}
	return values, nil
}

var null = []byte("null")

func absent(raw json.RawMessage) bool { return len(raw) == 0 || bytes.Equal(raw, null) }

// kind is what a value is that could not be decoded.
func kind(err error) string {
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return mistyped.Value
	}
	return "value"
}

package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

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
}

type params struct {
	Name      string            `json:"name"`
	Arguments map[string]string `json:"arguments"`
	Cursor    *string           `json:"cursor"`
	Meta      requestMeta       `json:"_meta"`
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
		return malformed(mistyped)
	case mistyped != nil:
		return invalidRequest(fmt.Sprintf("%s cannot be a JSON %s", mistyped.Field, mistyped.Value))
	case e.JSONRPC != mcp.JSONRPC_VERSION:
		return invalidRequest(`jsonrpc must be "2.0"`)
	}
	return e.checkArguments(body)
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

// checkArguments refuses null, which the decoder takes for an empty string. The second look is only
// needed where there is an empty string.
func (e *envelope) checkArguments(body []byte) *Failure {
	for _, value := range e.Params.Arguments {
		if value != "" {
			continue
		}
		var again struct {
			Params struct {
				Arguments map[string]*string `json:"arguments"`
			} `json:"params"`
		}
		if err := json.Unmarshal(body, &again); err != nil {
			return InvalidParams("params are malformed")
		}
		for name, value := range again.Params.Arguments {
			if value == nil {
				return InvalidParams(fmt.Sprintf("argument %q is null: leave it out, or give a string", name))
			}
		}
		return nil
	}
	return nil
}

// malformed puts a decoder's error in the words of the protocol.
func malformed(err *json.UnmarshalTypeError) *Failure {
	field := strings.TrimPrefix(err.Field, "params")
	field = strings.TrimPrefix(field, ".")
	switch {
	case field == "":
		return InvalidParams("params must be an object")
	case field == "arguments" || strings.HasPrefix(field, "arguments."):
		return InvalidParams(fmt.Sprintf(`arguments is an object of strings, not of a JSON %s: write "3", not 3`, err.Value))
	case strings.HasPrefix(field, "_meta."+mcp.MetaKeyProtocolVersion):
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyProtocolVersion)
	default:
		return InvalidParams(fmt.Sprintf("params.%s cannot be a JSON %s", field, err.Value))
	}
}

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
	if err := json.Unmarshal(body, e); err != nil {
		mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
		switch {
		case !ok:
			// A syntax error. Nothing of the message is trusted, an id neither.
			*e = envelope{}
			return &Failure{Code: mcp.PARSE_ERROR, Message: "the body is not valid JSON"}
		case mistyped.Field == "":
			return invalidRequest("the body is one JSON-RPC message, an object; batches are not supported")
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

// fill gives a call what its method reads of the params.
func (e *envelope) fill(call *Call, body []byte) *Failure {
	method := mcp.MCPMethod(call.Method)
	if e.mistyped != nil {
		if f := objection(method, body); f != nil {
			return f
		}
	}
	switch method {
	case mcp.MethodPromptsGet:
		call.Name, call.Arguments = e.Params.Name, e.Params.Arguments
		return checkArguments(call.Arguments, body)
	case mcp.MethodPromptsList:
		call.Cursor = e.Params.Cursor
	case mcp.MethodSubscriptionsListen:
		call.notifications = e.Params.Notifications
	}
	return nil
}

// objection is what a method has against params of which some are mistyped: only what it reads
// itself counts.
func objection(method mcp.MCPMethod, body []byte) *Failure {
	var reads any
	switch method {
	case mcp.MethodPromptsGet:
		reads = &struct {
			Params struct {
				Name      string            `json:"name"`
				Arguments map[string]string `json:"arguments"`
				Meta      requestMeta       `json:"_meta"`
			} `json:"params"`
		}{}
	case mcp.MethodPromptsList:
		reads = &struct {
			Params struct {
				Cursor *string     `json:"cursor"`
				Meta   requestMeta `json:"_meta"`
			} `json:"params"`
		}{}
	default:
		reads = &struct {
			Params struct {
				Meta requestMeta `json:"_meta"`
			} `json:"params"`
		}{}
	}
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](json.Unmarshal(body, reads)); ok {
		return malformed(mistyped)
	}
	return nil
}

// checkArguments refuses null, which the decoder takes for an empty string. The second look is only
// needed where there is an empty string.
func checkArguments(arguments map[string]string, body []byte) *Failure {
	for _, value := range arguments {
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
	field := strings.TrimPrefix(strings.TrimPrefix(err.Field, "params"), ".")
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

package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// fill gives a call what its method reads of the params.
func (d *dispatcher) fill(e *envelope, call *Call, body []byte) *Failure {
	method := mcp.MCPMethod(call.Method)
	if e.mistyped != nil {
		if f := objection(method, body); f != nil {
			return f
		}
	}
	switch method {
	case mcp.MethodPromptsGet:
		call.Name, call.Arguments = e.Params.Name, e.Params.Arguments
		if f := checkArguments(call.Arguments, body); f != nil || d.direct != nil {
			return f
		}
		return call.passOn(e, body)
	case mcp.MethodToolsCall, mcp.MethodResourcesRead:
		return call.passOn(e, body)
	case mcp.MethodPromptsList, mcp.MethodResourcesList:
		call.Cursor = e.Params.Cursor
	case mcp.MethodToolsList, mcp.MethodResourcesTemplatesList:
		if call.Cursor = e.Params.Cursor; call.Cursor != nil && *call.Cursor != "" {
			return UnknownCursor() // neither list has a second page
		}
	case mcp.MethodCompletionComplete:
		return call.completes(body)
	case mcp.MethodSetLogLevel:
		return call.setsLevel(body)
	case mcp.MethodSubscriptionsListen:
		call.passed = &passed{notifications: e.Params.Notifications}
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
	case mcp.MethodPromptsList, mcp.MethodResourcesList, mcp.MethodToolsList, mcp.MethodResourcesTemplatesList:
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
	return decodeParams(body, reads)
}

// decodeParams reads the params of a message that is valid JSON.
func decodeParams(body []byte, into any) *Failure {
	err := json.Unmarshal(body, into)
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return malformed(mistyped)
	}
	if err != nil {
		return InvalidParams("params are malformed")
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
		if f := decodeParams(body, &again); f != nil {
			return f
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
	case err.Type == objectType:
		return InvalidParams(fmt.Sprintf("params.%s is an object, not a JSON %s", field, err.Value))
	case field == "arguments" || strings.HasPrefix(field, "arguments."):
		return InvalidParams(fmt.Sprintf(`arguments is an object of strings, not of a JSON %s: write "3", not 3`, err.Value))
	case strings.HasPrefix(field, "_meta."+mcp.MetaKeyProtocolVersion):
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyProtocolVersion)
	default:
		return InvalidParams(fmt.Sprintf("params.%s cannot be a JSON %s", field, err.Value))
	}
}

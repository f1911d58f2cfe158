package transport

import (
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"
)

// modernMeta is the least _meta of a modern message.
var modernMeta = fmt.Sprintf(`{%q:%q,%q:{}}`,
	mcp.MetaKeyProtocolVersion, mcp.ProtocolVersion20260728, mcp.MetaKeyClientCapabilities)

// message is what mcp-go is to answer. A method that is not served loses its params: all mcp-go has
// to find are the words to say so.
func (d *dispatcher) message(call *Call, body []byte) json.RawMessage {
	if !call.Modern && call.Method == string(mcp.MethodInitialize) {
		return body
	}
	p := call.passed
	if p == nil {
		p = &passed{}
	}
	room := len(call.Method) + len(p.Arguments) + len(p.InputResponses) + len(p.Meta) + len(p.notifications)
	message := make(members, 0, 256+room)
	message = append(message, `{"jsonrpc":"2.0","id":`...)
	message = strconv.AppendUint(message, d.serial.Add(1), 10)
	message = append(message, `,"method":`...)
	message = append(message, encode(call.Method)...)
	message = append(message, `,"params":{`...)
	message.text("name", p.Name)
	message.text("uri", p.URI)
	message.add("arguments", p.Arguments)
	message.add("inputResponses", p.InputResponses)
	if p.RequestState != nil {
		message.add("requestState", encode(*p.RequestState))
	}
	message.add("notifications", p.notifications)
	message.add("level", p.level)
	message.add("ref", p.ref)
	message.add("argument", p.argument)
	message.add("context", p.context)
	if len(p.Meta) > 0 {
		message.add("_meta", p.Meta)
	} else if call.Modern {
		message.add("_meta", []byte(modernMeta))
	}
	return json.RawMessage(append(message, "}}"...))
}

// members are the bytes of a JSON object under way.
type members []byte

// add adds a member, unless it has no value.
func (m *members) add(name string, value []byte) {
	if len(value) == 0 {
		return
	}
	if (*m)[len(*m)-1] != '{' {
		*m = append(*m, ',')
	}
	*m = append(*m, '"')
	*m = append(*m, name...)
	*m = append(*m, '"', ':')
	*m = append(*m, value...)
}

// text adds a string, unless it is empty.
func (m *members) text(name, value string) {
	if value != "" {
		m.add(name, encode(value))
	}
}

// encode is a value as JSON, of a type that always has one.
func encode(v any) json.RawMessage {
	encoded, _ := json.Marshal(v)
	return encoded
}

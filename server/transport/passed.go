package transport

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// maxDepth bounds how deep what is passed on may be nested: what looks at it goes down one call a level.
const maxDepth = 100

// logLevels are those of RFC 5424, as MCP names them.
var logLevels = []mcp.LoggingLevel{
	mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
	mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
}

// passed are the members of params that reach mcp-go as they came.
type passed struct {
	Name           string  `json:"name"`
	URI            string  `json:"uri"`
	Arguments      object  `json:"arguments"`
	InputResponses object  `json:"inputResponses"`
	RequestState   *string `json:"requestState"`
	Meta           object  `json:"_meta"`

	// progressToken is what notifications of progress carry; empty when none are wanted.
	progressToken json.RawMessage
	// logs is whether the client of a call wants log messages during it.
	logs bool
	// notifications are those of subscriptions/listen, level is that of logging/setLevel, and the rest
	// of completion/complete: JSON values.
	notifications, level   json.RawMessage
	ref, argument, context json.RawMessage
}

// object is a JSON object as the client wrote it. null is none.
type object json.RawMessage

var objectType = reflect.TypeFor[object]()

// UnmarshalJSON refuses whatever is no object.
func (o *object) UnmarshalJSON(raw []byte) error {
	switch raw[0] {
	case '{':
		*o = append((*o)[:0], raw...)
		return nil
	case 'n':
		*o = nil
		return nil
	default:
		return &json.UnmarshalTypeError{Value: kind(raw[0]), Type: objectType}
	}
}

// kind names a JSON value by its first byte, as the decoder does.
func kind(first byte) string {
	switch first {
	case '"':
		return "string"
	case '[':
		return "array"
	case 't', 'f':
		return "bool"
	default:
		return "number"
	}
}

// passOn takes what a handler of mcp-go needs to know: the client's _meta, and what answers an
// earlier question of the handler.
func (c *Call) passOn(e *envelope, body []byte) *Failure {
	var message struct {
		Params passed `json:"params"`
	}
	if c.Method == string(mcp.MethodPromptsGet) {
		message.Params.Name = c.Name
	}
	if f := decodeParams(body, &message); f != nil {
		return f
	}
	c.passed = &message.Params
	c.passed.progressToken, c.passed.logs = e.Params.Meta.ProgressToken, len(e.Params.Meta.LogLevel) > 0
	switch mcp.MCPMethod(c.Method) {
	case mcp.MethodToolsCall:
		c.Name, c.RawArguments = c.passed.Name, json.RawMessage(c.passed.Arguments)
		if c.Name == "" {
			return InvalidParams("params.name is missing: it is the name of a tool")
		}
	case mcp.MethodResourcesRead:
		if c.URI = c.passed.URI; c.URI == "" {
			return InvalidParams("params.uri is missing: it is the URI of a resource")
		}
	}
	for _, member := range []struct {
		name  string
		value object
	}{{"arguments", c.passed.Arguments}, {"inputResponses", c.passed.InputResponses}, {"_meta", c.passed.Meta}} {
		if tooDeep(member.value) {
			return InvalidParams(fmt.Sprintf("params.%s is nested more than %d levels deep", member.name, maxDepth))
		}
	}
	if f := c.checkMetaKeys(&e.Params.Meta); f != nil {
		return f
	}
	return checkCallMeta(&e.Params.Meta)
}

// checkMetaKeys refuses a _meta that mcp-go reads otherwise than it was read here, where keys in another case
// count as well: a call must not be of one revision here and of another there.
func (c *Call) checkMetaKeys(meta *requestMeta) *Failure {
	if len(c.passed.Meta) == 0 && !c.Modern {
		return nil
	}
	var keys map[string]json.RawMessage
	if len(c.passed.Meta) > 0 && json.Unmarshal(c.passed.Meta, &keys) != nil {
		return InvalidParams("params._meta is malformed")
	}
	var version string
	if raw, there := keys[mcp.MetaKeyProtocolVersion]; there && json.Unmarshal(raw, &version) != nil || version != meta.Version {
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyProtocolVersion)
	}
	if c.Modern && keys[mcp.MetaKeyClientCapabilities] == nil {
		return InvalidParams("missing or invalid _meta field " + mcp.MetaKeyClientCapabilities)
	}
	return nil
}

// checkCallMeta is about what a client may ask to be told during a call.
func checkCallMeta(meta *requestMeta) *Failure {
	if token := meta.ProgressToken; len(token) > 0 && !identifies(token) {
		return InvalidParams("_meta.progressToken " + mustIdentify)
	}
	if len(meta.LogLevel) > 0 {
		return checkLevel("_meta."+mcp.MetaKeyLogLevel, meta.LogLevel)
	}
	return nil
}

func checkLevel(field string, raw json.RawMessage) *Failure {
	var level mcp.LoggingLevel
	if json.Unmarshal(raw, &level) != nil || !slices.Contains(logLevels, level) {
		return InvalidParams(fmt.Sprintf("%s is not one of %s", field, encode(logLevels)))
	}
	return nil
}

// tooDeep reports whether valid JSON is nested deeper than maxDepth.
func tooDeep(raw []byte) bool {
	depth, quoted := 0, false
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return false
}

// completion are the params of completion/complete.
type completion struct {
	Ref struct {
		Type string `json:"type"`
		Name string `json:"name,omitempty"`
		URI  string `json:"uri,omitempty"`
	} `json:"ref"`
	Argument struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"argument"`
	Context struct {
		Arguments map[string]string `json:"arguments,omitempty"`
	} `json:"context"`
}

// completes takes what completion/complete asks for.
func (c *Call) completes(body []byte) *Failure {
	var message struct {
		Params completion `json:"params"`
	}
	if f := decodeParams(body, &message); f != nil {
		return f
	}
	ref := &message.Params.Ref
	switch {
	case ref.Type == "ref/prompt" && ref.Name != "":
		c.Name, ref.URI = ref.Name, ""
	case ref.Type == "ref/resource" && ref.URI != "":
		c.URI, ref.Name = ref.URI, ""
	default:
		return InvalidParams(`params.ref is {"type": "ref/prompt", "name": …} or {"type": "ref/resource", "uri": …}`)
	}
	if message.Params.Argument.Name == "" {
		return InvalidParams("params.argument.name is missing: it is the name of the argument to complete")
	}
	c.passed = &passed{ref: encode(ref), argument: encode(message.Params.Argument), context: encode(message.Params.Context)}
	return nil
}

// setsLevel takes the level of logging/setLevel.
func (c *Call) setsLevel(body []byte) *Failure {
	var message struct {
		Params struct {
			Level json.RawMessage `json:"level"`
		} `json:"params"`
	}
	if f := decodeParams(body, &message); f != nil {
		return f
	}
	c.passed = &passed{level: message.Params.Level}
	return checkLevel("params.level", message.Params.Level)
}

package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"
)

// readPrompt reads what prompts/get is asked for. One that asks nothing back does not mind what it is told.
func (c *Call) readPrompt(p *params) *Failure {
	if f := readText("name", p.Name, &c.Name); f != nil {
		return f
	}
	if isPresent(p.Arguments) {
		if f := c.readArguments(p); f != nil {
			return f
		}
	}
	_ = c.readRoundTrip(p)
	return nil
}

// readArguments reads an object of strings. A null is an argument that is absent.
func (c *Call) readArguments(p *params) *Failure {
	if p.Arguments[0] != '{' {
		return notStrings(p.Arguments)
	}
	c.Arguments = make(map[string]string, len(p.arguments))
	for _, one := range p.arguments {
		switch one.value[0] {
		case '"':
			c.Arguments[string(one.name)] = unquoteText(one.value)
		case 'n':
		default:
			return notStrings(one.value)
		}
	}
	return nil
}

func notStrings(raw json.RawMessage) *Failure {
	return InvalidParams(fmt.Sprintf(`arguments is an object of strings, not of a JSON %s: write "3", not 3`, kindOf(raw)))
}

// readTool reads what tools/call is asked for.
func (c *Call) readTool(p *params) *Failure {
	if f := readText("name", p.Name, &c.Name); f != nil {
		return f
	}
	if c.Name == "" {
		return InvalidParams("params.name is missing: it is the name of a tool")
	}
	if isPresent(p.Arguments) {
		if c.RawArguments, c.members = p.Arguments, p.arguments; p.Arguments[0] != '{' {
			return notObject("arguments", p.Arguments)
		}
		if f := p.checkArgumentNames(); f != nil {
			return f
		}
	}
	return c.readConversation(p)
}

// checkArgumentNames refuses names of arguments that differ by case alone. Those of prompts may.
func (p *params) checkArgumentNames() *Failure {
	few := [fewNames][]byte{}
	names := few[:0]
	for _, one := range p.arguments {
		names = append(names, one.name)
	}
	if problem := findDoubledName(names, true); problem != "" {
		return InvalidParams("params.arguments" + problem)
	}
	return nil
}

// readResource reads what resources/read is asked for.
func (c *Call) readResource(p *params) *Failure {
	if f := c.readURI(p); f != nil {
		return f
	}
	if isPresent(p.Arguments) && p.Arguments[0] != '{' {
		return notObject("arguments", p.Arguments)
	}
	return c.readConversation(p)
}

// readURI reads the URI of a resource, which is required.
func (c *Call) readURI(p *params) *Failure {
	if f := readText("uri", p.URI, &c.URI); f != nil {
		return f
	}
	if c.URI == "" {
		return InvalidParams("params.uri is missing: it is the URI of a resource")
	}
	return nil
}

// readConversation reads what makes more of a call than one answer: what it was asked before, and what it may tell.
func (c *Call) readConversation(p *params) *Failure {
	if f := c.readRoundTrip(p); f != nil {
		return f
	}
	return p.Meta.checkNotifications()
}

// readRoundTrip reads what answers an earlier question of the handler (SEP-2322).
func (c *Call) readRoundTrip(p *params) *Failure {
	if f := readText("requestState", p.RequestState, &c.RequestState); f != nil {
		return f
	}
	switch {
	case !isPresent(p.InputResponses):
		return nil
	case p.InputResponses[0] != '{':
		return notObject("inputResponses", p.InputResponses)
	}
	if json.Unmarshal(p.InputResponses, &c.InputResponses) != nil {
		return malformedParams(c.Method)
	}
	return nil
}

// readCompletion reads what completion/complete asks for.
func (c *Call) readCompletion(p *params) *Failure {
	var ref struct {
		Type string `json:"type"`
		Name string `json:"name"`
		URI  string `json:"uri"`
	}
	var filled mcp.CompleteContext
	for _, member := range []struct {
		name string
		raw  json.RawMessage
		into any
	}{{"ref", p.Ref, &ref}, {"argument", p.Argument, &c.Argument}, {"context", p.Context, &filled}} {
		if len(member.raw) > 0 {
			if f := decodeMember(member.name, member.raw, member.into); f != nil {
				return f
			}
		}
	}
	switch {
	case ref.Type == "ref/prompt" && ref.Name != "":
		c.Name = ref.Name
	case ref.Type == "ref/resource" && ref.URI != "":
		c.URI = ref.URI
	default:
		return InvalidParams(`params.ref is {"type": "ref/prompt", "name": …} or {"type": "ref/resource", "uri": …}`)
	}
	if c.Argument.Name == "" {
		return InvalidParams("params.argument.name is missing: it is the name of the argument to complete")
	}
	c.Arguments = filled.Arguments
	return nil
}

// readSetLevel reads the level of logging/setLevel.
func (c *Call) readSetLevel(p *params) (f *Failure) {
	c.level, f = readLevel("params.level", p.Level)
	return f
}

// readListen keeps what subscriptions/listen asks for until its caller is known to have a stream left.
func (c *Call) readListen(p *params) *Failure {
	c.notifications = p.Notifications
	return nil
}

// readCursor reads where a list goes on.
func (c *Call) readCursor(p *params) *Failure {
	if !isPresent(p.Cursor) {
		return nil
	}
	c.Cursor = new(string)
	return readText("cursor", p.Cursor, c.Cursor)
}

// readOnlyPage refuses to go on in a list that has one page.
func (c *Call) readOnlyPage(p *params) *Failure {
	f := c.readCursor(p)
	if f == nil && c.Cursor != nil && *c.Cursor != "" {
		return UnknownCursor()
	}
	return f
}

// isPresent reports whether a member is there and has a value.
func isPresent(raw json.RawMessage) bool { return len(raw) > 0 && raw[0] != 'n' }

// readText reads a member that is a string. One that is absent or null changes nothing.
func readText(name string, raw json.RawMessage, into *string) *Failure {
	switch {
	case !isPresent(raw):
		return nil
	case raw[0] != '"':
		return malformedMember(name, kindOf(raw))
	}
	*into = unquoteText(raw)
	return nil
}

// decodeMember reads one member of params.
func decodeMember(name string, raw json.RawMessage, into any) *Failure {
	err := json.Unmarshal(raw, into)
	if err == nil {
		return nil
	}
	mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err)
	if !ok {
		return InvalidParams("params are malformed")
	}
	return malformedMember(strings.TrimSuffix(name+"."+mistyped.Field, "."), mistyped.Value)
}

func malformedMember(field, kind string) *Failure {
	return InvalidParams(fmt.Sprintf("params.%s cannot be a JSON %s", field, kind))
}

func malformedParams(method string) *Failure {
	return InvalidParams("the params of " + method + " are malformed")
}

func notObject(member string, raw json.RawMessage) *Failure {
	return InvalidParams(fmt.Sprintf("params.%s is an object, not a JSON %s", member, kindOf(raw)))
}

// kindOf names the kind of a JSON value, as the decoder does.
func kindOf(raw json.RawMessage) string {
	switch raw[0] {
	case '"':
		return "string"
	case '[':
		return "array"
	case '{':
		return "object"
	case 't', 'f':
		return "bool"
	default:
		return "number"
	}
}

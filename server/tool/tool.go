package tool

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
)

// Definition is what clients are shown of a tool beside the schemas.
type Definition struct {
	Name, Title, Description string
	// ErrorPrefix begins every error: "Error creating prompt".
	ErrorPrefix string
	Hints       Hints
	// Deadline is how long a call may take at most, whatever it does; 0 leaves that to the Policy.
	Deadline time.Duration
}

// Hints are what clients decide by whether to ask a person first.
type Hints struct{ ReadOnly, Destructive, Idempotent, OpenWorld bool }

// Policy is what the tools for one kind of thing have in common. Both functions are required.
type Policy struct {
	// Bound limits how long a call of a read-only tool without a Deadline may take. One that writes waits for its outcome.
	Bound func(ctx context.Context) (context.Context, context.CancelFunc)
	// Explain returns what the caller is told of an error that is no *Error, and logs what they are not told. In
	// are the arguments of the call.
	Explain func(ctx context.Context, tool string, in any, err error) *Error
	// Detail returns the Details of an Error that has none; nil leaves those without.
	Detail func(*Error) any
}

// Tool is one MCP tool: what clients are shown of it, and what answers its calls.
type Tool struct {
	Definition
	takes         []field
	input, output json.RawMessage
	detail        func(*Error) any
	// answer returns an *Error, a *questionError, or context.Canceled when the caller left.
	answer func(ctx context.Context, arguments map[string]json.RawMessage) (texts []string, structured any, err error)
}

// New makes a tool of a function. Its arguments are the fields of In, the structured result has those of Out; both are
// structs as fieldsOf reads them. It panics on others: tools are made when a server starts.
func New[In, Out any](policy Policy, d Definition, answer func(context.Context, In) (*Result[Out], error)) Tool {
	takes, gives := withMembers(fieldsOf(reflect.TypeFor[In]())), fieldsOf(reflect.TypeFor[Out]())
	checkReadable(takes)
	return Tool{
		Definition: d, takes: takes, input: objectSchema(takes, true), output: objectSchema(gives, false), detail: policy.Detail,
		answer: func(ctx context.Context, arguments map[string]json.RawMessage) ([]string, any, error) {
			ctx, cancel := d.bound(ctx, &policy)
			defer cancel()
			var in In
			if err := readArguments(takes, arguments, reflect.ValueOf(&in).Elem()); err != nil {
				return nil, nil, err
			}
			result, err := answer(ctx, in)
			if err == nil {
				return result.Texts, result.Structured, nil
			}
			_, asks := errors.AsType[*questionError](err)
			if _, is := errors.AsType[*Error](err); !is && !asks && !errors.Is(err, context.Canceled) {
				err = policy.Explain(ctx, d.Name, in, err)
			}
			return nil, nil, err
		},
	}
}

// bound limits how long a call may take.
func (d *Definition) bound(ctx context.Context, policy *Policy) (context.Context, context.CancelFunc) {
	switch {
	case d.Deadline > 0:
		return context.WithTimeout(ctx, d.Deadline)
	case d.Hints.ReadOnly:
		return policy.Bound(ctx)
	}
	return ctx, func() {}
}

// Takes reports whether the tool has an argument of that name.
func (t *Tool) Takes(argument string) bool {
	return slices.ContainsFunc(t.takes, func(f field) bool { return f.name == argument })
}

// MCP returns the tool as clients list it.
func (t *Tool) MCP() mcp.Tool {
	hints := t.Hints
	return mcp.Tool{
		Name: t.Name, Title: t.Title, Description: t.Description, RawInputSchema: t.input, RawOutputSchema: t.output,
		Annotations: mcp.ToolAnnotation{
			Title: t.Title, ReadOnlyHint: &hints.ReadOnly, DestructiveHint: &hints.Destructive,
			IdempotentHint: &hints.Idempotent, OpenWorldHint: &hints.OpenWorld,
		},
	}
}

// MCPWith returns the tool as clients list it who need not give some arguments, and of others have these values alone. All are taken all
// the same.
func (t *Tool) MCPWith(hidden []string, values map[string][]string) mcp.Tool {
	shown := t.MCP()
	takes := slices.DeleteFunc(slices.Clone(t.takes), func(f field) bool { return slices.Contains(hidden, f.name) })
	for i := range takes {
		if some, has := values[takes[i].name]; has {
			takes[i].enum = some
		}
	}
	shown.RawInputSchema = objectSchema(takes, true)
	return shown
}

// Call answers one call with these arguments, by name, in JSON. What the tool refuses is a result too (MCP, tools: errors of execution); the error is
// context.Canceled when the caller left.
func (t *Tool) Call(ctx context.Context, arguments map[string]json.RawMessage) (*mcp.CallToolResult, error) {
	texts, structured, err := t.answer(withUse(ctx, t.Name, arguments), arguments)
	if asks, is := errors.AsType[*questionError](err); is {
		return asks.result, nil
	}
	if refused, is := errors.AsType[*Error](err); is {
		return t.Refuse(ctx, refused), nil
	}
	if err != nil {
		return nil, context.Canceled // and not whose context it was
	}
	result := &mcp.CallToolResult{StructuredContent: structured}
	for _, text := range texts {
		result.Content = append(result.Content, mcp.NewTextContent(text))
	}
	return result, nil
}

// Refuse returns the result of a call that ends in an error, whatever its arguments are.
func (t *Tool) Refuse(ctx context.Context, refused *Error) *mcp.CallToolResult {
	reportRefusal(ctx, refused.Kind)
	result := mcp.NewToolResultError(refused.withPrefix(t.ErrorPrefix))
	details := refused.Details
	if details == nil && t.detail != nil {
		details = t.detail(refused)
	}
	if details != nil {
		result.Meta = &mcp.Meta{AdditionalFields: map[string]any{DetailsKey: details}}
	}
	return result
}

package prompts

import (
	"context"
	"errors"

	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"github.com/lectern-dev/lectern/server/transport"
)

// tool is what clients are shown of one, and what answers its calls.
type tool struct {
	name, title, description string
	// doing begins every error: "Error creating prompt".
	doing string
	takes []member
	gives []member
	hints hints
	// answer returns a *problem, or an error that problemOf knows or hides.
	answer func(ctx context.Context, in given) (answer, error)
}

// hints are what clients decide by whether to ask a person first. No tool here reaches anything but
// prompts.
type hints struct{ readOnly, destructive, idempotent bool }

var reads = hints{readOnly: true, idempotent: true}

// answer is the result of a call that went well: one text, two when a list was cut, and the same as a
// value.
type answer struct {
	texts      []string
	structured any
}

// inJSON is an answer whose text is the value.
func inJSON(text, structured any) (answer, error) {
	written, err := indented(text, "")
	return answer{texts: []string{written}, structured: structured}, err
}

// definition is the tool as MCP has it.
func (t *tool) definition() mcp.Tool {
	openWorld := false
	return mcp.Tool{
		Name: t.name, Title: t.title, Description: t.description,
		RawInputSchema: schema(t.takes, true), RawOutputSchema: schema(t.gives, false),
		Annotations: mcp.ToolAnnotation{
			Title: t.title, ReadOnlyHint: &t.hints.readOnly, DestructiveHint: &t.hints.destructive,
			IdempotentHint: &t.hints.idempotent, OpenWorldHint: &openWorld,
		},
	}
}

// ToolNames are the tools on prompts this surface offers.
func (s *Surface) ToolNames() []string {
	var names []string
	for _, t := range s.tools() {
		names = append(names, t.name)
	}
	return names
}

// handler makes a result of its own for each call: mcp-go writes into it.
func (s *Surface) handler(t tool) mcpserver.ToolHandlerFunc {
	return func(ctx context.Context, request mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if t.hints.readOnly { // one that writes waits for what becomes of it
			var cancel context.CancelFunc
			ctx, cancel = s.soon(ctx)
			defer cancel()
		}
		in, err := readArguments(t.takes, request.Params.RawArguments)
		var a answer
		if err == nil {
			a, err = t.answer(ctx, in)
		}
		if errors.Is(err, context.Canceled) {
			return nil, transport.FromContext(ctx).Fail(transport.Canceled())
		}
		if err != nil {
			told := s.problemOf(ctx, t.name, in, err)
			if told.sentence {
				return mcp.NewToolResultError(told.text), nil
			}
			return mcp.NewToolResultError(t.doing + ": " + told.Error()), nil
		}
		result := &mcp.CallToolResult{StructuredContent: a.structured}
		for _, text := range a.texts {
			result.Content = append(result.Content, mcp.NewTextContent(text))
		}
		return result, nil
	}
}

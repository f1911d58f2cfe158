package tool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
)

// greetInput and greetResult are of a tool that greets, or fails as it is told.
type greetInput struct {
	named
	Fail *string `json:"fail,omitempty" description:"How to fail" enum:"refused,unexplained,left,late"`
}

type greetResult struct {
	Greeting string          `json:"greeting"`
	Number   Optional[int64] `json:"number,omitzero"`
	Next     *int64          `json:"next"`
	Rows     []any           `json:"rows,omitempty"`
}

func greet(ctx context.Context, in greetInput) (*Result[greetResult], error) {
	if in.Fail == nil {
		return NewResult("Hello "+in.Name, greetResult{Greeting: in.Name}), nil
	}
	return nil, map[string]error{
		"refused": NewConflict("%s is greeted", in.Name), "unexplained": errors.New("secret"),
		"left": fmt.Errorf("read: %w", context.Canceled), "late": ctx.Err(),
	}[*in.Fail]
}

// testPolicy lets no read take any time.
var testPolicy = Policy{
	Bound: func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithDeadline(ctx, time.Unix(0, 0))
	},
	Explain: func(_ context.Context, tool string, in any, err error) *Error {
		input, _ := in.(greetInput)
		return &Error{Kind: Storage, Text: fmt.Sprintf("%s of %s, deadline passed: %t", tool, input.Name, errors.Is(err, context.DeadlineExceeded))}
	},
}

func newGreet(hints Hints) Tool {
	return New(testPolicy, Definition{Name: "greet", Title: "Greet", ErrorPrefix: "Error greeting", Hints: hints}, greet)
}

func TestCall(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hints           Hints
		arguments, want string
	}{
		"a result":                       {Hints{}, `{"name":"Ann"}`, `{"content":[{"type":"text","text":"Hello Ann"}],"structuredContent":{"greeting":"Ann","next":null}}`},
		"an argument that is missing":    {Hints{}, `{}`, `{"content":[{"type":"text","text":"Error greeting: ValidationError: argument \"name\" is required: Name of it"}],"isError":true}`},
		"a refusal":                      {Hints{}, `{"name":"Ann","fail":"refused"}`, `{"content":[{"type":"text","text":"Error greeting: ConflictError: Ann is greeted"}],"isError":true}`},
		"an error that is explained":     {Hints{}, `{"name":"Ann","fail":"unexplained"}`, `{"content":[{"type":"text","text":"Error greeting: StorageError: greet of Ann, deadline passed: false"}],"isError":true}`},
		"a read that takes too long":     {Hints{ReadOnly: true}, `{"name":"Ann","fail":"late"}`, `{"content":[{"type":"text","text":"Error greeting: StorageError: greet of Ann, deadline passed: true"}],"isError":true}`},
		"a caller who left":              {Hints{}, `{"name":"Ann","fail":"left"}`, `context canceled`},
		"a value that is not in an enum": {Hints{}, `{"name":"Ann","fail":"x"}`, `{"content":[{"type":"text","text":"Error greeting: ValidationError: argument \"fail\": \"x\" is not one of refused, unexplained, left, late"}],"isError":true}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tool := newGreet(tc.hints)
			result, err := tool.Call(t.Context(), membersOf(t, tc.arguments))
			if diff := cmp.Diff(tc.want, describe(t, result, err)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func describe(t *testing.T, result *mcp.CallToolResult, err error) string {
	t.Helper()
	if err != nil {
		return err.Error()
	}
	raw, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

func TestMCP(t *testing.T) {
	t.Parallel()
	tool := newGreet(Hints{ReadOnly: true})
	listed := tool.MCP()
	const input = `{"type":"object","properties":{"name":{"type":"string","description":"Name of it"},` +
		`"fail":{"type":"string","description":"How to fail","enum":["refused","unexplained","left","late"]}},"required":["name"],"additionalProperties":false}`
	const output = `{"type":"object","properties":{"greeting":{"type":"string"},"number":{"type":["integer","null"],"minimum":0},` +
		`"next":{"type":["integer","null"],"minimum":0},"rows":{"type":"array","items":{"type":"object"}}},"required":["greeting","next"]}`
	if diff := cmp.Diff([]string{input, output}, []string{string(listed.RawInputSchema), string(listed.RawOutputSchema)}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if a := listed.Annotations; a.Title != "Greet" || !*a.ReadOnlyHint || *a.DestructiveHint || *a.IdempotentHint || *a.OpenWorldHint {
		t.Errorf("annotations are %+v", a)
	}
}

// TestNew_Panics: a struct nobody could read arguments into, or describe, is found when the server starts.
func TestNew_Panics(t *testing.T) {
	t.Parallel()
	type fine struct{}
	for name, make := range map[string]func(){
		"an argument without a name": func() { newOf[struct{ Name string }, fine]() },
		"an argument that is not read": func() {
			newOf[struct {
				Names []int64 `json:"names"`
			}, fine]()
		},
		"a result without a schema": func() {
			newOf[fine, struct {
				Done chan int `json:"done"`
			}]()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer func() {
				if recover() == nil {
					t.Error("New made a tool")
				}
			}()
			make()
		})
	}
}

func newOf[In, Out any]() {
	New(testPolicy, Definition{}, func(context.Context, In) (*Result[Out], error) { return nil, nil })
}

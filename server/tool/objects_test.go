package tool

import (
	"context"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// condition and nested have what arguments of objects are made of.
type condition struct {
	Field string  `json:"field" description:"Field" bounds:"1..8"`
	Value *string `json:"value,omitempty"`
}

type nested struct {
	Criteria []condition      `json:"criteria,omitempty" description:"Conditions" bounds:"1..2"`
	Changes  *condition       `json:"changes,omitempty"`
	Include  []string         `json:"include,omitempty" enum:"notes,tasks" bounds:"..2"`
	Limit    *int64           `json:"limit,omitempty" bounds:"1..100"`
	DueBy    Optional[string] `json:"due_by,omitzero"`
}

func readNested(t *testing.T, arguments string) (in nested, err error) {
	t.Helper()
	takes := withMembers(fieldsOf(reflect.TypeFor[nested]()))
	checkReadable(takes)
	return in, readArguments(takes, membersOf(t, arguments), reflect.ValueOf(&in).Elem())
}

func TestReadArguments_Objects(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		arguments string
		want      nested
	}{
		"nothing": {`{}`, nested{}},
		"all of them": {
			`{"criteria":[{"field":"a","value":"x"},{"field":"b"}],"changes":{"field":"c"},"include":["tasks","notes"],"limit":100,"due_by":"now"}`,
			nested{
				Criteria: []condition{{"a", new("x")}, {Field: "b"}}, Changes: &condition{Field: "c"}, Include: []string{"tasks", "notes"},
				Limit: new(int64(100)), DueBy: Optional[string]{Given: true, Value: new("now")},
			},
		},
		"null is a value of what is optional": {`{"due_by":null,"limit":null}`, nested{DueBy: Optional[string]{Given: true}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := readNested(t, tc.arguments)
			require.NoError(t, err)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
	for arguments, want := range map[string]string{
		`{"criteria":[]}`:                         `argument "criteria": has 0 elements, which is less than 1`,
		`{"criteria":[{},{},{}]}`:                 `argument "criteria": has 3 elements, which is more than 2`,
		`{"criteria":{"field":"a"}}`:              `argument "criteria": {"field":"a"} is not a list of objects`,
		`{"criteria":[7]}`:                        `argument "criteria": element 1: 7 is not an object`,
		`{"criteria":[null]}`:                     `argument "criteria": element 1: null is not an object`,
		`{"criteria":[{"field":"a"},{}]}`:         `argument "criteria": element 2: member "field" is required: Field`,
		`{"criteria":[{"field":"123456789"}]}`:    `argument "criteria": element 1: member "field": has 9 characters, which is more than 8`,
		`{"criteria":[{"field":"a","fiel":"b"}]}`: `argument "criteria": element 1: member "fiel": this tool takes no such argument; it takes field, value`,
		`{"changes":[]}`:                          `argument "changes": [] is not an object`,
		`{"include":["note"]}`:                    `argument "include": "note" is not one of notes, tasks`,
		`{"include":["notes","notes","notes"]}`:   `argument "include": has 3 elements, which is more than 2`,
		`{"limit":0}`:                             `argument "limit": 0, which is less than 1`,
		`{"limit":101}`:                           `argument "limit": 101, which is more than 100`,
		`{"due_by":7}`:                            `argument "due_by": 7 is not a string`,
	} {
		_, err := readNested(t, arguments)
		if err == nil || err.(*Error).Text != want {
			t.Errorf("%s: %v, want %s", arguments, err, want)
		}
	}
}

func TestSchema_Objects(t *testing.T) {
	t.Parallel()
	got := objectSchema(withMembers(fieldsOf(reflect.TypeFor[nested]())), true)
	object := `"properties":{"field":{"type":"string","minLength":1,"maxLength":8,"description":"Field"},"value":{"type":"string"}},"required":["field"],"additionalProperties":false}`
	want := `{"type":"object","properties":{` +
		`"criteria":{"type":"array","items":{"type":"object",` + object + `,"minItems":1,"maxItems":2,"description":"Conditions"},` +
		`"changes":{"type":"object",` + object + `,` +
		`"include":{"type":"array","items":{"type":"string","enum":["notes","tasks"]},"maxItems":2},` +
		`"limit":{"type":"integer","minimum":1,"maximum":100},` +
		`"due_by":{"type":["string","null"]}},"additionalProperties":false}`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if !json.Valid(got) {
		t.Error("the schema is no JSON")
	}
}

// TestCall_Deadline: a tool's own deadline takes the place of the policy's, which is long over, and holds for writes too.
func TestCall_Deadline(t *testing.T) {
	t.Parallel()
	for _, hints := range []Hints{{}, {ReadOnly: true}} {
		var left time.Duration
		late := New(testPolicy, Definition{Name: "late", Hints: hints, Deadline: time.Hour}, func(ctx context.Context, _ struct{}) (*Result[struct{}], error) {
			deadline, bounded := ctx.Deadline()
			if bounded {
				left = time.Until(deadline)
			}
			return NewResult("", struct{}{}), ctx.Err()
		})
		_, err := late.Call(t.Context(), nil)
		require.NoError(t, err)
		if left <= 0 || left > time.Hour {
			t.Errorf("hints %+v: %s are left, want at most an hour", hints, left)
		}
	}
}

func TestCall_ErrorDetails(t *testing.T) {
	t.Parallel()
	refuse := New(testPolicy, Definition{Name: "refuse", ErrorPrefix: "Error refusing"}, func(context.Context, struct{}) (*Result[struct{}], error) {
		return nil, &Error{Kind: NotFound, Text: "no such ticket", Details: map[string]any{"kind": NotFound}}
	})
	result, err := refuse.Call(t.Context(), nil)
	want := `{"_meta":{"dev.lectern/error":{"kind":"NotFoundError"}},"content":[{"type":"text","text":"Error refusing: NotFoundError: no such ticket"}],"isError":true}`
	if diff := cmp.Diff(want, describe(t, result, err)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestReportProgress(t *testing.T) {
	t.Parallel()
	ReportProgress(t.Context(), 1, 2, "nobody asked")
	var told []string
	ctx := WithProgress(t.Context(), func(_, _ float64, message string) { told = append(told, message) })
	ReportProgress(ctx, 1, 2, "half")
	if diff := cmp.Diff([]string{"half"}, told); diff != "" {
		t.Error(diff)
	}
}

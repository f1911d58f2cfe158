package prompts

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// TestToPromptJSON: byte for byte what JSON.stringify(prompt, null, 2) gave.
func TestToPromptJSON(t *testing.T) {
	t.Parallel()
	born := time.Date(2025, 1, 2, 4, 4, 5, 678_999_000, time.FixedZone("CET", 3600))
	for name, tc := range map[string]struct {
		endpoint string
		record   store.PromptView
		want     string
	}{
		"all of it": {"", store.PromptView{
			Key: store.Key{Namespace: "support", Name: "greet-bob"}, Version: 2, CreatedAt: born, PublishedAt: born.Add(time.Hour),
			Document: prompt.Document{
				Syntax: prompt.Simple, Title: "Greet <Bob> & \"Ann\"", Description: "d", Category: "c", Tags: []string{"a", "b"},
				Metadata:  json.RawMessage(`{"a":[],"b":{"c":1.5},"d":"\u2028"}`),
				Arguments: []prompt.Argument{{Name: "who"}},
				Messages:  []prompt.Message{{Role: prompt.User, Text: "Hello {{who}}\t\\u2028\\\u2028\u2029\u007f\u0001\b\f"}},
			},
		}, `{
  "name": "Greet <Bob> & \"Ann\"",
  "content": "Hello {{who}}\t\\u2028\\` + "\u2028\u2029\u007f" + `\u0001\b\f",
  "description": "d",
  "isTemplate": true,
  "variables": [
    "who"
  ],
  "tags": [
    "a",
    "b"
  ],
  "category": "c",
  "metadata": {
    "a": [],
    "b": {
      "c": 1.5
    },
    "d": "` + "\u2028" + `"
  },
  "id": "support/greet-bob",
  "createdAt": "2025-01-02T03:04:05.678Z",
  "updatedAt": "2025-01-02T04:04:05.678Z",
  "version": 2
}`},
		"what is absent is left out, and includes stay as written": {"support", store.PromptView{
			Key: store.Key{Namespace: "support", Name: "talk"}, Version: 1, CreatedAt: born, PublishedAt: born,
			Document: prompt.Document{
				Syntax:   prompt.Plain,
				Messages: []prompt.Message{{Role: prompt.User, Text: "expanded"}},
				Source:   []prompt.Message{{Role: prompt.User, Text: "{{> style}}"}, {Role: prompt.Assistant, Text: "Yes."}},
			},
		}, `{
  "name": "talk",
  "content": "{{> style}}\n\nYes.",
  "isTemplate": false,
  "variables": [],
  "tags": [],
  "id": "talk",
  "createdAt": "2025-01-02T03:04:05.678Z",
  "updatedAt": "2025-01-02T03:04:05.678Z",
  "version": 1
}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := tool.IndentJSON(toPromptJSON(tc.endpoint, &tc.record), "")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

package prompts

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/server/tool"
)

// Types that are written by reflection, as those of the same fields are written by hand.
type (
	reflectedPrompt promptJSON
	reflectedResult struct {
		reflectedPrompt
		LatestVersion int64  `json:"latestVersion"`
		Channel       string `json:"channel,omitempty"`
		Digest        string `json:"digest"`
	}
	reflectedList listResult
)

// shownPrompts have every member, none that may be missing, and what escapes are for.
var shownPrompts = map[string]promptJSON{
	"nothing": {Variables: []string{}, Tags: []string{}},
	"everything": {
		Name: "N <b>", Content: "a\n\"{{x}}\" & \\ \u2028 é\x01", Description: "D\t", IsTemplate: true, Variables: []string{"x", "y"},
		Tags: []string{"a", "<"}, Category: "c>", Metadata: []byte(`{"a":[1,{"b":"<&\u2028"}],"c":{}}`),
		ID: "it/greeting", CreatedAt: "2026-01-01T00:00:00.000Z", UpdatedAt: "2026-01-02T00:00:00.000Z", Version: 12,
	},
	"plain metadata": {Variables: []string{}, Tags: []string{"a"}, Metadata: []byte(`{"owner":"ops"}`)},
	"empty metadata": {Variables: []string{"x"}, Tags: []string{}, Metadata: []byte(`{}`)},
}

func marshal(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPromptJSON_WritesItselfAsReflectionWould(t *testing.T) {
	t.Parallel()
	for name, p := range shownPrompts {
		for _, prefix := range []string{"", "  "} {
			want, err := tool.IndentJSON(reflectedPrompt(p), prefix)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, string(promptRow{p}.AppendIndented(nil, prefix))); diff != "" {
				t.Errorf("%s, indented (-reflected +own):\n%s", name, diff)
			}
		}
		if diff := cmp.Diff(marshal(t, reflectedPrompt(p)), string(promptRow{p}.AppendJSON(nil))); diff != "" {
			t.Errorf("%s (-reflected +own):\n%s", name, diff)
		}
		for _, channel := range []string{"", "production"} {
			want := marshal(t, reflectedResult{reflectedPrompt(p), 3, channel, "sha256:0"})
			got := getPromptResult{promptJSON: p, LatestVersion: 3, Channel: channel, Digest: "sha256:0"}
			if diff := cmp.Diff(want, string(got.AppendJSON(nil))); diff != "" {
				t.Errorf("%s as a result (-reflected +own):\n%s", name, diff)
			}
		}
	}
}

func TestListResult_WritesItselfAsReflectionWould(t *testing.T) {
	t.Parallel()
	p := shownPrompts["everything"]
	for name, tc := range map[string]struct{ own, reflected listResult }{
		"nothing": {listResult{Prompts: []any{}}, listResult{Prompts: []any{}}},
		"prompts": {
			listResult{Prompts: []any{promptRow{p}, promptRow{shownPrompts["nothing"]}}, Total: 9, NextCursor: "a<b"},
			listResult{Prompts: []any{reflectedPrompt(p), reflectedPrompt(shownPrompts["nothing"])}, Total: 9, NextCursor: "a<b"},
		},
		"summaries": {
			listResult{Prompts: []any{summaryJSON{Name: "<"}, summaryJSON{ID: "b"}}, Total: 2},
			listResult{Prompts: []any{summaryJSON{Name: "<"}, summaryJSON{ID: "b"}}, Total: 2},
		},
	} {
		if diff := cmp.Diff(marshal(t, reflectedList(tc.reflected)), string(tc.own.AppendJSON(nil))); diff != "" {
			t.Errorf("%s (-reflected +own):\n%s", name, diff)
		}
	}
}

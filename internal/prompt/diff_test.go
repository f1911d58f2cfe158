package prompt_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
)

func TestDiff(t *testing.T) {
	t.Parallel()
	text := func(text string) *prompt.Document {
		return &prompt.Document{Syntax: prompt.Mustache, Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
	}
	with := func(d *prompt.Document, change func(*prompt.Document)) *prompt.Document {
		change(d)
		return d
	}
	for name, tc := range map[string]struct {
		from, to          *prompt.Document
		lines, characters int
		want              prompt.Difference
	}{
		"the same": {from: text("a\n"), to: text("a\n")},
		"a line of a text": {
			from: text("a\nb\nc\n"), to: text("a\nB\nc\n"),
			want: prompt.Difference{Unified: "--- v1\n+++ v2\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", Fields: []string{"messages"}},
		},
		"without a newline at the end": {
			from: text("a"), to: text("b"),
			want: prompt.Difference{
				Unified: "--- v1\n+++ v2\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+b\n\\ No newline at end of file\n",
				Fields:  []string{"messages"},
			},
		},
		"the source, not what it expands to": {
			from: with(text("Be kind."), func(d *prompt.Document) {
				d.Source = []prompt.Message{{Role: prompt.User, Text: "{{> style}}\n"}}
			}),
			to: with(text("Be brief."), func(d *prompt.Document) {
				d.Source = []prompt.Message{{Role: prompt.User, Text: "{{> style}}\n"}}
			}),
		},
		"every field": {
			from: text("a\n"),
			to: &prompt.Document{
				Syntax: prompt.Simple, Title: "t", Description: "d", Category: "c", Tags: []string{"x"},
				Metadata: json.RawMessage(`{}`), Arguments: []prompt.Argument{{Name: "who"}},
				Messages: []prompt.Message{{Role: prompt.User, Text: "a\n"}},
			},
			want: prompt.Difference{Fields: []string{"syntax", "title", "description", "category", "tags", "metadata", "arguments"}},
		},
		"another speaker": {
			from: text("a"),
			to:   &prompt.Document{Syntax: prompt.Mustache, Messages: []prompt.Message{{Role: prompt.User, Text: "a"}, {Role: prompt.Assistant, Text: "b"}}},
			want: prompt.Difference{
				Unified: "--- v1\n+++ v2\n@@ -1 +1,5 @@\n-a\n\\ No newline at end of file\n+[user]\n+a\n+\n+[assistant]\n+b\n",
				Fields:  []string{"messages"},
			},
		},
		"more lines than asked for": {
			from: text("a\nb\nc\n"), to: text("x\ny\nz\n"), lines: 4,
			want: prompt.Difference{Unified: "--- v1\n+++ v2\n@@ -1,3 +1,3 @@\n-a\n", Cut: 5, Fields: []string{"messages"}},
		},
		"more characters than asked for": {
			from: text("äöü\n"), to: text("x\n"), characters: 33,
			want: prompt.Difference{Unified: "--- v1\n+++ v2\n@@ -1 +1 @@\n-äöü\n", Cut: 1, Fields: []string{"messages"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tc.lines == 0 {
				tc.lines = 100
			}
			if tc.characters == 0 {
				tc.characters = 10_000
			}
			got, err := prompt.Diff(tc.from, tc.to, "v1", "v2", tc.lines, tc.characters)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// BenchmarkDiffOfTheLargestTexts: how long a caller can make this take is bounded by the texts.
func BenchmarkDiffOfTheLargestTexts(b *testing.B) {
	document := func(line string) *prompt.Document {
		return &prompt.Document{Messages: []prompt.Message{{Role: prompt.User, Text: strings.Repeat(line, prompt.MaxText/len(line))}}}
	}
	from, to := document("\n"), document("a\n\n")
	for b.Loop() {
		if _, err := prompt.Diff(from, to, "v1", "v2", 400, 30_000); err != nil {
			b.Fatal(err)
		}
	}
}

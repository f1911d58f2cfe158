package prompts

import (
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestCutPage: a page has 500 prompts, or as many as fit, and one whatever its size.
func TestCutPage(t *testing.T) {
	t.Parallel()
	small, large, huge := make([]store.Summary, 500), make([]store.Summary, 500), make([]store.Summary, 3)
	for i := range large {
		small[i] = store.Summary{Key: store.Key{Namespace: "support", Name: "handover"}, Title: "Handover", Arguments: []prompt.Argument{{Name: "ticket"}}}
		large[i] = store.Summary{Description: strings.Repeat("d", 500), Arguments: []prompt.Argument{{Description: strings.Repeat("a", 500)}}}
	}
	for i := range huge {
		huge[i].Description = strings.Repeat("d", maxPageBytes+1)
	}
	for name, tc := range map[string]struct {
		page []store.Summary
		want int
	}{"nothing": {nil, 0}, "small ones": {small, 500}, "large ones": {large, maxPageBytes / (500 + 500 + summaryFrame + argumentFrame)}, "huge ones": {huge, 1}} {
		if got := len(cutPage(tc.page)); got != tc.want {
			t.Errorf("%s: %d, not %d", name, got, tc.want)
		}
	}
}

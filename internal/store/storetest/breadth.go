package storetest

import (
	"errors"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// testTooManyWords: words are counted as full text has them, whatever stands between them.
func testTooManyWords(t *testing.T, b subjectTest) {
	words := func(n int, separator string) string { return strings.Repeat("x"+separator, n) }
	b.newDescribed(keyOf("many"), prompt.Spec{Title: "T"}, words(100, " "))
	for name, tc := range map[string]struct {
		text    string
		refused string
	}{
		"64 words":          {words(64, " "), ""},
		"64 alternatives":   {words(63, " or ") + "x", ""},
		"65 words":          {words(65, " "), "too broad: the search has 65 words, and at most 64 are taken"},
		"660 words":         {words(660, " "), "too broad: the search has 660 words, and at most 64 are taken"},
		"joined by dashes":  {words(65, "-"), "too broad: the search has 65 words"},
		"joined by or":      {words(65, " or "), "too broad: the search has 66 words"},
		"a phrase":          {`"` + words(65, " ") + `"`, "too broad: the search has 65 words"},
		"one word, 2,000 x": {words(2000, ""), ""},
	} {
		_, findErr := b.Find(b.Context(), textQuery(tc.text))
		_, countErr := b.CountFound(b.Context(), textQuery(tc.text))
		for call, err := range map[string]error{"find": findErr, "count": countErr} {
			_, isTooBroad := errors.AsType[*store.TooBroadError](err)
			if tc.refused == "" && err != nil || tc.refused != "" && (!isTooBroad || !strings.HasPrefix(err.Error(), tc.refused)) {
				t.Errorf("%s, %s: %v, want %q", name, call, err, tc.refused)
			}
		}
	}
}

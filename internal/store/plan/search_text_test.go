package plan

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestSplitSearchText(t *testing.T) {
	fill := strings.Repeat("é", PositionedCharacters-3)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"empty":                     {"", []string{""}},
		"at the limit":              {fill + "abc", []string{fill + "abc"}},
		"within a word":             {fill + " abcd ef", []string{fill, " abcd ef"}},
		"between two words":         {fill + "abc def", []string{fill + "abc", " def"}},
		"without white space":       {fill + "abcdef", []string{fill + "abc", "def"}},
		"white space at the start":  {" " + fill + "abcd", []string{" " + fill + "ab", "cd"}},
		"more than two pieces":      {fill + " b" + fill + " c", []string{fill, " b" + fill, " c"}},
		"white space of many bytes": {fill + "\u2003abcd", []string{fill, "\u2003abcd"}},
	} {
		t.Run(name, func(t *testing.T) {
			positioned, rest := SplitSearchText(tc.text)
			got := append([]string{positioned}, rest...)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%.2000s", diff)
			}
			for _, piece := range got {
				if n := utf8.RuneCountInString(piece); n > PositionedCharacters {
					t.Errorf("a piece has %d characters", n)
				}
			}
		})
	}
}

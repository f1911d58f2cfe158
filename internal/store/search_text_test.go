package store

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseSearch(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][][]SearchTerm{
		"":                       nil,
		" -- !! - \"\" ":         nil,
		"a b":                    {{{"a", false}, {"b", false}}},
		"a or b c":               {{{"a", false}}, {{"b", false}, {"c", false}}},
		"or a or":                {{{"or", false}, {"a", false}, {"or", false}}},
		"a or or b":              {{{"a", false}}, {{"or", false}, {"b", false}}},
		`a "or" b`:               {{{"a", false}, {"or", false}, {"b", false}}},
		"-a":                     {{{"a", true}}},
		"--a ---b - c":           {{{"a", false}, {"b", false}, {"c", false}}},
		`-"a b"c`:                {{{"a b", true}, {"c", false}}},
		`x"a b`:                  {{{"x", false}, {"a b", false}}},
		"a-b":                    {{{"a-b", false}}},
		"-(a)":                   {{{"(a)", true}}},
		"(a | !b)":               {{{"(a", false}, {"!b)", false}}},
		strings.Repeat("-", 33):  nil,
		strings.Repeat("- ", 33): nil,
	} {
		if diff := cmp.Diff(want, ParseSearch(text)); diff != "" {
			t.Errorf("%q (-want +got)\n%s", text, diff)
		}
	}
}

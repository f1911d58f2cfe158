package prompts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	type located struct {
		Key      store.Key
		Selector prompt.Selector
		Error    string
	}
	handover := store.Key{Namespace: "support", Name: "handover"}
	const badSelector = `"03" is neither a version nor a channel: write @3 for version 3, or @production for a channel (a lower-case letter, then letters, digits and '-', at most 36)`
	for name, tc := range map[string]struct {
		endpoint, home, id string
		want               located
	}{
		"as lists give it":                     {"", "", "support/handover", located{Key: handover}},
		"as prompts/list gives it":             {"", "", "support.handover", located{Key: handover}},
		"a version":                            {"", "", "support/handover@3", located{Key: handover, Selector: prompt.Selector{Version: 3}}},
		"a channel":                            {"", "", "support.handover@production", located{Key: handover, Selector: prompt.Selector{Channel: "production"}}},
		"a bare name at home":                  {"", "support", "handover@3", located{Key: handover, Selector: prompt.Selector{Version: 3}}},
		"a bare name without a home":           {"", "", "handover", located{Error: "the id has no namespace"}},
		"at home, but of another namespace":    {"", "it", "support/handover", located{Key: handover}},
		"the endpoint of a namespace":          {"support", "it", "handover", located{Key: handover}},
		"there, a whole id":                    {"support", "", "support/handover@beta", located{Key: handover, Selector: prompt.Selector{Channel: "beta"}}},
		"there, a whole id of another":         {"support", "", "it/handover", located{Error: "not found"}},
		"there, a name as prompts/list had it": {"support", "", "support.handover", located{Error: "not found"}},
		"a selector that is none":              {"", "", "support/handover@03", located{Error: badSelector}},
		"no selector after the @":              {"", "", "support/handover@", located{Error: "not found"}},
		"two slashes":                          {"", "", "a/b/c", located{Error: "not found"}},
		"no prompt":                            {"", "", "support/", located{Error: "not found"}},
		"no namespace":                         {"", "it", "/handover", located{Error: "not found"}},
		"a namespace that cannot be one":       {"", "", "Sup port/handover", located{Error: "not found"}},
		"a character no database holds":        {"", "", "a\x00b.c", located{Error: "not found"}},
		"nothing":                              {"", "it", "", located{Error: "not found"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, selector, err := parseID(tc.endpoint, tc.home, tc.id)
			got := located{Error: errorText(err)}
			if err == nil {
				got.Key, got.Selector = key, selector
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestMakeSlug(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Greet Bob":                      "greet-bob",
		"  --Über  die_Straße!! 2 ":      "ber-die-stra-e-2",
		"日本":                             "prompt",
		"":                               "prompt",
		"\u212Aelvin":                    "kelvin",
		strings.Repeat("a", 70):          strings.Repeat("a", 54),
		strings.Repeat("a", 53) + "-bcd": strings.Repeat("a", 53),
	} {
		if got := makeSlug(title); got != want {
			t.Errorf("slug(%q) is %q, want %q", title, got, want)
		}
	}
}

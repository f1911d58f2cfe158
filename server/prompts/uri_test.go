package prompts

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// namedURI is what a URI stands for.
type namedURI struct {
	Key      store.Key
	Selector prompt.Selector
	OK       bool
}

func TestParseURI(t *testing.T) {
	t.Parallel()
	key := store.Key{Namespace: "support", Name: "handover"}
	for uri, want := range map[string]namedURI{
		"prompt://support/handover":                     {key, prompt.Selector{}, true},
		"prompt://support/handover/versions/3":          {key, prompt.Selector{Version: 3}, true},
		"prompt://support/handover/channels/production": {key, prompt.Selector{Channel: "production"}, true},
		"prompt://support/handover/channels/latest":     {key, prompt.Selector{Channel: "latest"}, true},
		"":                                         {},
		"prompt://support":                         {},
		"prompt://support/":                        {},
		"prompt:///handover":                       {},
		"prompt://support/handover/":               {},
		"prompt://support/handover@3":              {},
		"prompt://Support/handover":                {},
		"PROMPT://support/handover":                {},
		"prompt://support/hand%6fver":              {},
		"prompt://support/handover?x":              {},
		"prompt://support/handover/versions":       {},
		"prompt://support/handover/versions/0":     {},
		"prompt://support/handover/versions/03":    {},
		"prompt://support/handover/versions/beta":  {},
		"prompt://support/handover/channels/3":     {},
		"prompt://support/handover/channels/Beta":  {},
		"prompt://support/handover/others/3":       {},
		"prompt://support/handover/versions/3/raw": {},
	} {
		var got namedURI
		got.Key, got.Selector, got.OK = parseURI(uri)
		if !got.OK {
			got = namedURI{}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got)\n%s", uri, diff)
		}
	}
}

// FuzzParseURI: a resource has one name, and what is read is what was written.
func FuzzParseURI(f *testing.F) {
	f.Add("prompt://support/handover/versions/3")
	f.Add("prompt://support/handover/channels/beta")
	f.Fuzz(func(t *testing.T, uri string) {
		key, selector, ok := parseURI(uri)
		if ok && (formatURI(key, selector) != uri || strings.Contains(key.Namespace+key.Name, "/")) {
			t.Errorf("%q reads as %s%s", uri, key, selector)
		}
	})
}

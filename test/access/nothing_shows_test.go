package access

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// changing is what differs between two answers to the same request though nothing changed: sealed cursors.
var changing = regexp.MustCompile(`(nextCursor\\*": ?\\*")[^"\\]+|cursor=[^ "\\]+`)

// TestNothingShowsOfOthers has somebody else's namespace change in every way, and expects each answer to be byte for byte what
// it was before, to callers who may read nothing there: by no count, order, cursor, completion or suggestion can they tell.
func TestNothingShowsOfOthers(t *testing.T) {
	w := getWorld(t)
	witness, err := w.newCaller(t.Context(), "witness", testenv.TokenOptions{}, testenv.Grant{Verbs: everyVerb})
	require.NoError(t, err)
	reader, err := w.newCaller(t.Context(), "reader-of-red", testenv.TokenOptions{}, testenv.Grant{Namespace: red, Verbs: []string{"get", "list"}})
	require.NoError(t, err)
	nobody, err := w.newCaller(t.Context(), "reader-of-nothing", testenv.TokenOptions{})
	require.NoError(t, err)
	w.waitForRights(t, witness)
	w.waitForRights(t, reader)
	askAll := func() map[string]string {
		found := map[string]string{}
		for _, c := range []*caller{reader, nobody} {
			for _, endpoint := range endpoints {
				for _, s := range slices.Concat(listSurfaces, getSurfaces) {
					for _, a := range []target{{endpoint, red, handover}, {endpoint, blue, handover}, {endpoint, blue, "new"}} {
						reply := w.ask(t, c, endpoint, s.request(a))
						found[fmt.Sprintf("%s: %s of %s at /mcp/%s", c.name, s.name, a.id(), endpoint)] = changing.ReplaceAllString(reply.Body, "${1}CURSOR")
						if !s.named {
							break
						}
					}
				}
			}
		}
		return found
	}
	first := askAll()
	if diff := cmp.Diff(first, askAll()); diff != "" {
		t.Errorf("answers differ though nothing changed (-first +second)\n%s", diff)
	}
	for _, name := range []string{"new", "another", "third"} {
		added := newPrompt(blue, name)
		added.Spec.Tags = []string{"incident", "new-of-" + blue}
		require.NoError(t, w.api.Create(t.Context(), added))
	}
	require.NoError(t, w.api.Delete(t.Context(), newPrompt(blue, greeting)))
	require.NoError(t, w.waitUntilPublished(t.Context()))
	require.Eventually(t, func() error {
		for range w.Endpoints {
			if body := w.ask(t, witness, blue, transporttest.Request{RPC: "prompts/list"}).Body; strings.Contains(body, greeting) || !strings.Contains(body, "third") {
				return fmt.Errorf("the change does not show to who may read it: %s", body)
			}
		}
		return nil
	})
	second := askAll()
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("answers differ after a change they must not tell of (-before +after)\n%s", diff)
	}
	t.Logf("%d answers are the same before and after", len(second))
	for _, name := range []string{"new", "another", "third"} {
		require.NoError(t, w.api.Delete(t.Context(), newPrompt(blue, name)))
	}
	require.NoError(t, w.api.Create(t.Context(), newPrompt(blue, greeting)))
	require.NoError(t, w.waitUntilPublished(t.Context()))
	require.Eventually(t, func() error { return w.checkListed(t, witness, blue) })
}

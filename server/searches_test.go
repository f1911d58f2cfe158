package server

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestRun_DeletedBesideSearches: a prompt deleted while a hundred callers search is gone on both servers, and no search that
// is refused says that the store is away.
func TestRun_DeletedBesideSearches(t *testing.T) {
	t.Parallel()
	author := catalogtest.NewAuthor(t)
	author.Publish(plainKey, catalogtest.Text("Hello."))
	const words = "alpha beta gamma delta epsilon zeta eta theta "
	for i := range 100 {
		author.Publish(store.Key{Namespace: "it", Name: fmt.Sprintf("long-%d", i)}, catalogtest.Text(strings.Repeat(words, 200)))
	}
	asServer := pgtest.AsServerRole(t, author.Owner)
	servers := []*running{serving(t, asServer), serving(t, asServer)}
	for _, s := range servers {
		require.Until(t, "ready", func() bool { return s.ready(t) })
		same(t, "Hello.", s.Send(t, getPrompt("it.greeting", nil)).Text(t))
	}
	const callers = 100
	var searches sync.WaitGroup
	answers := make(chan string, callers)
	for i := range callers {
		searches.Go(func() {
			answers <- servers[i%2].Send(t, callTool("search_prompts", map[string]any{"query": words, "limit": 5})).Body
		})
	}
	author.Delete(plainKey)
	deleted := time.Now()
	for i, s := range servers {
		require.Until(t, "the deleted prompt is gone", func() bool {
			return strings.Contains(s.Send(t, getPrompt("it.greeting", nil)).Failure(t), "no such prompt")
		})
		t.Logf("gone on server %d after %s, with %d of %d searches answered", i, time.Since(deleted), len(answers), callers)
	}
	searches.Wait()
	close(answers)
	for answer := range answers {
		if strings.Contains(answer, "the store is away") || !strings.Contains(answer, "long-") && !strings.Contains(answer, "too many searches") && !strings.Contains(answer, "too broad") {
			t.Errorf("a search is answered %.300s", answer)
		}
	}
}

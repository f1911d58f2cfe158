package catalog

import (
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// TestOnRevision: whoever keeps up with the feed is told when it is first read, when it advances without a prompt having changed, and
// when it is another one.
func TestOnRevision(t *testing.T) {
	t.Parallel()
	source := catalogtest.New()
	c := New(source, Options{PollEvery: 5 * time.Millisecond})
	told := make(chan bool, 100)
	c.OnRevision(func(startedOver bool) { told <- startedOver })
	runFollowFeed(t, c)
	wait := func(what string, startedOver bool) {
		t.Helper()
		require.Until(t, what, func() bool {
			select {
			case got := <-told:
				return got == startedOver
			default:
				return false
			}
		})
	}
	wait("the first read", true)
	source.Publish(store.Key{Namespace: "it", Name: "one"}, "one")
	wait("a later revision", false)
	// The revision of a connection: no prompt changed with it.
	source.Restore(store.Feed{Epoch: 1, Revision: 7})
	wait("a revision without a prompt", false)
	source.Restore(store.Feed{Epoch: 2, Revision: 7})
	wait("another database", true)
}

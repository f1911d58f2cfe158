package servicedesk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// eventually waits until something is said.
func eventually(t testing.TB, want string, say func() string) {
	t.Helper()
	require.Eventually(t, func() error {
		if got := say(); got != want {
			return fmt.Errorf("it says %q, want %q", got, want)
		}
		return nil
	})
}

// eventuallyCalled waits until a call of a tool says something: a replica hears of a change by the feed.
func eventuallyCalled(t testing.TB, r *replica, name string, arguments map[string]any, want string) {
	t.Helper()
	eventually(t, want, func() string {
		reply := r.Send(t, transporttest.CallTool(name, arguments))
		if !strings.Contains(reply.Body, `"content"`) {
			return reply.Failure(t)
		}
		return r.call(name, arguments).Text
	})
}

func containsSubstring(text, part string) bool { return strings.Contains(text, part) }

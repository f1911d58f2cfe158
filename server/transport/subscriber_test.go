package transport

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/mark3labs/mcp-go/mcp"
)

// TestSubscriber_KeepsOneUpdatePending at most: what changes faster than a client reads is told once.
func TestSubscriber_KeepsOneUpdatePending(t *testing.T) {
	t.Parallel()
	h := New(Config{Server: Server{}})
	one := h.subscriptions.openConnection(t.Context(), "")
	one.setFilter(mcp.SubscriptionFilter{PromptsListChanged: true, ResourceSubscriptions: []string{"prompt://a/a", "prompt://b/b"}})
	everybody := func(context.Context, string) (bool, error) { return true, nil }
	for range 10_000 {
		h.NotifyPromptsChanged(everybody)
		h.NotifyResourceUpdated("prompt://a/a", everybody)
		h.NotifyResourceUpdated("prompt://b/b", everybody)
	}
	want := []mcp.JSONRPCNotification{
		newNotification(mcp.MethodNotificationPromptsListChanged, nil),
		newNotification(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": "prompt://a/a"}),
		newNotification(mcp.MethodNotificationResourceUpdated, map[string]any{"uri": "prompt://b/b"}),
	}
	if diff := cmp.Diff(want, one.drain()); diff != "" {
		t.Errorf("told (-want +got)\n%s", diff)
	}
	if left := one.drain(); left != nil {
		t.Errorf("told again: %v", left)
	}
}

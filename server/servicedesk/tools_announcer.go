package servicedesk

import (
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport"
)

// ToolListeners are the open streams that follow the list of tools. *transport.Handler has them. Both report whether for one of them it
// was undecided whether it is concerned.
type ToolListeners interface {
	NotifyToolsChanged(concerned transport.Audience) (owed bool)
	// NotifyOwedTools tells those for whom it was undecided.
	NotifyOwedTools(concerned transport.Audience) (owed bool)
}

// toolsAnnouncer tells clients that they may be offered other tools than before. It is used by the goroutine of Follow.
type toolsAnnouncer struct {
	service   *Service
	listeners ToolListeners
	// owed are the connections of which it was undecided for a stream whether it may hear of them.
	owed []store.Key
}

// announce tells of changed connections, and again of those that are owed. It reports whether it is to be called again soon.
func (a *toolsAnnouncer) announce(changed []store.Key) (owed bool) {
	if a.listeners == nil {
		return false
	}
	if len(a.owed) > 0 && !a.listeners.NotifyOwedTools(a.service.usersOf(a.owed)) {
		a.owed = nil
	}
	if len(changed) > 0 && a.listeners.NotifyToolsChanged(a.service.usersOf(changed)) {
		a.owed = append(a.owed, changed...)
	}
	return len(a.owed) > 0
}

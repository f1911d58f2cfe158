package prompts

import (
	"context"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// usesSince is how far back uses are counted. shownUses is how many versions are shown, and shownCallers how many callers of each.
	usesSince    = 30 * 24 * time.Hour
	shownUses    = 20
	shownCallers = 3
	// usesTimeout leaves the rest of the statistics time to be answered.
	usesTimeout = 3 * time.Second
)

// PromptUses knows which versions of prompts were used, by whom. *postgres.Store does, of the audit.
type PromptUses interface {
	CountPromptUses(ctx context.Context, q store.PromptUseQuery) ([]store.PromptUse, error)
}

// versionUse is how often a version of a prompt was fetched or rendered in the last 30 days.
type versionUse struct {
	Prompt  string           `json:"prompt"`
	Version int64            `json:"version"`
	Digest  string           `json:"digest"`
	Uses    int64            `json:"uses"`
	Callers map[string]int64 `json:"callers"`
	// OtherCallers is how many there are beside those.
	OtherCallers int64  `json:"otherCallers,omitempty"`
	LastUsed     string `json:"lastUsed"`
}

// countUses returns which versions were used most, where the caller may see that. Statistics are answered without, where that cannot be
// found out now.
func (s *Service) countUses(ctx context.Context) []versionUse {
	if s.uses == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, usesTimeout)
	defer cancel()
	scope, err := audit.ReviewPrompts(ctx, s.authorizer, transport.FromContext(ctx).Namespace, s.catalog.ListNamespaces)
	if err != nil || !scope.All && len(scope.Namespaces) == 0 {
		return nil
	}
	uses, err := s.uses.CountPromptUses(ctx, store.PromptUseQuery{
		Scope: scope, Since: time.Now().Add(-usesSince), Versions: shownUses, Callers: shownCallers,
	})
	if err != nil {
		s.log.WarnContext(ctx, "Uses of prompts cannot be counted now", "err", err)
		return nil
	}
	shown := make([]versionUse, len(uses))
	for i, use := range uses {
		shown[i] = versionUse{
			Prompt: use.Key.String(), Version: use.Version, Digest: string(use.Digest), Uses: use.Uses, Callers: map[string]int64{},
			OtherCallers: use.AllCallers - int64(len(use.Callers)), LastUsed: use.LastUsed.UTC().Format(time.RFC3339),
		}
		for _, caller := range use.Callers {
			shown[i].Callers[caller.Subject] = caller.Uses
		}
	}
	return shown
}

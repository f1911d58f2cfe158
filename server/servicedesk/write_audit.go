package servicedesk

import (
	"context"
	"time"
)

// auditRetry is when a write that the audit had no room for may be tried again.
const auditRetry = 30 * time.Second

// syncAudit has what was audited so far survive the machine, before something is written to ServiceDesk Plus. Its error refuses the
// write: nobody would learn of it.
func (s *Service) syncAudit(ctx context.Context) error {
	if s.audit == nil {
		return nil
	}
	err := s.audit.Sync()
	if err == nil {
		return nil
	}
	s.log.WarnContext(ctx, "The audit cannot take a write to ServiceDesk Plus", "refused", s.auditRequired, "err", err)
	if !s.auditRequired {
		return nil
	}
	return retryLater(unavailableKind, "nothing was written, since the audit has no room to keep it; reading goes on", auditRetry)
}

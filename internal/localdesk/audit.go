package localdesk

import (
	"context"
	"errors"
	"time"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
)

// keeperProof says of a row that nobody called.
const keeperProof = "keeper"

// AuditTo has a row made of each call of a keeper, in the name of who started this program. It is called before Follow; a nil writer
// takes none.
func (s *Source) AuditTo(writer audit.Writer, subject string) {
	s.audit, s.auditActor = writer, audit.Actor{Subject: subject, Proof: keeperProof}
}

// auditCall makes a row of a call of ServiceDesk Plus.
func (p *pass) auditCall(_ context.Context, o sdp.Observation) { p.appendRow(audit.NewAPICall(&o)) }

// auditToken makes a row of a call of the accounts server.
func (p *pass) auditToken(operation string, began time.Time, failed error) {
	p.appendRow(audit.NewTokenCall(operation, began, time.Since(began), failed))
}

func (p *pass) appendRow(row *audit.APICall) {
	if p.source.audit == nil {
		return
	}
	row.Actor = p.source.auditActor
	row.Connection = audit.Connection{Namespace: p.key.Namespace, Name: p.key.Name, UID: p.row.UID}
	if err := p.source.audit.Append(row); err != nil && !errors.Is(err, audit.ErrFull) { // that is counted where it happens
		p.source.options.Log.Error("A call could not be audited", "connection", p.key.String(), "err", err)
	}
}

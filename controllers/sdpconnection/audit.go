package sdpconnection

import (
	"context"
	"errors"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
)

// controllerProof says of a row that nobody called.
const controllerProof = "controller"

// auditCall makes a row of a call of ServiceDesk Plus.
func (p *pass) auditCall(ctx context.Context, o sdp.Observation) {
	if p.Audit != nil {
		p.appendRow(ctx, audit.NewAPICall(&o))
	}
}

// auditToken makes a row of a call of the accounts server.
func (p *pass) auditToken(ctx context.Context, operation string, began time.Time, failed error) {
	if p.Audit == nil {
		return
	}
	p.appendRow(ctx, audit.NewTokenCall(operation, began, p.Clock.Now().Sub(began), failed))
}

func (p *pass) appendRow(ctx context.Context, row *audit.APICall) {
	row.Actor = audit.Actor{Subject: p.Controller, Proof: controllerProof}
	row.Connection = audit.Connection{Namespace: p.c.Namespace, Name: p.c.Name, UID: string(p.c.UID)}
	if err := p.Audit.Append(row); err != nil && !errors.Is(err, audit.ErrFull) { // that is counted where it happens
		ctrl.LoggerFrom(ctx).Error(err, "A call could not be audited")
	}
}

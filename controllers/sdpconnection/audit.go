package sdpconnection

import (
	"context"
	"errors"
	"net/http"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
)

// controllerProof says of a row that nobody called.
const controllerProof = "controller"

// auditCall makes a row of a call of ServiceDesk Plus.
func (p *pass) auditCall(ctx context.Context, o sdp.Observation) {
	if p.Audit != nil {
		p.appendRow(ctx, audit.NewAPICall(&o))
	}
}

// auditToken makes a row of a call of the accounts server, of which nothing is kept but how it ended.
func (p *pass) auditToken(ctx context.Context, operation string, began time.Time, failed error) {
	if p.Audit == nil {
		return
	}
	row := &audit.APICall{
		ID: audit.NewID(), StartedAt: began, Took: p.Clock.Now().Sub(began), Operation: operation, Method: http.MethodPost,
		Template: "accounts server", Attempt: 1, Status: http.StatusOK, Outcome: audit.OutcomeSuccess,
	}
	if failed != nil {
		row.Outcome, row.Status, row.ErrorKind = audit.OutcomeError, 0, "unavailable"
	}
	if known, is := errors.AsType[*oauth.Error](failed); is {
		row.Status, row.ErrorKind = known.Status, string(known.Outcome)
		switch {
		case known.Outcome == oauth.AccessDenied:
			row.Outcome = audit.OutcomeThrottled
		case known.Outcome == oauth.Unanswered, known.Outcome == oauth.Unavailable:
			row.Outcome = audit.OutcomeIndeterminate // a token may have been issued
		case !known.Outcome.IsTransient():
			row.Outcome = audit.OutcomeDenied
		}
	}
	p.appendRow(ctx, row)
}

func (p *pass) appendRow(ctx context.Context, row *audit.APICall) {
	row.Actor = audit.Actor{Subject: p.Controller, Proof: controllerProof}
	row.Connection = audit.Connection{Namespace: p.c.Namespace, Name: p.c.Name, UID: string(p.c.UID)}
	if err := p.Audit.Append(row); err != nil && !errors.Is(err, audit.ErrFull) { // that is counted where it happens
		ctrl.LoggerFrom(ctx).Error(err, "A call could not be audited")
	}
}

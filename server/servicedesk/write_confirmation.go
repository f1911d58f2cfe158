package servicedesk

import (
	"context"
	"errors"

	"github.com/lectern-dev/lectern/server/tool"
)

// risk is why a person is asked before a write, as spec.access.confirm decides.
type risk int

// The risks.
const (
	// noRisk is asked for under Always alone.
	noRisk risk = iota
	// destructive is asked for under Destructive and Always: closing and cancelling, bulk changes, the trash, notes that requesters see.
	destructive
	// reachesRequester is asked for as destructive is, and under Never, too, where spec.access.requesterVisible is Deny: resolution, closure
	// comments and what says why a ticket is changed, which a requester may read.
	reachesRequester
)

// What spec.access says of confirmation.
const (
	confirmAlways        = "Always"
	confirmDestructive   = "Destructive"
	confirmByElicitation = "Elicitation"
	visibleAllowed       = "Allow"
)

// needsConfirmation reports whether a write of some risk is confirmed first.
func (d *desk) needsConfirmation(r risk) bool {
	switch d.Access.Confirm {
	case confirmAlways:
		return true
	case confirmDestructive:
		return r != noRisk
	}
	return r == reachesRequester && d.Access.RequesterVisible != visibleAllowed
}

// sayConfirmed says that a write has to be confirmed, and by which fields: who opens one of two alone is asked as before.
func (d *desk) sayConfirmed(r risk) string {
	if r == reachesRequester && d.Access.Confirm != confirmAlways && d.Access.RequesterVisible != visibleAllowed {
		return "the requester may read this, so it has to be confirmed (spec.access.confirm, spec.access.requesterVisible)"
	}
	return "this has to be confirmed (spec.access.confirm)"
}

// confirmWrite has a write be confirmed where it has to be: by a person, where the client can ask one, or else by the plan of a dry run, where
// the connection takes that. A dry run gets the plan.
func (d *desk) confirmWrite(ctx context.Context, w *write, r *writeRequest) error {
	if r.shown != nil {
		r.question.Shown = joinShown(r.shown)
	}
	needed, takesPlans := d.needsConfirmation(r.risk), d.Access.ConfirmBy != confirmByElicitation
	if needed && len(r.question.Message) > askedInAll {
		return tool.NewInvalid("this is more than can be shown to who confirms it: write less in one call")
	}
	if w.isDry {
		if !needed || !takesPlans {
			return nil
		}
		sealed, err := d.makePlan(w, r)
		w.plan, w.question = sealed, r.question.Message
		return err
	}
	if needed {
		confirmed, err := tool.Confirm(ctx, r.question)
		if err == nil {
			w.intent.Nonce = confirmed.Nonce
			return nil
		}
		if !errors.Is(err, tool.ErrCannotAsk) {
			return err
		}
		if !takesPlans {
			return tool.NewForbidden("connection %s wants a person to confirm this, and your client asks none (spec.access.confirmBy); use a client with elicitation, or ask a technician", d.key)
		}
		if r.plan == nil {
			return tool.NewInvalid("%s: call with dry_run=true, show what it says, and call again with the plan that it returns", d.sayConfirmed(r.risk))
		}
	}
	if r.plan == nil {
		return nil
	}
	nonce, err := d.readPlan(ctx, w, r)
	w.intent.Nonce = nonce
	return err
}

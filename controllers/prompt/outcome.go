package prompt

import (
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// outcomeOf maps an error to an outcome: what only a person can cure is Blocked, what a watch will cure is Waiting,
// everything else is retried.
func (r *Reconciler) outcomeOf(err error) status.Outcome {
	_, foreign := errors.AsType[*store.ForeignClusterError](err)
	_, fenced := errors.AsType[*store.FencedError](err)
	if includes, is := errors.AsType[*prompt.IncludeError](err); is && includes.Fault == prompt.IncludeMissing {
		return status.Waiting(v1alpha1.ReasonIncludeMissing, err.Error()).RequeueAfter(waitingRequeue)
	}
	if reason := promptobject.ReasonFor(err); reason != "" {
		return status.Blocked(reason, err.Error()).RequeueAfter(r.Resync)
	}
	switch {
	case foreign:
		return status.Blocked(v1alpha1.ReasonForeignCluster, err.Error()).RequeueAfter(waitingRequeue) // cured outside the cluster
	case errors.Is(err, store.ErrSchemaBehind):
		return status.Retry(v1alpha1.ReasonSchemaBehind, "the database schema is older than this controller; run `lectern migrate`", err)
	case errors.Is(err, store.ErrUnavailable):
		return status.Retry(v1alpha1.ReasonStoreUnavailable, "the database cannot be reached; what is served stays as it was, trying again", err)
	case fenced, errors.Is(err, store.ErrFragmentsMoved):
		return status.Retry(v1alpha1.ReasonContended, "other changes came first; trying again", err)
	default:
		return status.Retry(v1alpha1.ReasonUnexpected, "an unexpected error, which the controller's log tells; trying again", err)
	}
}

// suspendedOutcome returns the outcome of an object that asks not to be published.
func suspendedOutcome(p *v1alpha1.Prompt) status.Outcome {
	if p.Status.Version == 0 {
		return status.Blocked(v1alpha1.ReasonSuspended, "spec.suspend is set, and nothing of this object was published")
	}
	return status.Ready(v1alpha1.ReasonSuspended, "spec.suspend is set; what is live stays live")
}

func publishedMessage(live store.Published) string {
	said := fmt.Sprintf("serving version %d", live.Served)
	if live.Served != live.Version {
		said += fmt.Sprintf("; the newest is %d", live.Version)
	}
	if len(live.Copies) > 0 {
		said += "; withdrawn text is still in versions of " + excerpt.List(live.Copies, ", ")
	}
	return said
}

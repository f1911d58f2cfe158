package prompt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// outcomeOf says what an error means for the object. What only a person can cure is Blocked, what a
// watch will cure is Waiting, everything else is tried again.
func (r *Reconciler) outcomeOf(err error) status.Outcome {
	var (
		template *prompt.TemplateError
		spec     *prompt.SpecError
		limit    *prompt.LimitError
		missing  *prompt.MissingError
		cycle    *cycleError
		refused  *store.RefusedError
		foreign  *store.ForeignClusterError
		fenced   *store.FencedError
	)
	blocked := func(reason string) status.Outcome {
		return status.Blocked(reason, err.Error()).Again(r.Resync)
	}
	switch {
	case errors.As(err, &template):
		return blocked(v1alpha1.ReasonInvalidTemplate)
	case errors.As(err, &spec):
		return blocked(v1alpha1.ReasonInvalidSpec)
	case errors.As(err, &limit):
		return blocked(v1alpha1.ReasonLimitExceeded)
	case errors.As(err, &cycle):
		return blocked(v1alpha1.ReasonIncludeCycle)
	case errors.As(err, &refused):
		return blocked(v1alpha1.ReasonStoreRefused)
	case errors.As(err, &foreign):
		return status.Blocked(v1alpha1.ReasonForeignCluster, err.Error()).Again(recheck) // cured outside the cluster
	case errors.As(err, &missing):
		return status.Waiting(v1alpha1.ReasonIncludeMissing, err.Error()).Again(recheck)
	case errors.Is(err, store.ErrBehind):
		return status.Retry(v1alpha1.ReasonSchemaBehind, "the database schema is older than this controller; run `lectern migrate`", err)
	case errors.Is(err, store.ErrUnavailable):
		return status.Retry(v1alpha1.ReasonStoreUnavailable, "the database cannot be reached; what is served stays as it was, trying again", err)
	case errors.Is(err, store.ErrFragmentsMoved), errors.As(err, &fenced):
		return status.Retry(v1alpha1.ReasonContended, "other changes came first; trying again", err)
	default:
		return status.Retry(v1alpha1.ReasonUnexpected, "an unexpected error, which the controller's log tells; trying again", err)
	}
}

// suspended is the outcome of an object that asks not to be published.
func suspended(p *v1alpha1.Prompt) status.Outcome {
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
		said += "; withdrawn text is still in versions of " + list(live.Copies)
	}
	return said
}

func missingMessage(live store.Published) string {
	rules := make([]string, 0, len(live.Missing))
	for _, m := range live.Missing {
		rules = append(rules, fmt.Sprintf("channel %s asks for version %d", m.Name, m.Version))
	}
	there := make([]string, 0, len(live.Available))
	for _, v := range live.Available {
		there = append(there, strconv.FormatInt(v, 10))
	}
	return fmt.Sprintf("%s, which is not stored; stored are %s", list(rules), list(there))
}

func inUseMessage(inUse []store.VersionInUse) string {
	reasons := make([]string, 0, len(inUse))
	for _, v := range inUse {
		if v.By == "" {
			reasons = append(reasons, fmt.Sprintf("version %d is what the spec still says: change the text first", v.Version))
		} else {
			reasons = append(reasons, fmt.Sprintf("version %d is included by %s with @%d: change that include first", v.Version, v.By, v.Version))
		}
	}
	return "nothing was withdrawn: " + strings.Join(reasons, "; ")
}

func list(words []string) string { return strings.Join(words, ", ") }

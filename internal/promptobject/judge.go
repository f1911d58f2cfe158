package promptobject

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// CycleError says that a prompt includes itself, and how.
type CycleError struct{ Path []string }

func (e *CycleError) Error() string {
	return fmt.Sprintf("includes form a cycle: %s; remove one of them", strings.Join(e.Path, " → "))
}

// JudgeIncludes refuses cycles and depth on the graph of names, before anything is read from a store. A pin
// counts as its name. includes gives the names another prompt of the namespace includes as its manifest is now,
// published or not; it is asked at most once for each.
func JudgeIncludes(name string, spec prompt.Spec, includes func(name string) []string) error {
	own := IncludedNames(spec)
	if len(own) == 0 {
		return nil
	}
	known := map[string][]string{name: own}
	edges := func(of string) []string {
		names, ok := known[of]
		if !ok {
			names = includes(of)
			known[of] = names
		}
		return names
	}
	if path := prompt.Cycle(name, edges); path != nil {
		return &CycleError{Path: path}
	}
	if depth := prompt.Depth(name, edges); depth > prompt.MaxDepth {
		return &prompt.LimitError{Problem: fmt.Sprintf(
			"includes are nested %d deep, and at most %d are allowed", depth, prompt.MaxDepth)}
	}
	return nil
}

// IncludedNames are the names a spec includes. One that does not parse includes nothing: it cannot
// be published either.
func IncludedNames(spec prompt.Spec) []string {
	refs, err := prompt.References(spec)
	if err != nil {
		return nil
	}
	seen := map[string]bool{}
	var names []string
	for _, ref := range refs {
		if !seen[ref.Name] {
			seen[ref.Name] = true
			names = append(names, ref.Name)
		}
	}
	return names
}

// ReasonFor is the reason a manifest is not published with, when the error is one only its author can cure, else empty.
func ReasonFor(err error) string {
	var (
		template *prompt.TemplateError
		spec     *prompt.SpecError
		limit    *prompt.LimitError
		cycle    *CycleError
		refused  *store.UnstorableValueError
	)
	switch {
	case errors.As(err, &template):
		return v1alpha1.ReasonInvalidTemplate
	case errors.As(err, &spec):
		return v1alpha1.ReasonInvalidSpec
	case errors.As(err, &limit):
		return v1alpha1.ReasonLimitExceeded
	case errors.As(err, &cycle):
		return v1alpha1.ReasonIncludeCycle
	case errors.As(err, &refused):
		return v1alpha1.ReasonStoreRefused
	default:
		return ""
	}
}

// Suspended is the reason of a manifest that asks not to be published.
const Suspended = v1alpha1.ReasonSuspended

// UnmetReason says what a manifest asks for and did not get though it was published; both are empty when that is nothing.
func UnmetReason(live store.Published) (reason, message string) {
	switch {
	case len(live.InUse) > 0:
		return v1alpha1.ReasonVersionInUse, versionInUseMessage(live.InUse)
	case len(live.Missing) > 0:
		return v1alpha1.ReasonChannelVersionMissing, channelVersionMissingMessage(live)
	default:
		return "", ""
	}
}

func channelVersionMissingMessage(live store.Published) string {
	rules := make([]string, 0, len(live.Missing))
	for _, m := range live.Missing {
		rules = append(rules, fmt.Sprintf("channel %s asks for version %d", m.Name, m.Version))
	}
	there := make([]string, 0, len(live.Available))
	for _, v := range live.Available {
		there = append(there, strconv.FormatInt(v, 10))
	}
	return fmt.Sprintf("%s, which is not stored; stored are %s", strings.Join(rules, ", "), strings.Join(there, ", "))
}

func versionInUseMessage(inUse []store.VersionInUse) string {
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

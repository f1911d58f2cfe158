package promptobject

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// ReasonFor gives the reason an object is not published with, when the error is one that is cured by changing an
// object, this one or one it includes, else "".
func ReasonFor(err error) string {
	if includes, is := errors.AsType[*prompt.IncludeError](err); is {
		switch includes.Fault {
		case prompt.IncludeCycle:
			return v1alpha1.ReasonIncludeCycle
		case prompt.IncludeTooDeep:
			return v1alpha1.ReasonLimitExceeded
		default:
			return v1alpha1.ReasonIncludeMissing
		}
	}
	if _, is := errors.AsType[*prompt.TemplateError](err); is {
		return v1alpha1.ReasonInvalidTemplate
	}
	if _, is := errors.AsType[*prompt.SpecError](err); is {
		return v1alpha1.ReasonInvalidSpec
	}
	if _, is := errors.AsType[*prompt.LimitError](err); is {
		return v1alpha1.ReasonLimitExceeded
	}
	if _, is := errors.AsType[*store.UnstorableValueError](err); is {
		return v1alpha1.ReasonStoreRefused
	}
	return ""
}

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
	return fmt.Sprintf("%s, which is not stored; stored are %s", excerpt.List(rules, ", "), excerpt.List(there, ", "))
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
	return "nothing was withdrawn: " + excerpt.List(reasons, "; ")
}

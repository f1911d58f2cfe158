package promptobject

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestReasonFor(t *testing.T) {
	for want, err := range map[string]error{
		v1alpha1.ReasonInvalidTemplate: &prompt.TemplateError{},
		v1alpha1.ReasonInvalidSpec:     &prompt.SpecError{},
		v1alpha1.ReasonLimitExceeded:   &prompt.LimitError{},
		v1alpha1.ReasonIncludeCycle:    &prompt.IncludeError{Fault: prompt.IncludeCycle},
		v1alpha1.ReasonIncludeMissing:  &prompt.IncludeError{Fault: prompt.IncludeMissing},
		v1alpha1.ReasonStoreRefused:    &store.UnstorableValueError{},
		"":                             store.ErrUnavailable,
	} {
		if got := ReasonFor(fmt.Errorf("publish: %w", err)); got != want {
			t.Errorf("the reason for %T is %q, want %q", err, got, want)
		}
	}
	tooDeep := &prompt.IncludeError{Fault: prompt.IncludeTooDeep}
	if got := ReasonFor(tooDeep); got != v1alpha1.ReasonLimitExceeded {
		t.Errorf("the reason for includes nested too deep is %q", got)
	}
}

func TestUnmetReason(t *testing.T) {
	for name, tc := range map[string]struct {
		live store.Published
		want [2]string
	}{
		"nothing": {store.Published{Version: 1}, [2]string{}},
		"a version in use": {
			store.Published{InUse: []store.VersionInUse{{Version: 3}, {Version: 1, By: "dependent"}}, Missing: []store.ChannelRule{{Name: "beta", Version: 9}}},
			[2]string{v1alpha1.ReasonVersionInUse, "nothing was withdrawn: version 3 is what the spec still says: change the text first; version 1 is included by dependent with @1: change that include first"},
		},
		"a channel without its version": {
			store.Published{Missing: []store.ChannelRule{{Name: "beta", Version: 9}, {Name: "production", Version: 8}}, Available: []int64{2, 1}},
			[2]string{v1alpha1.ReasonChannelVersionMissing, "channel beta asks for version 9, channel production asks for version 8, which is not stored; stored are 2, 1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			reason, message := UnmetReason(tc.live)
			if diff := cmp.Diff(tc.want, [2]string{reason, message}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

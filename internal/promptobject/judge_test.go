package promptobject

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestJudgeIncludes(t *testing.T) {
	including := func(names ...string) prompt.Spec {
		text := "x"
		for _, name := range names {
			text += "{{> " + name + "@1}}{{> " + name + "}}"
		}
		return prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: text}}}
	}
	others := map[string][]string{
		"leaf": nil, "back": {"own"}, "other": {"other"}, "a": {"b"}, "b": {"c"}, "c": {"d"}, "d": {"e"}, "e": {"f"},
	}
	for name, tc := range map[string]struct {
		spec prompt.Spec
		want string
	}{
		"nothing":                        {including(), ""},
		"a leaf":                         {including("leaf"), ""},
		"itself":                         {including("own"), "includes form a cycle: own → own; remove one of them"},
		"itself through another":         {including("leaf", "back"), "includes form a cycle: back → own → back; remove one of them"},
		"a cycle it is no member of":     {including("other"), ""},
		"too deep":                       {including("a"), "includes are nested 6 deep, and at most 5 are allowed"},
		"deep enough":                    {including("b"), ""},
		"what does not parse":            {prompt.Spec{Messages: []prompt.Message{{Role: prompt.User, Text: "{{> own}} {{"}}}, ""},
		"what is Plain includes nothing": {prompt.Spec{Syntax: prompt.Plain, Messages: []prompt.Message{{Role: prompt.User, Text: "{{> own}}"}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			asked := map[string]int{}
			err := JudgeIncludes("own", tc.spec, func(name string) []string { asked[name]++; return others[name] })
			if got := fmt.Sprint(err); got != tc.want && (err != nil || tc.want != "") {
				t.Errorf("got %s, want %q", got, tc.want)
			}
			for name, times := range asked {
				if times > 1 {
					t.Errorf("%s was asked for %d times", name, times)
				}
			}
		})
	}
}

func TestFault(t *testing.T) {
	for want, err := range map[string]error{
		v1alpha1.ReasonInvalidTemplate: &prompt.TemplateError{},
		v1alpha1.ReasonInvalidSpec:     &prompt.SpecError{},
		v1alpha1.ReasonLimitExceeded:   &prompt.LimitError{},
		v1alpha1.ReasonIncludeCycle:    &CycleError{},
		v1alpha1.ReasonStoreRefused:    &store.UnstorableValueError{},
		"":                             errors.Join(store.ErrUnavailable, &prompt.MissingError{}),
	} {
		if got := ReasonFor(fmt.Errorf("publish: %w", err)); got != want {
			t.Errorf("fault of %T is %q, want %q", err, got, want)
		}
	}
}

func TestUnmet(t *testing.T) {
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

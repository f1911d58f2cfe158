package changes

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/store"
)

// caller is somebody whose token every key opens, and the verbs they have.
type caller []access.Verb

func (caller) Open([]byte, []byte) ([]byte, error) { return []byte("token"), nil }

func (caller) Verify(context.Context, string) (access.Identity, error) {
	return access.Identity{Subject: "anna"}, nil
}

func (c caller) VerifyAgain(ctx context.Context, token string) (access.Identity, error) {
	return c.Verify(ctx, token)
}

func (c caller) Review(_ context.Context, _ access.Identity, q access.Question) error {
	if slices.Contains(c, q.Verb) {
		return nil
	}
	return fmt.Errorf("%s: %w", q.Verb, access.ErrDenied)
}

func (c caller) ReviewAgain(ctx context.Context, identity access.Identity, q access.Question) error {
	return c.Review(ctx, identity, q)
}

func (c caller) ReviewAll(ctx context.Context, identity access.Identity, all []access.Question) []error {
	answers := make([]error, len(all))
	for i, q := range all {
		answers[i] = c.Review(ctx, identity, q)
	}
	return answers
}

func TestChanges_FindUnprovenRemoval(t *testing.T) {
	t.Parallel()
	channelled := &v1alpha1.Prompt{Spec: v1alpha1.PromptSpec{Channels: []v1alpha1.Channel{{Name: "production"}}}}
	refused := change.NewRefusal(store.ReasonForbidden, "prompt support/greeting has channels, which a deletion removes; you may not promote prompt support/greeting; "+
		"ask for the verb promote on prompts.lectern.dev in namespace support; nothing was written")
	for name, tc := range map[string]struct {
		caller   caller
		action   store.Action
		object   *v1alpha1.Prompt
		unproven bool
		want     *change.Rejection
	}{
		"a prompt with channels":                 {caller: caller{access.Delete}, action: store.ActionDelete, object: channelled, want: refused},
		"one with channels, by who may promote":  {caller: caller{access.Delete, access.Promote}, action: store.ActionDelete, object: channelled},
		"one without":                            {caller: caller{access.Delete}, action: store.ActionDelete, object: &v1alpha1.Prompt{}},
		"none at all":                            {caller: caller{access.Delete}, action: store.ActionDelete},
		"an edit of one with channels":           {caller: caller{access.Patch}, action: store.ActionUpdate, object: channelled},
		"where requests are taken without proof": {action: store.ActionDelete, object: channelled, unproven: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := &Changes{AllowUnproven: tc.unproven, Prover: &Prover{
				Keys: tc.caller, Verifier: tc.caller, Reviewer: tc.caller, IsForUsAlone: func(string) bool { return true },
			}}
			request := &store.OpenChange{ChangeRequest: store.ChangeRequest{
				Key: store.Key{Namespace: "support", Name: "greeting"}, Action: tc.action, Subject: "anna",
			}}
			request.Seal.Sealed = []byte("sealed")
			got, err := c.findUnprovenRemoval(t.Context(), request, tc.object)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

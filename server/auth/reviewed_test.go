package auth_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
)

// roles is a Reviewer that allows what is written down, and answers so many questions.
type roles struct {
	allowed map[access.Question]bool
	// unavailable are the namespaces for which nobody answers.
	unavailable []string
	left        int
	asked       []access.Question
}

func (r *roles) Review(_ context.Context, _ access.Identity, question access.Question) error {
	r.asked = append(r.asked, question)
	switch r.left--; {
	case r.left < 0:
		return access.ErrReviewsSpent
	case slices.Contains(r.unavailable, question.Namespace):
		return fmt.Errorf("a secret place: %w", access.ErrUnavailable)
	case !r.allowed[question]:
		return access.ErrDenied
	}
	return nil
}

func (r *roles) ReviewAll(ctx context.Context, identity access.Identity, questions []access.Question) []error {
	answers := make([]error, len(questions))
	for i, question := range questions {
		answers[i] = r.Review(ctx, identity, question)
	}
	return answers
}

func (r *roles) ReviewAgain(ctx context.Context, identity access.Identity, question access.Question) error {
	return r.Review(ctx, identity, question)
}

func TestReviewed_Authorize(t *testing.T) {
	t.Parallel()
	key := store.Key{Namespace: "support", Name: "handover"}
	for verb, want := range map[auth.Verb]access.Question{
		auth.Get:     {Verb: "get", Resource: "prompts", Namespace: "support", Name: "handover"},
		auth.Patch:   {Verb: "patch", Resource: "prompts", Namespace: "support", Name: "handover"},
		auth.Delete:  {Verb: "delete", Resource: "prompts", Namespace: "support", Name: "handover"},
		auth.Promote: {Verb: "promote", Resource: "prompts", Namespace: "support", Name: "handover"},
		auth.List:    {Verb: "list", Resource: "prompts", Namespace: "support"},
		auth.Create:  {Verb: "create", Resource: "prompts", Namespace: "support"},
		auth.Use:     {Verb: "use", Resource: "sdpconnections", Namespace: "support", Name: "handover"},
	} {
		asked := &roles{left: 2, allowed: map[access.Question]bool{want: true}}
		if err := auth.NewReviewed(asked).Authorize(t.Context(), auth.Identity{}, verb, key); err != nil {
			t.Errorf("%s: %v", verb, err)
		}
		if diff := cmp.Diff([]access.Question{want}, asked.asked); diff != "" {
			t.Errorf("%s (-want +asked)\n%s", verb, diff)
		}
		if err := auth.NewReviewed(&roles{left: 1}).Authorize(t.Context(), auth.Identity{}, verb, key); !errors.Is(err, auth.ErrDenied) {
			t.Errorf("%s denied: %v", verb, err)
		}
	}
}

func TestReviewed_VisibleNamespaces(t *testing.T) {
	t.Parallel()
	list := func(namespaces ...string) map[access.Question]bool {
		allowed := make(map[access.Question]bool)
		for _, namespace := range namespaces {
			allowed[access.Question{Verb: "list", Resource: "prompts", Namespace: namespace}] = true
		}
		return allowed
	}
	away := errors.New("away")
	for name, tc := range map[string]struct {
		roles      roles
		candidates []string
		failing    error
		want       auth.Visible
		wantErr    error
		asked      int
	}{
		"cluster-wide, and no candidate is read": {roles{allowed: list(""), left: 64}, nil, away, auth.Visible{Scope: store.Scope{All: true}}, nil, 1},
		"some":                                   {roles{allowed: list("a", "c"), left: 64}, []string{"a", "b", "c"}, nil, auth.Visible{Scope: store.Scope{Namespaces: []string{"a", "c"}}}, nil, 4},
		"none":                                   {roles{left: 64}, []string{"a", "b"}, nil, auth.Visible{}, nil, 3},
		"as far as reviews last":                 {roles{allowed: list("a", "c"), left: 3}, []string{"a", "b", "c"}, nil, auth.Visible{Scope: store.Scope{Namespaces: []string{"a"}}, UndecidedFrom: "c"}, nil, 4},
		"without any review":                     {roles{allowed: list("", "a")}, []string{"a"}, nil, auth.Visible{UndecidedFrom: "a"}, nil, 2},
		"nobody answers":                         {roles{unavailable: []string{""}, left: 64}, []string{"a"}, nil, auth.Visible{}, auth.ErrUnavailable, 1},
		"nobody answers for one":                 {roles{allowed: list("a"), unavailable: []string{"b"}, left: 64}, []string{"a", "b"}, nil, auth.Visible{}, auth.ErrUnavailable, 3},
		"candidates cannot be read":              {roles{left: 64}, nil, away, auth.Visible{}, away, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := auth.NewReviewed(&tc.roles).VisibleNamespaces(t.Context(), auth.Identity{}, func(context.Context) ([]string, error) {
				return tc.candidates, tc.failing
			})
			if !errors.Is(err, tc.wantErr) {
				t.Errorf("error %v, want %v", err, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if len(tc.roles.asked) != tc.asked {
				t.Errorf("asked %d questions, want %d", len(tc.roles.asked), tc.asked)
			}
		})
	}
}

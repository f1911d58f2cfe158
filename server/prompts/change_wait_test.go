package prompts

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

// fakeChanges is a taker of changes whose requests come to their end at a time, which no database does.
type fakeChanges struct {
	Changes
	began time.Time
	ends  map[string]time.Duration

	mu sync.Mutex
	// asked are the ids of each look, by subject.
	asked []map[string][]string
	away  bool
}

func (tt *fakeChanges) ChangeOutcomes(_ context.Context, subject string, ids []string) ([]store.ChangeOutcome, error) {
	tt.mu.Lock()
	defer tt.mu.Unlock()
	if tt.asked = append(tt.asked, map[string][]string{subject: slices.Sorted(slices.Values(ids))}); tt.away {
		return nil, store.ErrUnavailable
	}
	var outcomes []store.ChangeOutcome
	for _, id := range ids {
		outcome := store.ChangeOutcome{ID: id, State: store.ChangeApplied}
		if time.Since(tt.began) >= tt.ends[id] {
			outcome.State = store.ChangePublished
		}
		outcomes = append(outcomes, outcome)
	}
	return outcomes, nil
}

// learntOutcome is what a call that waits learns, and when.
type learntOutcome struct {
	State store.ChangeState
	After time.Duration
	Error string
}

func TestWaitForOutcome(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		ends map[string]time.Duration
		away bool
		// leaves is when callers go away.
		leaves time.Duration
		want   map[string]learntOutcome
		// looks is how often was asked.
		looks int
	}{
		"the end is learnt at the next look": {
			ends: map[string]time.Duration{"a": 250 * time.Millisecond},
			want: map[string]learntOutcome{"a": {State: store.ChangePublished, After: 300 * time.Millisecond}}, looks: 3,
		},
		"one look is for all": {
			ends: map[string]time.Duration{"a": 50 * time.Millisecond, "b": 50 * time.Millisecond, "c": 150 * time.Millisecond},
			want: map[string]learntOutcome{
				"a": {State: store.ChangePublished, After: 100 * time.Millisecond},
				"b": {State: store.ChangePublished, After: 100 * time.Millisecond},
				"c": {State: store.ChangePublished, After: 200 * time.Millisecond},
			}, looks: 2,
		},
		"what takes longer is told as it is": {
			ends: map[string]time.Duration{"a": time.Hour},
			want: map[string]learntOutcome{"a": {State: store.ChangeApplied, After: defaultOutcomeTimeout}}, looks: 100,
		},
		"a store that is away does not end the waiting": {
			ends: map[string]time.Duration{"a": 0}, away: true,
			want: map[string]learntOutcome{"a": {State: store.ChangePending, After: defaultOutcomeTimeout}}, looks: 100,
		},
		"who left waits no more": {
			ends: map[string]time.Duration{"a": time.Hour}, leaves: 450 * time.Millisecond,
			want: map[string]learntOutcome{"a": {State: store.ChangeApplied, After: 450 * time.Millisecond, Error: "context canceled"}}, looks: 4,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took := &fakeChanges{began: time.Now(), ends: tc.ends, away: tc.away}
				s := newOutcomeWaiter(took, defaultOutcomeTimeout, slog.New(slog.DiscardHandler))
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tc.leaves > 0 {
					time.AfterFunc(tc.leaves, leave)
				}
				var (
					mu      sync.Mutex
					waiting sync.WaitGroup
				)
				got := map[string]learntOutcome{}
				for id := range tc.ends {
					waiting.Go(func() {
						outcome, err := s.waitForOutcome(ctx, "anna", store.ChangeOutcome{ID: id, State: store.ChangePending}, time.Now().Add(defaultOutcomeTimeout))
						mu.Lock()
						defer mu.Unlock()
						got[id] = learntOutcome{State: outcome.State, After: time.Since(took.began), Error: errorText(err)}
					})
				}
				waiting.Wait()
				synctest.Wait()
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
				<-time.After(10 * outcomePollInterval)
				synctest.Wait()
				s.mu.Lock()
				defer s.mu.Unlock()
				took.mu.Lock()
				defer took.mu.Unlock()
				if len(took.asked) < tc.looks-1 || len(took.asked) > tc.looks || s.polling {
					t.Errorf("asked %d times, not %d, and looking is %t", len(took.asked), tc.looks, s.polling)
				}
				if first := took.asked[0]["anna"]; !slices.Equal(first, slices.Sorted(maps.Keys(tc.ends))) {
					t.Errorf("the first look was for %q", first)
				}
			})
		})
	}
}

// TestAcceptedSentence holds the words of what is pending or applied.
func TestAcceptedSentence(t *testing.T) {
	t.Parallel()
	for state, want := range map[store.ChangeState]string{
		store.ChangePending: `Change c1 for prompt "Greet" is accepted but not applied yet; ask get_prompt_change`,
		store.ChangeApplied: `Change c1 for prompt "Greet" is accepted but not published yet; ask get_prompt_change`,
	} {
		if got := acceptedSentence(store.ChangeOutcome{ID: "c1", State: state}, "Greet"); got != want {
			t.Errorf("%s: got %q, want %q", state, got, want)
		}
	}
}

// TestOutcomeError holds the words of every state of a request.
func TestOutcomeError(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		outcome store.ChangeOutcome
		want    string
	}{
		"published":   {store.ChangeOutcome{State: store.ChangePublished}, ""},
		"pending":     {store.ChangeOutcome{State: store.ChangePending}, ""},
		"applied":     {store.ChangeOutcome{State: store.ChangeApplied}, ""},
		"blocked":     {store.ChangeOutcome{State: store.ChangeBlocked, Reason: "IncludeMissing", Message: "no style"}, "ValidationError: the change is in the object, which is blocked (IncludeMissing): no style"},
		"owned":       {store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere, Message: "Argo CD keeps it"}, "OwnedElsewhereError: Argo CD keeps it"},
		"not valid":   {store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonInvalid, Message: "too many channels"}, "ValidationError: too many channels"},
		"unproven":    {store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonUnproven, Message: "no proof"}, "ForbiddenError: no proof"},
		"gone":        {store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound, Message: "x"}, "not found"},
		"there":       {store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonAlreadyExists, Message: "there"}, "ConflictError: there"},
		"superseded":  {store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonSuperseded, Message: "replaced"}, "ConflictError: replaced"},
		"interrupted": {store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonInterrupted, Message: "ended"}, "ConflictError: ended"},
		"expired":     {store.ChangeOutcome{State: store.ChangeExpired, Message: "never"}, "StorageError: never"},
	} {
		if got := errorText(outcomeError(tc.outcome)); got != tc.want {
			t.Errorf("%s: got %q, want %q", name, got, tc.want)
		}
	}
	if !errors.Is(outcomeError(store.ChangeOutcome{State: store.ChangeConflict, Reason: store.ReasonNotFound}), store.ErrNotFound) {
		t.Error("what is gone is not found")
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

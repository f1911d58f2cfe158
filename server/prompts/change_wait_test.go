package prompts

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lectern-dev/lectern/internal/store"
)

// fakeChanges is a taker of changes whose requests come to their end at a time, which no database does.
type fakeChanges struct {
	Changes
	began time.Time
	ends  map[string]time.Duration

	mu sync.Mutex
	// reads are the ids of each read that was made later than at once, by when.
	reads map[time.Duration][]string
	away  bool
}

func (f *fakeChanges) ChangeOutcomes(_ context.Context, _ string, ids []string) ([]store.ChangeOutcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if at := time.Since(f.began); at > 0 {
		f.reads[at] = append(f.reads[at], slices.Sorted(slices.Values(ids))...)
	}
	if f.away {
		return nil, store.ErrUnavailable
	}
	var outcomes []store.ChangeOutcome
	for _, id := range ids {
		outcome := store.ChangeOutcome{ID: id, State: store.ChangeApplied}
		if time.Since(f.began) >= f.ends[id] {
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

const ms = time.Millisecond

func TestWaitForOutcome(t *testing.T) {
	t.Parallel()
	everyPoll := map[time.Duration][]string{}
	for at := defaultOutcomePoll; at < defaultOutcomeTimeout; at += defaultOutcomePoll {
		everyPoll[at] = []string{"a"}
	}
	for name, tc := range map[string]struct {
		ends map[string]time.Duration
		// notified are the ids of notifications by when they come, leaves is when callers go away.
		notified map[time.Duration]string
		leaves   time.Duration
		away     bool
		want     map[string]learntOutcome
		// reads are those after the first, which is made at once.
		reads map[time.Duration][]string
	}{
		"a request that ended before anybody waited is read at once": {
			ends: map[string]time.Duration{"a": 0},
			want: map[string]learntOutcome{"a": {State: store.ChangePublished}},
		},
		"a notification is acted on when it comes": {
			ends: map[string]time.Duration{"a": 13 * ms}, notified: map[time.Duration]string{13 * ms: "a"},
			want:  map[string]learntOutcome{"a": {State: store.ChangePublished, After: 13 * ms}},
			reads: map[time.Duration][]string{13 * ms: {"a"}},
		},
		"one of another request reads nothing": {
			ends: map[string]time.Duration{"a": 13 * ms}, notified: map[time.Duration]string{5 * ms: "z", 13 * ms: "a"},
			want:  map[string]learntOutcome{"a": {State: store.ChangePublished, After: 13 * ms}},
			reads: map[time.Duration][]string{13 * ms: {"a"}},
		},
		"a connection that hears again has all read": {
			ends: map[string]time.Duration{"a": 5 * ms, "b": 5 * ms}, notified: map[time.Duration]string{20 * ms: ""},
			want: map[string]learntOutcome{
				"a": {State: store.ChangePublished, After: 20 * ms},
				"b": {State: store.ChangePublished, After: 20 * ms},
			},
			reads: map[time.Duration][]string{20 * ms: {"a", "b"}},
		},
		"a notification that is lost is made up for by the poll, which is one for all": {
			ends: map[string]time.Duration{"a": 50 * ms, "b": 50 * ms, "c": 700 * ms},
			want: map[string]learntOutcome{
				"a": {State: store.ChangePublished, After: 500 * ms},
				"b": {State: store.ChangePublished, After: 500 * ms},
				"c": {State: store.ChangePublished, After: 1000 * ms},
			},
			reads: map[time.Duration][]string{500 * ms: {"a", "b", "c"}, 1000 * ms: {"c"}},
		},
		"what takes longer is told as it is": {
			ends: map[string]time.Duration{"a": time.Hour},
			want: map[string]learntOutcome{"a": {State: store.ChangeApplied, After: defaultOutcomeTimeout}}, reads: everyPoll,
		},
		"a store that is away does not end the waiting": {
			ends: map[string]time.Duration{"a": 0}, away: true,
			want: map[string]learntOutcome{"a": {State: store.ChangePending, After: defaultOutcomeTimeout}}, reads: everyPoll,
		},
		"who left waits no more": {
			ends: map[string]time.Duration{"a": time.Hour}, leaves: 750 * ms,
			want:  map[string]learntOutcome{"a": {State: store.ChangeApplied, After: 750 * ms, Error: "context canceled"}},
			reads: map[time.Duration][]string{500 * ms: {"a"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took := &fakeChanges{began: time.Now(), ends: tc.ends, away: tc.away, reads: map[time.Duration][]string{}}
				s := newOutcomeWaiter(took, defaultOutcomeTimeout, defaultOutcomePoll, slog.New(slog.DiscardHandler))
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tc.leaves > 0 {
					time.AfterFunc(tc.leaves, leave)
				}
				for at, id := range tc.notified {
					time.AfterFunc(at, func() { s.markDue(id) })
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
					t.Errorf("learnt (-want +got)\n%s", diff)
				}
				delete(took.reads, defaultOutcomeTimeout) // the last poll and the end of the waiting are one moment
				if diff := cmp.Diff(tc.reads, took.reads, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("read (-want +got)\n%s", diff)
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.reading || len(s.waiting)+len(s.due) > 0 {
					t.Errorf("nobody waits: reading is %t, %d are waited for, %d are due", s.reading, len(s.waiting), len(s.due))
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

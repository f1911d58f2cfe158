package prompts

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

// unreachableStore stores requests and never answers again; what is asked of it hangs where hung says so.
type unreachableStore struct {
	Changes
	hung  bool
	asked []string
}

func (v *unreachableStore) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	v.asked = append(v.asked, request.ID)
	if v.hung {
		<-ctx.Done()
		return store.ChangeOutcome{}, ctx.Err()
	}
	return store.ChangeOutcome{}, store.ErrUnavailable
}

// TestStoreWithRetry: a request that may be stored is sent again as it is, and nobody is told to try another.
func TestStoreWithRetry(t *testing.T) {
	t.Parallel()
	const doubt = "StorageError: Change c1 may have been accepted: the store did not answer; ask get_prompt_change before you ask for it again"
	type learnt struct {
		Asked int
		After time.Duration
		Error string
	}
	for name, tc := range map[string]struct {
		hung, stops bool
		leaves      time.Duration
		want        learnt
	}{
		"a store that is away":                 {want: learnt{Asked: 34, After: storeTimeout, Error: doubt}},
		"a store that says nothing":            {hung: true, want: learnt{Asked: 2, After: storeTimeout, Error: doubt}},
		"a server that ends":                   {stops: true, want: learnt{Asked: 1, Error: doubt}},
		"a server that ends and hears nothing": {stops: true, hung: true, want: learnt{Asked: 1, After: attemptTimeout, Error: doubt}},
		"a caller who leaves":                  {leaves: time.Second + time.Millisecond, want: learnt{Asked: 4, After: time.Second + time.Millisecond, Error: "context canceled"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				took := &unreachableStore{hung: tc.hung}
				s := newOutcomeWaiter(took, defaultOutcomeTimeout, defaultOutcomePoll, slog.New(slog.DiscardHandler))
				if tc.stops {
					close(s.stopped)
				}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				if tc.leaves > 0 {
					time.AfterFunc(tc.leaves, leave)
				}
				began := time.Now()
				_, err := s.storeWithRetry(ctx, store.ChangeRequest{ID: "c1"})
				for _, id := range took.asked {
					if id != "c1" {
						t.Errorf("asked as %s", id)
					}
				}
				if diff := cmp.Diff(tc.want, learnt{Asked: len(took.asked), After: time.Since(began), Error: errorText(err)}); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}

package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// newSilentAsker returns one whose API server never answers. It counts the reviews that are under way.
func newSilentAsker(t testing.TB) *asker {
	t.Helper()
	a := &asker{}
	config := &rest.Config{Host: "http://127.0.0.1:1"}
	config.Wrap(func(http.RoundTripper) http.RoundTripper {
		return roundTripper(func(r *http.Request) (*http.Response, error) {
			a.reviews.Add(1)
			<-r.Context().Done()
			_, _ = io.Copy(io.Discard, r.Body)
			return nil, r.Context().Err()
		})
	})
	a.connect(t, config, nil)
	return a
}

// TestManyCallers has 1,000 callers list what they may in 50 namespaces, three times over, with what a request may ask: 100
// who may list every second one, and 900 who may list all, of whom one question is enough. (With 1,000 of the first kind it
// is 51,000 reviews, at most 51 of one request, and minutes.) The identities are made up, they need no token to be reviewed;
// RBAC and the API server are real. The clock stands still, so that nothing expires because the machine is busy.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	const callers, ofSome, namespaces, budget = 1000, 100, 50, 64
	c := sharedCluster(t)
	a := c.newAsker(t)
	a.stopped = time.Now()
	var questions []Question
	for i := range namespaces {
		questions = append(questions, Question{List, Prompts, fmt.Sprintf("many-%d", i), ""})
	}
	for i := range namespaces / 2 { // everybody may read every second one
		require.NoError(t, c.CreateNamespace(t.Context(), questions[2*i].Namespace))
		require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "readers", Namespace: questions[2*i].Namespace, Group: "many", Verbs: []string{"list"}}))
	}
	require.NoError(t, c.Grant(t.Context(), testenv.Grant{Name: "all-readers", Group: "all", Verbs: []string{"list"}}))
	identityOf := func(i int) Identity {
		group := "many"
		if i >= ofSome {
			group = "all"
		}
		return Identity{Subject: fmt.Sprintf("caller-%d", i), Groups: []string{group, "system:authenticated"}, Extra: map[string][]string{credentialID: {fmt.Sprint(time.Now())}}}
	}
	require.Eventually(t, func() error {
		missing := a.ReviewAgain(t.Context(), Identity{Subject: "first", Groups: []string{"all"}}, Question{Verb: List, Resource: Prompts})
		for i := range namespaces / 2 {
			missing = errors.Join(missing, a.ReviewAgain(t.Context(), Identity{Subject: "first", Groups: []string{"many"}}, questions[2*i]))
		}
		return missing
	})
	a.countReviews()
	for round, want := range []int32{callers + ofSome*namespaces, 0, ofSome * (namespaces/2 + 1)} {
		began := time.Now()
		var most, repeated atomic.Int32
		var group errgroup.Group
		group.SetLimit(4)
		for i := range callers {
			group.Go(func() error {
				return wait.Until(context.Background(), func(context.Context) error {
					spent, err := listSecond(WithReviewBudget(context.Background(), budget), a, identityOf(i), questions)
					most.Store(max(most.Load(), spent))
					if errors.Is(err, ErrUnavailable) { // the machine is so busy that a review took 3 s
						repeated.Add(1)
					} else if err != nil {
						err = wait.Permanent(err)
					}
					return err
				})
			})
		}
		require.NoError(t, group.Wait())
		got := a.reviews.Swap(0)
		t.Logf("round %d: %d reviews for %d requests, at most %d of one request, %d requests made again, %.1f s",
			round+1, got, callers, most.Load(), repeated.Load(), time.Since(began).Seconds())
		if got < want || got > want+repeated.Load()*budget || most.Load() > budget {
			t.Errorf("round %d: %d reviews, want %d; at most %d of one request", round+1, got, want, most.Load())
		}
		if round == 1 {
			a.advance(10 * time.Second)
		}
	}
	t.Logf("kept: %d allowed, %d denied", a.answers.yes.Len(), a.answers.no.Len())
}

// listSecond asks as a list does, where all namespaces may be listed or every second one, and returns what it took from the budget of ctx.
func listSecond(ctx context.Context, a *asker, identity Identity, questions []Question) (spent int32, err error) {
	left, _ := ctx.Value(budgetKey{}).(*atomic.Int64)
	before := left.Load()
	err = a.Review(ctx, identity, Question{Verb: List, Resource: Prompts})
	if !errors.Is(err, ErrDenied) {
		return int32(before - left.Load()), err
	}
	err = nil
	for n, found := range a.ReviewAll(ctx, identity, questions) {
		if errors.Is(found, ErrUnavailable) || (found == nil) != (n%2 == 0) {
			err = errors.Join(err, fmt.Errorf("namespace %d: %w", n, found))
		}
	}
	return int32(before - left.Load()), err
}

// TestGreedyCaller: one who asks for all it can leaves turns for others.
func TestGreedyCaller(t *testing.T) {
	t.Parallel()
	turns := newReviewTurns()
	var mu sync.Mutex
	var releases []func()
	for i := range 100 { // the greedy one's own turns are gone after 16
		ctx, cancel := context.WithCancel(t.Context())
		if i >= reviewsOfCallerAtATime {
			cancel()
		}
		release, err := turns.acquire(ctx, "greedy")
		cancel()
		if (err == nil) != (i < reviewsOfCallerAtATime) {
			t.Fatalf("turn %d: %v", i, err)
		}
		if err == nil {
			releases = append(releases, release)
		}
	}
	var others errgroup.Group
	for i := range reviewsAtATime - reviewsOfCallerAtATime {
		others.Go(func() error {
			release, err := turns.acquire(t.Context(), fmt.Sprint("other-", i))
			mu.Lock()
			defer mu.Unlock()
			releases = append(releases, release)
			return err
		})
	}
	require.NoError(t, others.Wait())
	for _, release := range slices.Backward(releases) {
		release()
	}
	if len(turns.own) != 0 {
		t.Errorf("%d callers are remembered", len(turns.own))
	}
}

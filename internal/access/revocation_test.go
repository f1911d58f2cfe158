package access

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/testenv/wait"
)

// goneWithin is how long what was taken away may still be allowed.
const goneWithin = time.Minute

// waitUntilRefused tries until somebody is refused, and returns how long that took. A caller that tries all the time gets
// the most out of every cache there is.
func waitUntilRefused(t *testing.T, try func() error) time.Duration {
	t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), goneWithin+wait.Patience)
	defer cancel()
	require.NoError(t, wait.Until(ctx, func(context.Context) error {
		err := try()
		if _, invalid := errors.AsType[*InvalidTokenError](err); invalid || errors.Is(err, ErrDenied) {
			return nil
		}
		if err != nil {
			return wait.Permanent(err)
		}
		return errors.New("still allowed")
	}))
	return time.Since(began)
}

// TestRevocation takes away the account, the pod or the right of a caller that goes on asking all the time. The clock is the
// real one: what the API server itself keeps counts too.
func TestRevocation(t *testing.T) {
	t.Parallel()
	c := sharedCluster(t)
	for name, revoke := range map[string]func(t *testing.T, account testenv.Account, right testenv.Grant) error{
		"the ServiceAccount is deleted": func(t *testing.T, account testenv.Account, _ testenv.Grant) error {
			return c.DeleteAccount(t.Context(), account)
		},
		"the bound pod is deleted": func(t *testing.T, account testenv.Account, _ testenv.Grant) error {
			return c.DeletePod(t.Context(), account.Namespace, "agent-0")
		},
		"the right is removed": func(t *testing.T, _ testenv.Account, right testenv.Grant) error {
			return c.Revoke(t.Context(), right)
		},
	} {
		for how, again := range map[string]bool{"as requests ask": false, "as streams ask again": true} {
			t.Run(name+", "+how, func(t *testing.T) {
				t.Parallel()
				account := c.createAccount(t)
				require.NoError(t, c.CreatePod(t.Context(), account, "agent-0"))
				right := c.grant(t, account, account.Namespace, "get")
				token := c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}, Pod: "agent-0"})
				a := c.newAsker(t)
				question := Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
				try := func() error {
					verify, review := a.Verify, a.Review
					if again {
						verify, review = a.VerifyAgain, a.ReviewAgain
					}
					identity, err := verify(t.Context(), token)
					if err != nil {
						return err
					}
					return review(t.Context(), identity, question)
				}
				require.Eventually(t, func() error { // RBAC reaches the API server's own cache a moment later
					identity, err := a.Verify(t.Context(), token)
					if err != nil {
						return err
					}
					return a.ReviewAgain(t.Context(), identity, question)
				})
				require.NoError(t, try())
				require.NoError(t, revoke(t, account, right))
				took := waitUntilRefused(t, try)
				t.Logf("refused after %.1f s, %s", took.Seconds(), a.countReviews())
				if took > goneWithin {
					t.Errorf("refused after %s", took)
				}
			})
		}
	}
}

// TestOutage stops the API server under callers that were allowed a moment ago.
func TestOutage(t *testing.T) {
	t.Parallel()
	c := startCluster(t)
	t.Cleanup(c.plane.Stop)
	account := c.createAccount(t)
	c.grant(t, account, account.Namespace, "get")
	token := c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}})
	other := c.requestToken(t, account, testenv.TokenOptions{Audiences: []string{ours}})
	a := c.newAsker(t)
	a.stopped = time.Now() // a busy machine lets nothing expire
	identity := a.verify(t, token)
	allowed := Question{Verb: Get, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	denied := Question{Verb: Delete, Resource: Prompts, Namespace: account.Namespace, Name: "handover"}
	require.Eventually(t, func() error { return a.ReviewAgain(t.Context(), identity, allowed) })
	if err := a.Review(t.Context(), identity, denied); !errors.Is(err, ErrDenied) {
		t.Fatal(err)
	}
	c.plane.StopServers()
	want := func(when string, wantKnown, wantAllowed, wantDenied error) {
		t.Helper()
		began := time.Now()
		_, errKnown := a.Verify(t.Context(), token)
		_, errNew := a.Verify(t.Context(), other)
		for what, err := range map[string][2]error{
			"a token verified before": {errKnown, wantKnown}, "a new token": {errNew, ErrUnavailable},
			"a question allowed before": {a.Review(t.Context(), identity, allowed), wantAllowed},
			"a question denied before":  {a.Review(t.Context(), identity, denied), wantDenied},
			"a new question":            {a.Review(t.Context(), identity, Question{List, Prompts, account.Namespace, ""}), ErrUnavailable},
			"past the cache":            {a.ReviewAgain(t.Context(), identity, allowed), ErrUnavailable},
		} {
			if !errors.Is(err[0], err[1]) {
				t.Errorf("%s: %s: %v, want %v", when, what, err[0], err[1])
			}
		}
		t.Logf("%s: six questions took %.2f s", when, time.Since(began).Seconds())
	}
	want("at once", nil, nil, ErrDenied)
	a.advance(9 * time.Second)
	want("after 9 s", nil, nil, ErrDenied)
	a.advance(2 * time.Second)
	want("after 11 s", nil, nil, ErrUnavailable)
	a.advance(20 * time.Second)
	want("after 31 s", ErrUnavailable, ErrUnavailable, ErrUnavailable)
	for _, err := range a.ReviewAll(t.Context(), identity, []Question{allowed, denied}) {
		if !errors.Is(err, ErrUnavailable) {
			t.Errorf("together: %v", err)
		}
	}
	require.NoError(t, c.plane.StartServers(t.Context()))
	a.verify(t, token)
	require.Eventually(t, func() error { return a.Review(t.Context(), identity, allowed) })
}

// TestSilence has an API server that takes questions and says nothing: nobody waits for longer than a few seconds, however
// much is asked.
func TestSilence(t *testing.T) {
	t.Parallel()
	a, identity := newSilentAsker(t), Identity{Subject: "anna", Groups: []string{"system:authenticated"}}
	var questions []Question
	for i := range 64 {
		questions = append(questions, Question{List, Prompts, fmt.Sprintf("n%d", i), ""})
	}
	began := time.Now()
	var group errgroup.Group
	for range 20 {
		group.Go(func() error {
			for i, err := range a.ReviewAll(context.Background(), identity, questions) {
				if !errors.Is(err, ErrUnavailable) {
					return fmt.Errorf("question %d: %w", i, err)
				}
			}
			if _, err := a.Verify(context.Background(), "token"); !errors.Is(err, ErrUnavailable) {
				return fmt.Errorf("a token: %w", err)
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	t.Logf("20 callers of 64 questions and a token waited %.1f s", time.Since(began).Seconds())
	if took := time.Since(began); took > 10*callTimeout { // one after the other they would wait for two minutes
		t.Errorf("waited %s", took)
	}
	if n := a.reviews.Load(); n > reviewsAtATime {
		t.Errorf("%d reviews were with the API server at a time", n)
	}
}

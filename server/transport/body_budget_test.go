package transport

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// admitted notes who was admitted when.
type admitted struct {
	t      *testing.T
	budget *bodyBudget
	began  time.Time
	events chan string
	mu     sync.Mutex
	claims map[string]*bodyClaim
}

func newAdmitted(t *testing.T) *admitted {
	t.Helper()
	return &admitted{
		t: t, budget: newBodyBudget(100, 5*time.Second, 10*time.Second), began: time.Now(),
		events: make(chan string, 100), claims: map[string]*bodyClaim{},
	}
}

func (a *admitted) note(who, what string) {
	a.events <- fmt.Sprintf("%s %s after %s", who, what, time.Since(a.began))
}

// claim asks for room, and does not wait for it.
func (a *admitted) claim(ctx context.Context, who string, size int64) {
	go func() {
		c := a.budget.claim(ctx, size, func() { a.note(who, "dropped") })
		if c == nil {
			a.note(who, "refused")
			return
		}
		a.mu.Lock()
		a.claims[who] = c
		a.mu.Unlock()
		a.note(who, "admitted")
	}()
	synctest.Wait()
}

func (a *admitted) want(events ...string) {
	a.t.Helper()
	synctest.Wait()
	var got []string
	for len(a.events) > 0 {
		got = append(got, <-a.events)
	}
	slices.Sort(got)
	if diff := cmp.Diff(events, got); diff != "" {
		a.t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestBodyBudget(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(*admitted){
		"one after the other": func(a *admitted) {
			a.claim(a.t.Context(), "first", 60)
			a.claim(a.t.Context(), "second", 60)
			a.claim(a.t.Context(), "third", 10) // behind the second, though there is room for it
			a.want("first admitted after 0s")
			<-time.After(time.Second)
			a.claims["first"].finishReading(60)
			a.want()
			a.claims["first"].release()
			a.want("second admitted after 1s", "third admitted after 1s")
		},
		"room that is not needed is given back": func(a *admitted) {
			a.claim(a.t.Context(), "first", 100)
			a.claim(a.t.Context(), "second", 60)
			a.claims["first"].finishReading(40)
			a.want("first admitted after 0s", "second admitted after 0s")
		},
		"who makes no progress is dropped where others wait": func(a *admitted) {
			a.claim(a.t.Context(), "stalled", 60)
			a.claim(a.t.Context(), "slow", 40)
			<-time.After(3 * time.Second)
			a.claims["slow"].noteProgress(20)
			a.claims["stalled"].noteProgress(1) // is none
			a.want("slow admitted after 0s", "stalled admitted after 0s")
			a.claim(a.t.Context(), "waiting", 50)
			<-time.After(2*time.Second - 1)
			a.want()
			<-time.After(1)
			a.want("stalled dropped after 5s")
			a.claims["stalled"].release()
			a.want("waiting admitted after 5s")
		},
		"nobody is dropped where nobody waits": func(a *admitted) {
			a.claim(a.t.Context(), "stalled", 100)
			<-time.After(time.Minute)
			a.want("stalled admitted after 0s")
		},
		"a body that has arrived is not dropped": func(a *admitted) {
			a.claim(a.t.Context(), "running", 100)
			a.claims["running"].finishReading(100)
			a.claim(a.t.Context(), "waiting", 1)
			<-time.After(time.Minute)
			a.want("running admitted after 0s", "waiting refused after 10s")
		},
		"who gives up makes way": func(a *admitted) {
			a.claim(a.t.Context(), "running", 60)
			a.claims["running"].finishReading(60)
			ctx, leave := context.WithCancel(a.t.Context())
			a.claim(ctx, "large", 60)
			a.claim(a.t.Context(), "small", 10)
			a.want("running admitted after 0s")
			leave()
			a.want("large refused after 0s", "small admitted after 0s")
			for _, c := range a.claims {
				c.release()
			}
			if a.budget.free != 100 || a.budget.reading.Len() != 0 || a.budget.waiting.Len() != 0 {
				a.t.Errorf("%d of 100 are free, %d read, %d wait", a.budget.free, a.budget.reading.Len(), a.budget.waiting.Len())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { story(newAdmitted(t)) })
		})
	}
}

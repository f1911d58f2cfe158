package access

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// keyOf returns a key for a test.
func keyOf(n int) cacheKey { return cacheKey{byte(n >> 8), byte(n)} }

// kept returns what is answered from the cache: nothing, or one answer.
func kept(c *answerCache[string], key cacheKey) string {
	found, ok := c.lookUp(key)
	if !ok {
		return "nothing"
	}
	return found.value
}

func TestAnswerCache_Expiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newAnswerCache[string](4, 4, time.Now)
		now := time.Now()
		c.keep(keyOf(1), answer[string]{value: "yes", asked: now, expires: now.Add(30 * time.Second)})
		c.keep(keyOf(2), answer[string]{value: "no", isNo: true, asked: now, expires: now.Add(10 * time.Second)})
		c.keep(keyOf(3), answer[string]{value: "expired", asked: now, expires: now})
		var got []string
		for range 4 {
			got = append(got, kept(c, keyOf(1))+" "+kept(c, keyOf(2))+" "+kept(c, keyOf(3)))
			<-time.After(10 * time.Second)
		}
		want := []string{"yes no nothing", "yes nothing nothing", "yes nothing nothing", "nothing nothing nothing"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("every 10 s (-want +got)\n%s", diff)
		}
	})
}

func TestAnswerCache_NewerStays(t *testing.T) {
	t.Parallel()
	c := newAnswerCache[string](4, 4, time.Now)
	now := time.Now()
	soon := now.Add(time.Minute)
	c.keep(keyOf(1), answer[string]{value: "no", isNo: true, asked: now, expires: soon})
	c.keep(keyOf(1), answer[string]{value: "yes, from before", asked: now.Add(-time.Second), expires: soon})
	if got := kept(c, keyOf(1)); got != "no" {
		t.Errorf("an answer that arrived late says %q", got)
	}
	c.keep(keyOf(1), answer[string]{value: "yes", asked: now.Add(time.Second), expires: soon})
	if got := kept(c, keyOf(1)); got != "yes" || c.no.Len() != 0 {
		t.Errorf("a newer answer says %q, and %d noes are left", got, c.no.Len())
	}
}

// TestAnswerCache_Flood has made-up tokens push out nothing that was proven.
func TestAnswerCache_Flood(t *testing.T) {
	t.Parallel()
	c := newAnswerCache[string](4, 8, time.Now)
	now := time.Now()
	c.keep(keyOf(0), answer[string]{value: "yes", asked: now, expires: now.Add(time.Minute)})
	for i := range 1000 {
		c.keep(keyOf(1+i), answer[string]{value: "no", isNo: true, asked: now, expires: now.Add(time.Minute)})
	}
	if got := kept(c, keyOf(0)); got != "yes" || c.no.Len() != 8 || c.yes.Len() != 1 {
		t.Errorf("%q, with %d noes and %d yeses", got, c.no.Len(), c.yes.Len())
	}
}

// TestAnswerCache_SingleFlight has 50 callers of whom the first goes away.
func TestAnswerCache_SingleFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newAnswerCache[string](4, 4, time.Now)
		var sent atomic.Int32
		answered := make(chan struct{})
		send := func(context.Context) (answer[string], error) {
			sent.Add(1)
			<-answered
			return answer[string]{value: "yes", asked: time.Now(), expires: time.Now().Add(time.Minute)}, nil
		}
		first, leave := context.WithCancel(t.Context())
		left := make(chan error)
		go func() { _, err := c.ask(first, keyOf(1), send); left <- err }()
		synctest.Wait()
		got := make(chan string)
		for range 49 {
			go func() {
				value, err := c.ask(t.Context(), keyOf(1), send)
				if err != nil {
					value = err.Error()
				}
				got <- value
			}()
		}
		synctest.Wait()
		leave()
		if err := <-left; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
			t.Errorf("who went away got %v", err)
		}
		close(answered)
		for range 49 {
			if value := <-got; value != "yes" {
				t.Errorf("one who waited got %q", value)
			}
		}
		if n := sent.Load(); n != 1 || len(c.asking) != 0 {
			t.Errorf("asked %d times, and %d are still being asked", n, len(c.asking))
		}
	})
}

// TestAnswerCache_Renew asks once for what 50 use in the last third of its time, who go on with the last answer meanwhile.
func TestAnswerCache_Renew(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newAnswerCache[string](100, 4, time.Now)
		yes := func(value string) answer[string] {
			return answer[string]{value: value, asked: time.Now(), expires: time.Now().Add(30 * time.Second)}
		}
		for n := range 2 * maxRenewals {
			c.keep(keyOf(n), yes("first"))
		}
		first, _ := c.lookUp(keyOf(0))
		no := answer[string]{isNo: true, asked: first.asked, expires: first.expires}
		<-time.After(20*time.Second - 1)
		if c.isAging(&first) {
			t.Error("it is aging before two thirds of its time are over")
		}
		<-time.After(1)
		if !c.isAging(&first) || c.isAging(&no) {
			t.Error("after two thirds of its time a yes is to be aging, and a no is not")
		}
		var sent atomic.Int32
		answered := make(chan struct{})
		send := func(context.Context) (answer[string], error) {
			sent.Add(1)
			<-answered
			return yes("second"), nil
		}
		for range 50 {
			c.renew(t.Context(), keyOf(0), send)
		}
		for n := range 2 * maxRenewals {
			c.renew(t.Context(), keyOf(n), send)
		}
		synctest.Wait()
		if got := kept(c, keyOf(0)); sent.Load() != maxRenewals || got != "first" {
			t.Errorf("asked %d times, want %d; answered %q meanwhile", sent.Load(), maxRenewals, got)
		}
		close(answered)
		synctest.Wait()
		if got := kept(c, keyOf(0)); got != "second" || c.renewing != 0 || len(c.asking) != 0 {
			t.Errorf("then answered %q, with %d still being renewed", got, c.renewing)
		}
		c.renew(t.Context(), keyOf(1), func(context.Context) (answer[string], error) { return answer[string]{}, ErrUnavailable })
		synctest.Wait()
		if got := kept(c, keyOf(1)); got != "second" || c.renewing != 0 {
			t.Errorf("answered %q where it could not be renewed", got)
		}
	})
}

// TestAnswerCache_Silence has nobody wait for longer than a call may take.
func TestAnswerCache_Silence(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newAnswerCache[string](4, 4, time.Now)
		began := time.Now()
		_, err := c.ask(t.Context(), keyOf(1), func(ctx context.Context) (answer[string], error) {
			<-ctx.Done()
			return answer[string]{}, ErrUnavailable
		})
		if took := time.Since(began); !errors.Is(err, ErrUnavailable) || took != callTimeout {
			t.Errorf("%v after %s", err, took)
		}
		if got := kept(c, keyOf(1)); got != "nothing" {
			t.Errorf("kept %q", got)
		}
	})
}

func TestAnswerCache_Panic(t *testing.T) {
	t.Parallel()
	c := newAnswerCache[string](4, 4, time.Now)
	_, err := c.ask(t.Context(), keyOf(1), func(context.Context) (answer[string], error) { panic("boom") })
	if !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
	value, err := c.ask(t.Context(), keyOf(1), func(context.Context) (answer[string], error) {
		return answer[string]{value: "yes", asked: time.Now(), expires: time.Now().Add(time.Minute)}, nil
	})
	require.NoError(t, err)
	if value != "yes" {
		t.Errorf("after it: %q", value)
	}
}

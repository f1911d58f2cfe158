package prompts

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/transport"
)

// announcement is one announcement: when, of what, and which of those who listen it concerns.
type announcement struct {
	After     time.Duration
	What      string
	Concerned []string
}

// recordingListeners listen at three endpoints, and at each follow one prompt in two namespaces, and what is none.
type recordingListeners struct {
	ctx   context.Context //nolint:containedctx // the streams'
	began time.Time
	told  chan announcement
}

func (e recordingListeners) FollowedURIs() []string {
	return []string{"prompt://it/greeting", "prompt://support/hidden/channels/beta", "other://it/greeting"}
}

func (e recordingListeners) HasOwed() bool { return false }
func (e recordingListeners) NotifyOwed(transport.Audience, func(string) transport.Audience) bool {
	return false
}
func (e recordingListeners) NotifyPromptsChanged(concerned transport.Audience) {
	e.note("prompts", concerned)
}
func (e recordingListeners) NotifyResourcesChanged(concerned transport.Audience) {
	e.note("resources", concerned)
}
func (e recordingListeners) NotifyResourceUpdated(uri string, concerned transport.Audience) {
	e.note(uri, concerned)
}

func (e recordingListeners) note(what string, concerned transport.Audience) {
	one := announcement{After: time.Since(e.began), What: what}
	for _, namespace := range []string{"", "it", "support"} {
		if is, err := concerned(e.ctx, namespace); is && err == nil {
			one.Concerned = append(one.Concerned, namespace)
		}
	}
	e.told <- one
}

// lists is what is told of both lists, and updates of prompts, at some time.
func lists(after time.Duration, who []string, updates ...announcement) []announcement {
	all := []announcement{{after, "prompts", who}, {after, "resources", who}}
	for _, update := range updates {
		update.After = after
		all = append(all, update)
	}
	return all
}

// TestAnnouncer: a burst is told once, a steady flow again and again, and nothing after the end.
func TestAnnouncer(t *testing.T) {
	t.Parallel()
	const delay = 250 * time.Millisecond
	type moves map[time.Duration]catalog.Change
	it := catalog.Change{Namespaces: []string{"it"}, Keys: []store.Key{{Namespace: "it", Name: "greeting"}}}
	every := func(pause, until time.Duration) moves {
		flow := moves{}
		for at := time.Duration(0); at < until; at += pause {
			flow[at] = it
		}
		return flow
	}
	greeting := announcement{What: "prompt://it/greeting", Concerned: []string{"", "it"}}
	hidden := announcement{What: "prompt://support/hidden/channels/beta", Concerned: []string{"", "support"}}
	everybody := []string{"", "it", "support"}
	for name, tc := range map[string]struct {
		moves moves
		stop  time.Duration
		want  []announcement
	}{
		"nothing moved": {nil, time.Second, nil},
		"a burst":       {every(10*time.Millisecond, 200*time.Millisecond), time.Second, lists(delay, []string{"", "it"}, greeting)},
		"two namespaces": {
			moves{0: {Namespaces: []string{"support"}, Keys: []store.Key{{Namespace: "support", Name: "hidden"}}}, time.Millisecond: it},
			time.Second, lists(delay, everybody, greeting, hidden),
		},
		"another prompt": {
			moves{0: {Namespaces: []string{"it"}, Keys: []store.Key{{Namespace: "it", Name: "other"}}}},
			time.Second, lists(delay, []string{"", "it"}),
		},
		"too many to name": {moves{0: {Namespaces: []string{"it"}}}, time.Second, lists(delay, []string{"", "it"}, greeting)},
		"another database": {moves{0: {Everything: true}}, time.Second, lists(delay, everybody, greeting, hidden)},
		"a steady flow": {
			every(100*time.Millisecond, 600*time.Millisecond), time.Second,
			slices.Concat(lists(delay, []string{"", "it"}, greeting), lists(2*delay+50*time.Millisecond, []string{"", "it"}, greeting)),
		},
		"the end comes first": {moves{0: {Everything: true}}, delay / 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nobody := auth.NewNone("anna")
				announced := make(chan announcement, 20)
				announcer := New(Config{Authorizer: nobody, Version: "v0"}).NewAnnouncer(delay, recordingListeners{
					ctx:   auth.WithIdentity(t.Context(), auth.Identity{Subject: "local:anna"}),
					began: time.Now(), told: announced,
				})
				for at, move := range tc.moves {
					time.AfterFunc(at, func() { announcer.CatalogChanged(move) })
				}
				<-time.After(tc.stop)
				announcer.Stop()
				<-time.After(time.Minute)
				close(announced)
				var got []announcement
				for one := range announced {
					got = append(got, one)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			})
		})
	}
}

// owingListeners owe a stream something until it was decided about so many times.
type owingListeners struct {
	recordingListeners
	left    *int
	decided chan time.Duration
}

func (e owingListeners) HasOwed() bool { return *e.left > 0 }

func (e owingListeners) NotifyOwed(lists transport.Audience, updates func(string) transport.Audience) bool {
	for _, concerned := range []transport.Audience{lists, updates("prompt://it/greeting")} {
		if is, err := concerned(e.ctx, "it"); !is || err != nil {
			return true
		}
	}
	*e.left--
	e.decided <- time.Since(e.began)
	return *e.left > 0
}

// TestAnnouncer_Owed: what was undecided for a stream is decided again, every two seconds or with the next change, until it is.
func TestAnnouncer_Owed(t *testing.T) {
	t.Parallel()
	it := catalog.Change{Namespaces: []string{"it"}, Keys: []store.Key{{Namespace: "it", Name: "greeting"}}}
	synctest.Test(t, func(t *testing.T) {
		left := 3
		listeners := owingListeners{
			recordingListeners{auth.WithIdentity(t.Context(), auth.Identity{Subject: "local:anna"}), time.Now(), make(chan announcement, 20)},
			&left, make(chan time.Duration, 20),
		}
		announcer := New(Config{Authorizer: auth.NewNone("anna"), Version: "v0"}).NewAnnouncer(250*time.Millisecond, listeners)
		announcer.CatalogChanged(it)
		time.AfterFunc(3*time.Second, func() { announcer.CatalogChanged(catalog.Change{Namespaces: []string{"support"}}) })
		<-time.After(time.Minute)
		announcer.Stop()
		close(listeners.decided)
		var got []time.Duration
		for at := range listeners.decided {
			got = append(got, at)
		}
		want := []time.Duration{2250 * time.Millisecond, 3250 * time.Millisecond, 5250 * time.Millisecond}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("decided again (-want +got)\n%s", diff)
		}
	})
}

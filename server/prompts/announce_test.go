package prompts

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
)

// told is one announcement: when, and whom of those who listen it concerns.
type told struct {
	After     time.Duration
	Concerned []string
}

// TestAnnouncer: a burst is told once, a steady flow again and again, and nothing after the end.
func TestAnnouncer(t *testing.T) {
	t.Parallel()
	const delay = 250 * time.Millisecond
	type moves map[time.Duration]catalog.Move
	every := func(pause, until time.Duration) moves {
		flow := moves{}
		for at := time.Duration(0); at < until; at += pause {
			flow[at] = catalog.Move{Namespaces: []string{"it"}}
		}
		return flow
	}
	for name, tc := range map[string]struct {
		moves moves
		stop  time.Duration
		want  []told
	}{
		"nothing moved": {nil, time.Second, nil},
		"a burst":       {every(10*time.Millisecond, 200*time.Millisecond), time.Second, []told{{delay, []string{"", "it"}}}},
		"two namespaces": {
			moves{0: {Namespaces: []string{"support"}}, time.Millisecond: {Namespaces: []string{"it"}}},
			time.Second, []told{{delay, []string{"", "it", "support"}}},
		},
		"another database": {moves{0: {Everything: true}}, time.Second, []told{{delay, []string{"", "it", "support"}}}},
		"a steady flow": {
			every(100*time.Millisecond, 600*time.Millisecond), time.Second,
			[]told{{delay, []string{"", "it"}}, {2*delay + 50*time.Millisecond, []string{"", "it"}}},
		},
		"the end comes first": {moves{0: {Everything: true}}, delay / 2, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				nobody := auth.NewNone("anna")
				ctx := auth.WithIdentity(t.Context(), auth.Identity{Subject: "local:anna"})
				announced := make(chan told, 10)
				announcer := New(Config{Decider: nobody, Version: "v0"}).Announcer(delay,
					func(concerned func(context.Context, string) bool) {
						one := told{After: time.Since(began)}
						for _, namespace := range []string{"", "it", "support"} {
							if concerned(ctx, namespace) {
								one.Concerned = append(one.Concerned, namespace)
							}
						}
						announced <- one
					})
				for at, move := range tc.moves {
					time.AfterFunc(at, func() { announcer.Moved(move) })
				}
				<-time.After(tc.stop)
				announcer.Stop()
				<-time.After(time.Minute)
				close(announced)
				var got []told
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

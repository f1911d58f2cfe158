package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

func TestCheckTokenClaim(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	// requests are some that ended, of a cause, of another connection of the same refresh token, begun a second after each other.
	requests := func(n int, cause store.TokenRequestCause, first time.Time) []store.TokenRequest {
		var made []store.TokenRequest
		for i := range n {
			at := first.Add(time.Duration(i) * time.Second)
			made = append(made, store.TokenRequest{UID: "other", Cause: cause, StartedAt: at, Ended: true})
		}
		return made
	}
	minute := ago(time.Minute)
	scheduled := func(n int) []store.TokenRequest { return requests(n, store.CauseScheduled, minute) }
	refused := func(n int) []store.TokenRequest { return requests(n, store.CauseRefused, minute) }
	spent := func(n int, first time.Time) error {
		return &store.TokenBudgetError{Spent: n, RetryAt: first.Add(store.TokenRequestWindow)}
	}
	underWay := func(since time.Time) error {
		return &store.TokenRequestUnderWayError{RetryAt: since.Add(store.TokenRequestTimeout)}
	}
	another := store.TokenFingerprint{1}
	for name, tc := range map[string]struct {
		cause   store.TokenRequestCause
		earlier []store.TokenRequest
		want    error
	}{
		"the first":                     {cause: store.CauseScheduled},
		"the eighth":                    {cause: store.CauseScheduled, earlier: scheduled(7)},
		"the ninth waits for the first": {cause: store.CauseScheduled, earlier: scheduled(8), want: spent(8, minute)},
		"after ten, as by another clock, three have to be old enough": {
			cause: store.CauseScheduled, earlier: scheduled(10), want: spent(10, minute.Add(2*time.Second)),
		},
		"the sixth for a refused one": {cause: store.CauseRefused, earlier: refused(5)},
		"the seventh for a refused one": {
			cause: store.CauseRefused, earlier: refused(6),
			want: &store.TokenBudgetError{Spent: 6, OfRefusals: true, RetryAt: minute.Add(store.TokenRequestWindow)},
		},
		"a scheduled one after six for refused ones": {cause: store.CauseScheduled, earlier: refused(6)},
		"one for a refused one after two of each":    {cause: store.CauseRefused, earlier: append(scheduled(2), refused(2)...)},
		"a ninth of both causes":                     {cause: store.CauseRefused, earlier: append(scheduled(3), refused(5)...), want: spent(8, minute)},
		"eight that are old enough": {
			cause: store.CauseScheduled, earlier: requests(8, store.CauseScheduled, ago(store.TokenRequestWindow+7*time.Second)),
		},
		"the oldest of eight is a second too young": {
			cause: store.CauseScheduled, earlier: requests(8, store.CauseScheduled, ago(store.TokenRequestWindow-time.Second)),
			want: &store.TokenBudgetError{Spent: 8, RetryAt: now.Add(time.Second)},
		},
		"eight of a clock that was ahead": {
			cause: store.CauseScheduled, earlier: requests(8, store.CauseScheduled, now.Add(time.Minute)), want: spent(8, now.Add(time.Minute)),
		},
		"eight of another refresh token": {cause: store.CauseScheduled, earlier: slices.Repeat(
			[]store.TokenRequest{{UID: "u1", Fingerprint: another, StartedAt: now, Ended: true}}, 8)},
		"one of the connection is under way": {
			cause: store.CauseScheduled, earlier: []store.TokenRequest{{UID: "u1", StartedAt: ago(15 * time.Second)}}, want: underWay(ago(15 * time.Second)),
		},
		"one of the connection is under way with the refresh token that it had before": {
			cause: store.CauseScheduled, earlier: []store.TokenRequest{{UID: "u1", Fingerprint: another, StartedAt: now}}, want: underWay(now),
		},
		"one that was never answered":            {cause: store.CauseScheduled, earlier: []store.TokenRequest{{UID: "u1", StartedAt: minute}}},
		"one of another connection is under way": {cause: store.CauseScheduled, earlier: []store.TokenRequest{{UID: "other", StartedAt: now}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := CheckTokenClaim(store.TokenClaim{UID: "u1", Cause: tc.cause, At: now}, tc.earlier)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

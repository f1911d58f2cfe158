package plan

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
)

func TestCheckTokenClaim(t *testing.T) {
	now := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	// requests are settled ones of a cause, of another connection of the same refresh token, begun a second after each other.
	requests := func(n int, cause store.TokenRequestCause, first time.Time) []store.TokenRequest {
		var made []store.TokenRequest
		for i := range n {
			made = append(made, store.TokenRequest{UID: "other", Cause: cause, StartedAt: first.Add(time.Duration(i) * time.Second), Settled: true})
		}
		return made
	}
	all := func(parts ...[]store.TokenRequest) (made []store.TokenRequest) {
		for _, part := range parts {
			made = append(made, part...)
		}
		return made
	}
	minute := ago(time.Minute)
	for name, tc := range map[string]struct {
		cause   store.TokenRequestCause // scheduled when empty
		earlier []store.TokenRequest
		want    error
	}{
		"the first":                       {},
		"the eighth":                      {earlier: requests(7, store.CauseScheduled, minute)},
		"the ninth waits for the first":   {earlier: requests(8, store.CauseScheduled, minute), want: &store.TokenBudgetError{Spent: 8, RetryAt: minute.Add(store.TokenRequestWindow)}},
		"ten, as of an earlier release":   {earlier: requests(10, store.CauseScheduled, minute), want: &store.TokenBudgetError{Spent: 10, RetryAt: minute.Add(2*time.Second + store.TokenRequestWindow)}},
		"the sixth for a refused one":     {cause: store.CauseRefused, earlier: requests(5, store.CauseRefused, minute)},
		"the seventh for a refused one":   {cause: store.CauseRefused, earlier: requests(6, store.CauseRefused, minute), want: &store.TokenBudgetError{Spent: 6, OfRefusals: true, RetryAt: minute.Add(store.TokenRequestWindow)}},
		"a scheduled one after six":       {earlier: requests(6, store.CauseRefused, minute)},
		"a refused one after two of each": {cause: store.CauseRefused, earlier: all(requests(2, store.CauseRefused, minute), requests(2, store.CauseScheduled, minute))},
		"a ninth of both causes": {
			cause: store.CauseRefused, earlier: all(requests(5, store.CauseRefused, minute), requests(3, store.CauseScheduled, minute)),
			want: &store.TokenBudgetError{Spent: 8, RetryAt: minute.Add(store.TokenRequestWindow)},
		},
		"eight that are old enough":          {earlier: requests(8, store.CauseScheduled, ago(store.TokenRequestWindow+7*time.Second))},
		"the youngest of eight is too young": {earlier: requests(8, store.CauseScheduled, ago(store.TokenRequestWindow-time.Second)), want: &store.TokenBudgetError{Spent: 8, RetryAt: now.Add(time.Second)}},
		"eight of a clock that was ahead":    {earlier: requests(8, store.CauseScheduled, now.Add(time.Minute)), want: &store.TokenBudgetError{Spent: 8, RetryAt: now.Add(time.Minute + store.TokenRequestWindow)}},
		"eight of another refresh token":     {earlier: []store.TokenRequest{{Fingerprint: store.TokenFingerprint{1}}, {Fingerprint: store.TokenFingerprint{1}, UID: "u1", StartedAt: now, Settled: true}}},
		"one of the connection is under way": {earlier: []store.TokenRequest{{UID: "u1", StartedAt: minute.Add(45 * time.Second)}}, want: &store.TokenRequestUnderWayError{RetryAt: minute.Add(75 * time.Second)}},
		"one of the connection that has another refresh token by now is under way": {
			earlier: []store.TokenRequest{{UID: "u1", Fingerprint: store.TokenFingerprint{1}, StartedAt: now}}, want: &store.TokenRequestUnderWayError{RetryAt: now.Add(store.TokenRequestTimeout)},
		},
		"one that was never answered":            {earlier: []store.TokenRequest{{UID: "u1", StartedAt: minute}}},
		"one of another connection is under way": {earlier: []store.TokenRequest{{UID: "other", StartedAt: now}}},
	} {
		t.Run(name, func(t *testing.T) {
			cause := tc.cause
			if cause == "" {
				cause = store.CauseScheduled
			}
			got := CheckTokenClaim(store.TokenClaim{UID: "u1", Cause: cause, At: now}, tc.earlier)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

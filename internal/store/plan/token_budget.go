package plan

import (
	"slices"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

// CheckTokenClaim returns nil when a token request may be made after the earlier ones, whatever became of these. Those that
// are neither of the claim's fingerprint nor of its connection do not count. The error is a *store.TokenRequestUnderWayError where
// the connection's last request may still be answered, and a *store.TokenBudgetError where the fingerprint's budget is spent.
func CheckTokenClaim(claim store.TokenClaim, earlier []store.TokenRequest) error {
	var spent, ofRefusals []time.Time
	for _, r := range earlier {
		if r.UID == claim.UID && !r.Ended && r.StartedAt.After(claim.At.Add(-store.TokenRequestTimeout)) {
			return &store.TokenRequestUnderWayError{RetryAt: r.StartedAt.Add(store.TokenRequestTimeout)}
		}
		if r.Fingerprint != claim.Fingerprint || !r.StartedAt.After(claim.At.Add(-store.TokenRequestWindow)) {
			continue
		}
		spent = append(spent, r.StartedAt)
		if r.Cause == store.CauseRefused {
			ofRefusals = append(ofRefusals, r.StartedAt)
		}
	}
	if len(spent) >= store.MaxTokenRequests {
		return &store.TokenBudgetError{Spent: len(spent), RetryAt: timeOfRoom(spent, store.MaxTokenRequests)}
	}
	if claim.Cause == store.CauseRefused && len(ofRefusals) >= store.MaxRefusedTokenRequests {
		return &store.TokenBudgetError{Spent: len(ofRefusals), OfRefusals: true, RetryAt: timeOfRoom(ofRefusals, store.MaxRefusedTokenRequests)}
	}
	return nil
}

// timeOfRoom returns when there are fewer than so many requests in the window: there are that many now.
func timeOfRoom(started []time.Time, limit int) time.Time {
	slices.SortFunc(started, time.Time.Compare)
	return started[len(started)-limit].Add(store.TokenRequestWindow)
}

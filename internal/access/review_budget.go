package access

import (
	"context"
	"sync/atomic"
)

type budgetKey struct{}

// WithReviewBudget returns ctx for a request that may have n questions asked whose answers are in no cache. The next one
// fails with ErrReviewsSpent. A context without a budget has no bound.
func WithReviewBudget(ctx context.Context, n int) context.Context {
	left := new(atomic.Int64)
	left.Store(int64(n))
	return context.WithValue(ctx, budgetKey{}, left)
}

// takeReview takes one question from the budget, and returns false when it is spent.
func takeReview(ctx context.Context) bool {
	left, bounded := ctx.Value(budgetKey{}).(*atomic.Int64)
	return !bounded || left.Add(-1) >= 0
}

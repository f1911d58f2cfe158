package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// TakeRate asks for leave to call ServiceDesk Plus so many times, at most a thousand. It is for servers, and for controllers in
// the lanes of the background.
func (s *Store) TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	taken, err := s.queries.TakeRate(ctx, sqlcgen.TakeRateParams{ConnectionID: connection, Lane: string(lane), Wanted: rowLimit(min(wanted, 1000))})
	if err != nil {
		return store.RateGrant{}, fmt.Errorf("take of the rate: %w", translateError(err))
	}
	return store.RateGrant{
		Granted: int(taken.Granted), RetryAfter: time.Duration(taken.RetryMs) * time.Millisecond, Replicas: int(taken.Replicas),
	}, nil
}

// PauseRate stops all calls of a connection, for at most store.MaxRatePause, and returns for how long they are stopped: another
// replica may have asked for more.
func (s *Store) PauseRate(ctx context.Context, connection int64, pause time.Duration) (time.Duration, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	milliseconds := min(max(pause, time.Millisecond), store.MaxRatePause).Milliseconds()
	seconds, err := s.queries.PauseRate(ctx, sqlcgen.PauseRateParams{ConnectionID: connection, Milliseconds: int32(milliseconds)}) //nolint:gosec // bounded above
	if err != nil {
		return 0, fmt.Errorf("pause the rate: %w", translateError(err))
	}
	return secondsOf(seconds), nil
}

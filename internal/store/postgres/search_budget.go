package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	// searchTimeout bounds what one search may take of the database, searchWait how long it waits for others to end.
	searchTimeout = 3 * time.Second
	searchWait    = 5 * time.Second
	// searchShare is the part of the pool that searches may have: a fourth, so that reads of single prompts always find a
	// connection.
	searchShare = 4
	// answerTimeout bounds the question whether the database answers at all.
	answerTimeout = time.Second
	// rankBudget bounds what is ranked: pairs of words times hits. A pair takes up to 65,536 comparisons in each hit, of 256
	// places with 256.
	rankBudget = 2000
)

// searchBudget keeps searches from taking the database from everybody else.
type searchBudget struct {
	slots         chan struct{}
	timeout, wait time.Duration
	// answer bounds the question whether the database answers at all.
	answer time.Duration
}

func newSearchBudget(poolSize int) searchBudget {
	return searchBudget{slots: make(chan struct{}, max(1, poolSize/searchShare)), timeout: searchTimeout, wait: searchWait, answer: answerTimeout}
}

// search runs what searches, when its turn comes and for so long as a search may take: store.ErrBusy says that the turn did
// not come, a *store.TooBroadError that it takes too long. Its statement is cancelled then.
func (s *Store) search(ctx context.Context, run func(ctx context.Context) error) error {
	if err := s.searches.takeSlot(ctx); err != nil {
		return err
	}
	defer func() { <-s.searches.slots }()
	running, cancel := context.WithTimeout(ctx, s.searches.timeout)
	defer cancel()
	err := run(running)
	if err == nil || ctx.Err() != nil || running.Err() == nil && !isCancelled(err) || !s.answers(ctx) {
		return err
	}
	return &store.TooBroadError{Problem: fmt.Sprintf("the search took longer than %s", s.searches.timeout)}
}

// takeSlot waits for its turn, which is there at once where few search.
func (b *searchBudget) takeSlot(ctx context.Context) error {
	select {
	case b.slots <- struct{}{}:
		return nil
	default:
	}
	waiting, cancel := context.WithTimeout(ctx, b.wait)
	defer cancel()
	select {
	case b.slots <- struct{}{}:
		return nil
	case <-waiting.Done():
		if err := ctx.Err(); err != nil {
			return err
		}
		return store.ErrBusy
	}
}

// answers reports whether the database answers what is not a search.
func (s *Store) answers(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, s.searches.answer)
	defer cancel()
	_, err := s.feed.ReadFeed(ctx)
	return err == nil
}

// isCancelled reports whether the database gave a statement up, as a role's statement_timeout has it do.
func isCancelled(err error) bool { return hasState(err, stateCancelled) }

// affordableRanks returns how many hits of a search may be ranked.
func affordableRanks(words, most int) int {
	return min(most, rankBudget/max(1, words*(words-1)/2))
}

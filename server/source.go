package server

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/laptop"
	"github.com/lectern-dev/lectern/server/prompts"
)

// source is where prompts come from: a database, or a folder.
type source struct {
	catalog.Source
	library prompts.Library
	// changes is where they are asked for.
	changes prompts.Changes
	// follow keeps the source itself up to date until its context ends.
	follow func(ctx context.Context)
	close  func()
}

func openSource(ctx context.Context, opts *Options, log *slog.Logger) (*source, error) {
	if opts.Prompts != "" {
		kept := memory.New()
		folder, err := laptop.Open(ctx, opts.Prompts, kept, log)
		if err != nil {
			return nil, fmt.Errorf("--prompts: %w", err)
		}
		return &source{Source: kept, library: kept, changes: folder, follow: folder.Follow, close: func() {}}, nil
	}
	db, err := postgres.Open(ctx, opts.Database)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return &source{Source: db, library: db, changes: db, follow: func(context.Context) {}, close: db.Close}, nil
}

// changesSeenIn are the changes, answered only when the catalog shows them.
func (s *source) changesSeenIn(c *catalog.Catalog) prompts.Changes {
	return &inStep{Changes: s.changes, feed: s.Feed, catalog: c}
}

// inStep lets whoever changed a prompt read the change with his next call: where a change is carried out at once, that
// call comes before the catalog has heard of it.
type inStep struct {
	prompts.Changes
	feed    func(context.Context) (store.Feed, error)
	catalog *catalog.Catalog
}

// stepTime is how long an answer waits for the catalog. It is late only when it is stuck, and then serves what it has.
const stepTime = time.Second

// RequestChange is that of Changes.
func (s *inStep) RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error) {
	outcome, err := s.Changes.RequestChange(ctx, request)
	if err != nil || outcome.State != store.ChangePublished {
		return outcome, err
	}
	feed, err := s.feed(ctx)
	if err != nil {
		return outcome, nil
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(stepTime); s.catalog.Stats().Revision < feed.Revision && time.Now().Before(deadline); {
		select {
		case <-ctx.Done():
			return outcome, nil
		case <-tick.C:
		}
	}
	return outcome, nil
}

package server

import (
	"context"
	"fmt"
	"log/slog"

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

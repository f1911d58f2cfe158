package server

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/lectern-dev/lectern/internal/folder"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
)

// backend is where prompts come from: a database, or a folder.
type backend struct {
	catalog.Source
	library prompts.Library
	// changes is where they are asked for.
	changes prompts.Changes
	// follow keeps the source itself up to date until its context ends.
	follow func(ctx context.Context)
	close  func()
}

// folderLibrary is a store with the folder that is published into it: names in files that are not valid yet are taken.
type folderLibrary struct {
	*memory.Store
	folder *folder.Folder
}

func (s folderLibrary) NameTaken(ctx context.Context, key store.Key) (bool, error) {
	if s.folder.ReservesName(key) {
		return true, nil
	}
	return s.Store.NameTaken(ctx, key)
}

func openBackend(ctx context.Context, opts *Options, log *slog.Logger) (*backend, error) {
	if opts.Prompts != "" {
		kept := memory.New()
		folder, err := folder.Open(ctx, opts.Prompts, kept, log)
		if err != nil {
			return nil, fmt.Errorf("--prompts: %w", err)
		}
		return &backend{Source: kept, library: folderLibrary{kept, folder}, changes: folder, follow: folder.Follow, close: func() {}}, nil
	}
	db, err := postgres.Open(ctx, opts.Database)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return &backend{Source: db, library: db, changes: db, follow: func(context.Context) {}, close: db.Close}, nil
}

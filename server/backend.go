package server

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"

	auditrow "github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/folder"
	"github.com/lectern-dev/lectern/internal/localdesk"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/memory"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/prompts"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// backend is where prompts come from: a database, or a folder.
type backend struct {
	catalog.Source
	library prompts.Library
	// changes is where they are asked for.
	changes prompts.Changes
	// connections are those to ServiceDesk Plus; nil where there are none. local are those without a database.
	connections servicedesk.Store
	// writes are intents of writes through them; nil where there are none.
	writes servicedesk.WriteStore
	local  *localdesk.Source
	// auditLoader takes rows of the audit, and auditRows finds them again; nil without a database.
	auditLoader auditrow.Loader
	auditRows   audit.Reader
	// projects is what is known of projects; titles has one call at a time make a project of a title, nil within this process.
	projects servicedesk.ProjectStore
	titles   servicedesk.TitleClaims
	// fileFaults is nil where prompts do not come from files.
	fileFaults prompts.FileFaults
	// follow keeps the source itself up to date until its context ends.
	follow func(ctx context.Context)
	// metrics are the source's own, to be registered.
	metrics []prometheus.Collector
	close   func()
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
		from := &backend{Source: kept, library: folderLibrary{kept, folder}, changes: folder, fileFaults: folder, follow: folder.Follow, close: func() {}}
		use := localdesk.WarnOfUnserved(log)
		from.projects = servicedesk.NewProjectMemory()
		if from.local, err = openLocalDesk(opts, log); from.local != nil {
			use = from.local.Replace
		}
		folder.UseConnections(use)
		return from, err
	}
	database := opts.Database
	database.Log = log
	if database.ApplicationName == "" {
		database.ApplicationName = postgres.ReplicaName("lectern-server")
	}
	db, err := postgres.Open(ctx, database)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	return &backend{
		Source: db, library: db, changes: db, connections: db, writes: db, projects: db, titles: db, auditLoader: db, auditRows: db, close: db.Close,
		follow:  db.KeepSealsScrubbed,
		metrics: db.Metrics(),
	}, nil
}

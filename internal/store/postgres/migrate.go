package postgres

import (
	"context"

	"github.com/lectern-dev/lectern/internal/store"
)

// MigrateOptions say what Migrate does beside bringing the schema up to date.
type MigrateOptions struct {
	// ServerRole is the role servers connect as; it gets the grants of grants.sql. Empty: no grants.
	ServerRole string
	// NewEpoch tells every reader that the database is not the one it was: after a restore.
	NewEpoch bool
	// AdoptCluster forgets which cluster the database belongs to; the next controller to start claims it.
	AdoptCluster bool
}

// MigrateResult is the schema version before and after.
type MigrateResult struct {
	From, To int64
}

// Migrate brings the schema up to date, one runner at a time.
func Migrate(ctx context.Context, o Options, m MigrateOptions) (MigrateResult, error) {
	return MigrateResult{}, store.ErrUnavailable
}

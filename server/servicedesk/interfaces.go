package servicedesk

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
)

// Store is what a server knows and says of connections. An error that trying again may cure wraps store.ErrUnavailable.
type Store interface {
	// ConnectionsSince returns the connections that changed after a revision, by revision, tombstones included.
	ConnectionsSince(ctx context.Context, after int64, limit int) ([]store.Connection, error)
	// ListLookups returns how the lists of a connection stand, LookupEntries what is in one.
	ListLookups(ctx context.Context, connection int64) ([]store.LookupState, error)
	LookupEntries(ctx context.Context, connection int64, kind string) ([]store.LookupEntry, error)
	// TakeRate asks for leave to call so many times, PauseRate stops the calls of all replicas.
	TakeRate(ctx context.Context, connection int64, lane store.Lane, wanted int) (store.RateGrant, error)
	PauseRate(ctx context.Context, connection int64, pause time.Duration) (time.Duration, error)
	// ReportRefusal says that a token was refused, by its id.
	ReportRefusal(ctx context.Context, connection int64, token string) error
	// StoreObservations says what entries of lists were met that no list had.
	StoreObservations(ctx context.Context, connection int64, observations []store.Observation) error
}

// ProjectStore is what is known of projects beside ServiceDesk Plus, by what a controller read and servers met.
type ProjectStore interface {
	// ReadProjectCache returns when the projects of a connection were read, CachedProjects those that are known.
	ReadProjectCache(ctx context.Context, connection int64) (store.ProjectCacheState, error)
	CachedProjects(ctx context.Context, connection int64) ([]store.CachedProject, error)
	// TaskHistory returns what became of the tasks of a project, the newest first.
	TaskHistory(ctx context.Context, connection int64, project string, limit int) ([]store.TaskChange, error)
	// StoreObservations says what projects and tasks were met.
	StoreObservations(ctx context.Context, connection int64, observations []store.Observation) error
}

// TitleClaims has one call at a time make a project of a title.
type TitleClaims interface {
	// ClaimProjectTitle reports whether a title, by its digest, is the caller's to make a project of, for two minutes or until it is
	// released.
	ClaimProjectTitle(ctx context.Context, connection int64, digest [32]byte, claim uuid.UUID) (bool, error)
	ReleaseProjectTitle(ctx context.Context, connection int64, digest [32]byte, claim uuid.UUID) error
}

// TokenOpener opens sealed tokens.
type TokenOpener interface {
	// OpenToken returns a token of a connection, by the UID of its object and the id of the token. It may wait for a key that is not
	// there yet; its error is no refusal of the token.
	OpenToken(ctx context.Context, connectionUID, tokenID string, sealed []byte) ([]byte, error)
}

// FileFaults says what is wrong with the files that connections come from.
type FileFaults interface {
	// Faults returns the first limit faults, each with its place, and how many there are.
	Faults(limit int) (first []string, total int)
}

// NewSender returns the HTTP client for a connection whose servers are trusted by these certificates in PEM, or by those of the
// system where there are none. It goes where credentials may go, and nowhere else.
type NewSender func(caCertificates string) (*http.Client, error)

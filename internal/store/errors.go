package store

import (
	"errors"
	"fmt"
)

var (
	// ErrNotFound says that no such prompt, version or channel is served, and not which of them.
	ErrNotFound = errors.New("not found")
	// ErrUnresolved says that the channel is stated in the prompt's manifest and points to no stored version.
	ErrUnresolved = errors.New("the channel points to a version that is not stored")
	// ErrUnavailable says that the database cannot be reached now. Every error that trying again may
	// cure wraps it.
	ErrUnavailable = errors.New("the database cannot be reached")
	// ErrFragmentsMoved says that between reading the fragments and the publish another choice became
	// current. Nothing was written; compile again.
	ErrFragmentsMoved = errors.New("an included prompt changed meanwhile")
	// ErrSchemaBehind says that the database's schema is older than this program needs.
	ErrSchemaBehind = errors.New("the database schema is behind this program")
)

// FencedError refuses a writer whose object is not the row's owner, or older. It is a question: only the
// API server knows which of the two is live.
type FencedError struct {
	Key Key
	// Row is what the row says; Deleted that it is a tombstone.
	Row     Fence
	Deleted bool
}

func (e *FencedError) Error() string {
	what := "row"
	if e.Deleted {
		what = "tombstone"
	}
	return fmt.Sprintf("the %s of %s belongs to uid %s at generation %d", what, e.Key, e.Row.UID, e.Row.Generation)
}

// ForeignClusterError refuses a controller whose cluster is not the one this database belongs to.
type ForeignClusterError struct {
	// Owner is the UID of the kube-system namespace that claimed the database, empty when nobody has;
	// Asked is the one refused.
	Owner string
	Asked string
}

func (e *ForeignClusterError) Error() string {
	if e.Owner == "" {
		return "the database belongs to no cluster; the next controller to start claims it"
	}
	return fmt.Sprintf("the database belongs to the cluster whose kube-system namespace has uid %s, not to this one (%s); "+
		"if that cluster is gone, run `lectern migrate --adopt-cluster`", e.Owner, e.Asked)
}

// UnstorableValueError is a value Postgres cannot hold, or not in that size (SQLSTATE classes 22 and 54): trying again
// cannot help.
type UnstorableValueError struct {
	Reason string
}

func (e *UnstorableValueError) Error() string { return "the database refuses a value: " + e.Reason }

// VersionExpiredError is an ErrNotFound in a store that ends with its process: the number may have been given out by an
// earlier process.
type VersionExpiredError struct {
	Key     Key
	Version int64
	// Highest is the newest version there is.
	Highest int64
}

func (e *VersionExpiredError) Error() string {
	return fmt.Sprintf("version %d of %s is not there: this server has no database, and versions live as long as its process; the newest is %d",
		e.Version, e.Key, e.Highest)
}

func (e *VersionExpiredError) Unwrap() error { return ErrNotFound }

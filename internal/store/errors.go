package store

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound says that no such prompt, version or channel is served, and not which of them.
	ErrNotFound = errors.New("not found")
	// ErrUnresolved says that the channel is stated in the prompt's manifest and points to no stored version.
	ErrUnresolved = errors.New("the channel points to a version that is not stored")
	// ErrUnavailable says that the database cannot be reached now. Every error that trying again may
	// cure wraps it.
	ErrUnavailable = errors.New("the database cannot be reached")
	// ErrReadOnly says that the database's server takes no writes, so that it is none to follow, either. It comes with
	// ErrUnavailable.
	ErrReadOnly = errors.New("the database server is read-only: a standby, or a primary that another one replaced")
	// ErrBusy says that a search waited too long for others to end. Trying again may cure it.
	ErrBusy = errors.New("too many searches are running")
	// ErrFragmentsMoved says that between reading the fragments and the publish another choice became
	// current. Nothing was written; compile again.
	ErrFragmentsMoved = errors.New("an included prompt changed meanwhile")
	// ErrLoginRefused says that a database role has another password than the one given, or may not log in.
	ErrLoginRefused = errors.New("the database refuses the login")
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

// ChangeQuotaError refuses a change request because too many of the subject are open.
type ChangeQuotaError struct {
	// Namespace is where, or empty for all together.
	Namespace  string
	Waiting    int64
	Limit      int
	RetryAfter time.Duration
}

func (e *ChangeQuotaError) Error() string {
	where := ""
	if e.Namespace != "" {
		where = " in namespace " + e.Namespace
	}
	return fmt.Sprintf("%d of your changes%s wait to be applied, and at most %d may; nothing was stored; try again in %.0f s",
		e.Waiting, where, e.Limit, e.RetryAfter.Seconds())
}

// NamespaceMissingError refuses to add to a namespace that was found not to be there, or to be going, a moment ago.
type NamespaceMissingError struct {
	// Message is what was found.
	Message    string
	RetryAfter time.Duration
}

func (e *NamespaceMissingError) Error() string {
	return fmt.Sprintf("%s; if it was made since, try again in %.0f s", e.Message, e.RetryAfter.Seconds())
}

// UnstorableValueError is a value Postgres cannot hold, or not in that size (SQLSTATE classes 22 and 54), or that breaks a
// rule of a table (23502 and 23514): trying again cannot help.
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

// TooBroadError refuses a search that would take more than its share of the store, before or while it does.
type TooBroadError struct {
	Problem string
}

func (e *TooBroadError) Error() string {
	return "too broad: " + e.Problem + "; search for fewer, more specific words, or only in a category or by tags"
}

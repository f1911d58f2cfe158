package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
)

// SQLSTATEs this package decides on. A class is the first two characters.
const (
	stateSerialization  = "40001"
	stateDeadlock       = "40P01"
	stateUndefinedTable = "42P01"
	stateUndefinedName  = "42703"
	stateReadOnly       = "25006"
	stateNoDatabase     = "3D000"
	stateNull           = "23502"
	stateCheck          = "23514"
	stateUnique         = "23505"
	stateDuplicateTable = "42P07"
	stateDuplicateType  = "42710"
	stateNotPermitted   = "42501"
	// stateProtocol is how a pooler refuses a setting at the start, stateUndefinedObject how a database does that has none of it.
	stateProtocol        = "08P01"
	stateUndefinedObject = "42704"
	// stateLockNotAvailable is that of a lock that was not to be had within lock_timeout.
	stateLockNotAvailable = "55P03"

	stateCancelled          = "57014"
	stateDuplicateStatement = "42P05"
	stateUnknownStatement   = "26000"

	classValue     = "22" // data exception: U+0000, number out of range ...
	classIntegrity = "23" // a broken constraint
	classLimit     = "54" // program limit exceeded: row, index entry or tsvector too large
	classLogin     = "28" // a rotated password, until the file says the new one
	classConnect   = "08"
	classRollback  = "40"
	classResources = "53"
	classOperator  = "57" // shutting down, starting up, statement cancelled
	classSystem    = "58"
	classLock      = "55"
)

// translateError turns an error of pgx into what package store promises: what trying again may cure wraps
// store.ErrUnavailable, what it cannot cure because of a value is a *store.UnstorableValueError. Everything else, the
// domain's own errors included, passes unchanged.
func translateError(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, store.ErrUnavailable) {
		return err
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return translateState(pg, err)
	}
	_, isNetwork := errors.AsType[net.Error](err)
	_, isConnect := errors.AsType[*pgconn.ConnectError](err)
	if isNetwork || isConnect || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

func translateState(pg *pgconn.PgError, err error) error {
	switch pg.Code {
	case stateUndefinedTable, stateUndefinedName:
		return fmt.Errorf("%w: %w", store.ErrSchemaBehind, err)
	case stateReadOnly, stateNoDatabase, // a standby not yet promoted, a database not yet made
		stateDuplicateStatement, stateUnknownStatement: // a pooler mixes up what is prepared
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	if pg.Code == stateNull || pg.Code == stateCheck { // the detail would be the whole row, with its texts
		return &store.UnstorableValueError{Reason: fmt.Sprintf("%s (SQLSTATE %s); change that value in the spec, or report this if the spec has none", pg.Message, pg.Code)}
	}
	if len(pg.Code) < 2 {
		return err
	}
	switch pg.Code[:2] {
	case classValue, classLimit:
		return &store.UnstorableValueError{Reason: strings.TrimSpace(pg.Message + " " + pg.Detail)}
	case classLogin, classConnect, classRollback, classResources, classOperator, classSystem, classLock:
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	return err
}

// isSerializationFailure reports whether a transaction lost against another one and may simply run again.
func isSerializationFailure(err error) bool { return hasState(err, stateDeadlock, stateSerialization) }

// hasState reports whether the database refused a statement with one of these SQLSTATEs.
func hasState(err error, states ...string) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains(states, pg.Code)
}

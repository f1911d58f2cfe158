package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
)

const (
	stateInvalidPassword      = "28P01"
	stateInvalidAuthorization = "28000"
)

// CheckLogin returns nil when a role logs in with the password, and an error that wraps store.ErrLoginRefused when it does not.
func (s *Store) CheckLogin(ctx context.Context, role, password string) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	conn, err := s.logIn(ctx, role, password)
	if err != nil {
		return err
	}
	closeWithin(ctx, conn)
	return nil
}

// ChangePassword logs in as a role and gives it another password. What travels and what a log may show is a SCRAM-SHA-256 verifier,
// from which the password cannot be had. The error wraps store.ErrLoginRefused when the role has another password than the present one.
func (s *Store) ChangePassword(ctx context.Context, role, present, next string) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	verifier, err := newSCRAMVerifier(next)
	if err != nil {
		return err
	}
	conn, err := s.logIn(ctx, role, present)
	if err != nil {
		return err
	}
	defer closeWithin(ctx, conn)
	// Whoever has the role may have made its transactions read-only.
	err = pgx.BeginTxFunc(ctx, conn, pgx.TxOptions{AccessMode: pgx.ReadWrite}, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, fmt.Sprintf("alter role %s password '%s'", pgx.Identifier{role}.Sanitize(), verifier), pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("change the password of role %q: %w", role, translateError(err))
	}
	return nil
}

// logIn connects as a role past any pooler, which may let in whom Postgres would not.
func (s *Store) logIn(ctx context.Context, role, password string) (*pgx.Conn, error) {
	cfg, err := s.opts.listenConfig(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.settings.apply(ctx, cfg); err != nil {
		return nil, translateError(err)
	}
	cfg.User, cfg.Password = role, password
	conn, err := pgx.ConnectConfig(ctx, cfg)
	switch {
	case hasState(err, stateInvalidPassword, stateInvalidAuthorization):
		return nil, fmt.Errorf("log in as role %q: %w: %w", role, store.ErrLoginRefused, err)
	case err != nil:
		return nil, fmt.Errorf("log in as role %q: %w", role, translateError(err))
	}
	return conn, nil
}

// CountSessions returns how many sessions of a role the database has.
func (s *Store) CountSessions(ctx context.Context, role string) (int, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	n, err := s.queries.CountSessions(ctx, role)
	if err != nil {
		return 0, fmt.Errorf("count the sessions of role %q: %w", role, translateError(err))
	}
	return int(n), nil
}

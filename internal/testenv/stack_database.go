package testenv

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// database is the stack's own in its Postgres, with its two roles.
type database struct {
	name, ownerRole, serverRole string
}

// createDatabase makes the owner, who migrates and writes, and the server's role, who may only do
// what `lectern migrate` grants.
func (s *Stack) createDatabase(ctx context.Context) error {
	suffix := ""
	if s.Postgres.server == nil {
		// A server that was lent may hold other stacks: roles are shared by all its databases.
		suffix = "_" + randomSecret()[:8]
	}
	s.database = database{"lectern" + suffix, "lectern_owner" + suffix, "lectern_server" + suffix}
	ownerPassword, serverPassword := randomSecret(), randomSecret()
	for _, statement := range []string{
		fmt.Sprintf("create role %s login password '%s'", pgx.Identifier{s.database.ownerRole}.Sanitize(), ownerPassword),
		fmt.Sprintf("create role %s login password '%s'", pgx.Identifier{s.database.serverRole}.Sanitize(), serverPassword),
		// So that the controller may end what the servers' role keeps open.
		fmt.Sprintf("grant %s to %s", pgx.Identifier{s.database.serverRole}.Sanitize(), pgx.Identifier{s.database.ownerRole}.Sanitize()),
		fmt.Sprintf("create database %s owner %s", pgx.Identifier{s.database.name}.Sanitize(), pgx.Identifier{s.database.ownerRole}.Sanitize()),
	} {
		if err := s.Postgres.Exec(ctx, statement); err != nil {
			return fmt.Errorf("make the stack's database: %w", err)
		}
	}
	var err error
	if s.OwnerURL, err = s.writeDatabaseURL("owner", s.database.ownerRole, ownerPassword); err != nil {
		return err
	}
	s.ServerURL, err = s.writeDatabaseURL("server", s.database.serverRole, serverPassword)
	return err
}

// writeDatabaseURL keeps a role's URL in the file its process reads.
func (s *Stack) writeDatabaseURL(who, role, password string) (string, error) {
	at, err := url.Parse(s.Postgres.URL)
	if err != nil {
		return "", fmt.Errorf("read the URL of Postgres: %w", err)
	}
	at.User, at.Path = url.UserPassword(role, password), "/"+s.database.name
	return at.String(), s.writeSecret(who, at.String())
}

func (s *Stack) writeSecret(who, secret string) error {
	if err := os.WriteFile(s.secretFile(who), []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("write the database URL of the %s: %w", who, err)
	}
	return nil
}

// RouteDatabase has the processes reach their database in another way from their next connection on. OwnerURL and ServerURL
// stay as they are.
func (s *Stack) RouteDatabase(route func(to string) string) error {
	return errors.Join(s.writeSecret("owner", route(s.OwnerURL)), s.writeSecret("server", route(s.ServerURL)))
}

func (s *Stack) secretFile(who string) string { return filepath.Join(s.Dir, who+".url") }

// dropDatabase tidies up on a server that was lent; one of our own goes as a whole.
func (s *Stack) dropDatabase(ctx context.Context) error {
	if s.Postgres.server != nil || s.database.name == "" {
		return nil
	}
	for _, statement := range []string{"database if exists " + s.database.name + " with (force)", "role if exists " + s.database.ownerRole, "role if exists " + s.database.serverRole} {
		if err := s.Postgres.Exec(ctx, "drop "+statement); err != nil {
			return fmt.Errorf("drop %s: %w", strings.Fields(statement)[0], err)
		}
	}
	return nil
}

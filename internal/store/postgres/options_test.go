package postgres_test

import (
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/spf13/pflag"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestOptions_Validate(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		options postgres.Options
		want    string // part of the message; empty for none
	}{
		"nothing":                {postgres.Options{}, "no database given"},
		"two":                    {postgres.Options{URL: "postgres://h/d", URLFile: "f"}, "more than one"},
		"url":                    {postgres.Options{URL: "postgres://h/d"}, ""},
		"file":                   {postgres.Options{URLFile: "f"}, ""},
		"parts":                  {postgres.Options{Host: "h", Database: "d", User: "u"}, ""},
		"parts without database": {postgres.Options{Host: "h", User: "u"}, "--database-name"},
		"parts beside a url":     {postgres.Options{URL: "postgres://h/d", SSLMode: "require"}, "go with --database-host"},
		"parts and a folder":     {postgres.Options{Host: "h", Database: "d", CredentialsFolder: "f"}, ""},
		"a url and a folder":     {postgres.Options{URL: "postgres://h/d", CredentialsFolder: "f"}, ""},
		"a user and a folder":    {postgres.Options{Host: "h", Database: "d", User: "u", CredentialsFolder: "f"}, "leave out --database-user"},
		"parts without a user":   {postgres.Options{Host: "h", Database: "d"}, "--database-user or --database-credentials-folder"},
		"certificates, no TLS":   {postgres.Options{Host: "h", Database: "d", User: "u", SSLMode: "disable", CAFile: "f"}, "asks for none"},
		"negative pool":          {postgres.Options{URL: "postgres://h/d", PoolSize: -1}, "--database-pool-size is -1"},
		"negative timeout":       {postgres.Options{URL: "postgres://h/d", IdleTimeout: -1}, "cannot be negative"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := tc.options.Validate()
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestOptions_AddFlags(t *testing.T) {
	t.Parallel()
	var got postgres.Options
	flags := pflag.NewFlagSet("", pflag.ContinueOnError)
	got.AddFlags(flags)
	require.NoError(t, flags.Parse([]string{"--database-host=db", "--database-name=lectern", "--database-user=u", "--database-connect-timeout=5s"}))
	want := postgres.Options{
		Host: "db", Port: 5432, Database: "lectern", User: "u", PreparedStatements: postgres.PrepareAuto,
		PoolSize: 20, IdleTimeout: 30 * time.Second, ConnectionLifetime: 5 * time.Minute, ConnectTimeout: 5 * time.Second,
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(postgres.Options{})); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

// TestOptions_URLFile rotates the file under an open store: new connections use what it says now.
func TestOptions_URLFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(file, []byte("postgres://nobody@127.0.0.1:1/nowhere\n"), 0o600))
	s := openStore(t, postgres.Options{URLFile: file})
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("ping of a closed port: %v, want that the database is away", err)
	}
	require.NoError(t, os.WriteFile(file, []byte(pgtest.New(t).URL+"\n"), 0o600))
	require.NoError(t, s.Ping(t.Context()))
	require.NoError(t, s.VerifySchema(t.Context()))
}

// TestOptions_URLFileOfAnEditor: a byte order mark is no part of what a file says, and another encoding is named.
func TestOptions_URLFileOfAnEditor(t *testing.T) {
	t.Parallel()
	url := pgtest.New(t).URL
	utf16 := func(order binary.AppendByteOrder) []byte {
		var content []byte
		for _, unit := range "\ufeff" + url {
			content = order.AppendUint16(content, uint16(unit))
		}
		return content
	}
	for name, tc := range map[string]struct {
		content []byte
		want    string
	}{
		"UTF-8 with a mark":         {[]byte("\ufeff" + url + "\r\n"), ""},
		"UTF-16":                    {utf16(binary.LittleEndian), "is not UTF-8 text; save it as UTF-8"},
		"UTF-16 of the other order": {utf16(binary.BigEndian), "is not UTF-8 text; save it as UTF-8"},
		"nothing but a mark":        {[]byte("\ufeff\n"), "is empty"},
	} {
		file := filepath.Join(t.TempDir(), "url")
		require.NoError(t, os.WriteFile(file, tc.content, 0o600))
		for flag, options := range map[string]postgres.Options{
			"--database-url-file":        {URLFile: file},
			"--database-listen-url-file": {URL: url, ListenURLFile: file},
		} {
			err := listenFirst(t, options)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), flag) || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s in %s: %v, want %q", name, flag, err, tc.want)
			}
		}
	}
}

// listenFirst opens a store, reaches its database and listens until notifications are heard.
func listenFirst(t *testing.T, o postgres.Options) error {
	t.Helper()
	o.ConnectTimeout = patience
	s, err := postgres.Open(t.Context(), o)
	if err != nil {
		return err
	}
	t.Cleanup(s.Close)
	if err := s.Ping(t.Context()); err != nil {
		return err
	}
	startListening(t, listenToFeed(s))
	awaitHearing(t, s, true)
	return nil
}

func TestOpen_UnreadableOptions(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]postgres.Options{
		"no file":     {URLFile: filepath.Join(t.TempDir(), "absent")},
		"not a url":   {URL: "postgres://h:port/d"},
		"no password": {Host: "h", Database: "d", User: "u", PasswordFile: filepath.Join(t.TempDir(), "absent")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if s, err := postgres.Open(t.Context(), o); err == nil {
				s.Close()
				t.Error("opened")
			}
		})
	}
}

// TestOptions_Parts connects by host, port, names and a password file.
func TestOptions_Parts(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	cfg := pgtest.Connect(t, owner).Config()
	password := filepath.Join(t.TempDir(), "password")
	require.NoError(t, os.WriteFile(password, []byte(cfg.Password), 0o600))
	s := openStore(t, postgres.Options{
		Host: cfg.Host, Port: cfg.Port, Database: cfg.Database, User: cfg.User, PasswordFile: password, SSLMode: "disable",
	})
	require.NoError(t, s.VerifySchema(t.Context()))
}

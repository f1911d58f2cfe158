package postgres_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	certificates "github.com/lectern-dev/lectern/internal/testenv/certificate"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newAuthority returns a certificate that signs those of servers.
func newAuthority(t *testing.T) certificates.Pair {
	t.Helper()
	authority, err := certificates.New(certificates.Options{})
	require.NoError(t, err)
	return authority
}

// useCertificate has a server, wherever it runs, take a certificate: it writes the files itself, into its data folder.
func useCertificate(t *testing.T, server *testenv.Postgres, certificate, key []byte) {
	t.Helper()
	for file, content := range map[string][]byte{"server.crt": certificate, "server.key": key} {
		require.NoError(t, server.Exec(t.Context(), fmt.Sprintf("copy (select '%s') to program 'base64 -d > %s && chmod 600 %[2]s'", base64.StdEncoding.EncodeToString(content), file)))
	}
	require.NoError(t, server.Exec(t.Context(), "alter system set ssl = on"))
	require.NoError(t, server.Exec(t.Context(), "select pg_reload_conf()"))
	require.Until(t, "the server speaks TLS", func() bool {
		s, err := postgres.Open(t.Context(), postgres.Options{URL: strings.Replace(server.URL, "sslmode=disable", "sslmode=require", 1)})
		require.NoError(t, err)
		defer s.Close()
		return s.Ping(t.Context()) == nil
	})
}

// TestOptions_CAFile connects to a server with a certificate: only where it is of the authority and of the host that was asked for.
func TestOptions_CAFile(t *testing.T) {
	t.Parallel()
	trusted, other := newAuthority(t), newAuthority(t)
	folder := t.TempDir()
	write := func(name string, content []byte) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, content, 0o600))
		return path
	}
	ca, otherCA := write("ca.crt", trusted.Certificate), write("other.crt", other.Certificate)
	signed, err := trusted.Sign(certificates.Options{Names: []string{"localhost"}})
	require.NoError(t, err)
	server, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	useCertificate(t, server, signed.Certificate, signed.Key)
	at, err := url.Parse(server.URL)
	require.NoError(t, err)
	port, err := strconv.ParseUint(at.Port(), 10, 16)
	require.NoError(t, err)
	password, _ := at.User.Password()
	withHost := func(host, query string) string {
		u := *at
		u.Host, u.RawQuery = host+":"+at.Port(), query
		return u.String()
	}
	parts := func(host, ca, mode string) postgres.Options {
		return postgres.Options{Host: host, Port: uint16(port), Database: "postgres", User: at.User.Username(), PasswordFile: write("password", []byte(password)), CAFile: ca, SSLMode: mode}
	}
	for name, tc := range map[string]struct {
		options postgres.Options
		want    string // part of the message; empty where it connects
	}{
		"parts":                      {parts("localhost", ca, ""), ""},
		"parts, another host":        {parts("127.0.0.1", ca, ""), "127.0.0.1"},
		"parts, another authority":   {parts("localhost", otherCA, ""), "unknown authority"},
		"parts, any host":            {parts("127.0.0.1", ca, "verify-ca"), ""},
		"a url":                      {postgres.Options{URL: withHost("localhost", ""), CAFile: ca}, ""},
		"a url, another host":        {postgres.Options{URL: withHost("127.0.0.1", "connect_timeout=5"), CAFile: ca}, "127.0.0.1"},
		"a url with its own":         {postgres.Options{URL: withHost("localhost", "sslrootcert="+url.QueryEscape(ca)+"&sslmode=verify-full"), CAFile: otherCA}, ""},
		"keywords":                   {postgres.Options{URL: "host=localhost port=" + at.Port() + " dbname=postgres user=" + at.User.Username() + " password=" + password, CAFile: ca}, ""},
		"keywords, another host":     {postgres.Options{URL: "host=127.0.0.1 port=" + at.Port() + " dbname=postgres user=" + at.User.Username() + " password=" + password, CAFile: ca}, "127.0.0.1"},
		"no such file":               {parts("localhost", filepath.Join(folder, "absent"), ""), "absent"},
		"a url that is not readable": {postgres.Options{URL: withHost("localhost", "a=%zz"), CAFile: ca}, "no list of parameters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.options.ConnectTimeout = patience
			s, err := postgres.Open(t.Context(), tc.options)
			if err == nil {
				defer s.Close()
				err = s.Ping(t.Context())
			}
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
			if err != nil && strings.Contains(err.Error(), password) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}

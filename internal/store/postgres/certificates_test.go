package postgres_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// authority signs certificates of servers.
type authority struct {
	*testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	a := authority{T: t}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	var err error
	a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	require.NoError(t, err)
	a.certificate, err = x509.ParseCertificate(der)
	require.NoError(t, err)
	return a
}

// text is the authority's certificate as a file has it.
func (a authority) text() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// sign returns a server's certificate for a name, and its key.
func (a authority) sign(name string) (certificate, key []byte) {
	a.Helper()
	serverKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}, a.certificate, &serverKey.PublicKey, a.key)
	require.NoError(a, err)
	private, err := x509.MarshalPKCS8PrivateKey(serverKey)
	require.NoError(a, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
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
	ca, otherCA := write("ca.crt", trusted.text()), write("other.crt", other.text())
	certificate, key := trusted.sign("localhost")
	server, err := testenv.StartPostgres(t.Context(), testenv.PostgresOptions{})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	useCertificate(t, server, certificate, key)
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

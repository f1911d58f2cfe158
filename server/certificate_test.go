package server

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv"
	certificates "github.com/lectern-dev/lectern/internal/testenv/certificate"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// newPair returns a certificate for this machine of some number, and its key.
func newPair(t *testing.T, number int64) (cert, key []byte) {
	t.Helper()
	pair, err := certificates.New(certificates.Options{Serial: number, Names: []string{"127.0.0.1"}})
	require.NoError(t, err)
	return pair.Certificate, pair.Key
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, content, 0o600))
}

// TestCertificate_Rotates: a new pair is served without a restart, to new connections; a pair that does not fit, and files
// that are away, leave the old one in use and are logged once; streams go on.
func TestCertificate_Rotates(t *testing.T) {
	dir := t.TempDir()
	files := tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	firstCert, firstKey := newPair(t, 1)
	write(t, files.certFile, firstCert)
	write(t, files.keyFile, firstKey)
	log := &logbuffer.Buffer{}
	c, err := openCertificate(files, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	c.interval = 10 * time.Millisecond

	r := start(t, library(t))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	srv := newHTTPServer(r.endpoint, slog.New(slog.DiscardHandler))
	srv.TLSConfig = c.config()
	served := make(chan error, 1)
	go func() { served <- serveListener(srv, listener) }()
	following := make(chan struct{})
	go func() { c.follow(t.Context()); close(following) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
		<-following
	})
	address := listener.Addr().String()

	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(firstCert)
	remote := &transporttest.Remote{URL: "https://" + address, HTTP: &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
	}}}
	defer remote.HTTP.CloseIdleConnections()
	same(t, "Hello.", remote.Send(t, getPrompt("it.greeting", nil)).Text(t))
	stream := remote.Listen(t, request{})
	same(t, acknowledged("1"), stream.Next(t))

	secondCert, secondKey := newPair(t, 2)
	write(t, files.certFile, secondCert) // half-way: the key is still the first
	require.Until(t, "the half-written pair is logged", func() bool { return strings.Contains(log.String(), "private key does not match public key") })
	expectSerial(t, address, 1)
	write(t, files.keyFile, secondKey)
	require.Until(t, "the new certificate is served", func() bool { return serialOf(t, address) == 2 })
	require.NoError(t, os.Remove(files.keyFile))
	require.Until(t, "the missing key is logged", func() bool { return strings.Contains(log.String(), "no such file") })
	expectSerial(t, address, 2)
	same(t, "Hello.", remote.Send(t, getPrompt("it.greeting", nil)).Text(t)) // over the connection from before
}

func expectSerial(t *testing.T, address string, want int64) {
	t.Helper()
	if got := serialOf(t, address); got != want {
		t.Errorf("certificate %d is served, not %d", got, want)
	}
}

// serialOf returns the number of the certificate that a new connection is shown.
func serialOf(t *testing.T, address string) int64 {
	t.Helper()
	connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	return connection.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// TestCertificate_Protocols: TLS 1.1 is refused, 1.2 and 1.3 are spoken.
func TestCertificate_Protocols(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	cert, key := newPair(t, 1)
	write(t, files.certFile, cert)
	write(t, files.keyFile, key)
	address := testenv.FreeAddress(t)
	opts := Options{Addresses: []string{address}, Auth: noAuth, TLS: files, CatalogBytes: catalog.DefaultBytes, Prompts: t.TempDir()}
	runUntilEnd(t, opts)
	for version, spoken := range map[uint16]bool{tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		dial := func() error {
			connection, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true, MinVersion: version, MaxVersion: version})
			if err == nil {
				err = connection.Close()
			}
			return err
		}
		require.Until(t, "the server answers", func() bool { err := dial(); return err == nil || !strings.Contains(err.Error(), "refused") })
		if err := dial(); (err == nil) != spoken {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	plain := &transporttest.Remote{URL: "http://" + address, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if reply := plain.Send(t, getPrompt("it.greeting", nil)); reply.Status != http.StatusBadRequest {
		t.Errorf("plain HTTP: %d", reply.Status)
	}
}

func TestOpenCertificate_OfNoUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	if _, err := openCertificate(files, nil); err == nil || !strings.HasPrefix(err.Error(), "read --tls-cert-file and --tls-key-file: open ") {
		t.Errorf("missing: %v", err)
	}
	cert, _ := newPair(t, 1)
	_, key := newPair(t, 2)
	write(t, files.certFile, cert)
	write(t, files.keyFile, key)
	if _, err := openCertificate(files, nil); err == nil || !strings.Contains(err.Error(), "private key does not match public key") {
		t.Errorf("unlike: %v", err)
	}
}

// TestCertificate_LogsOnce: what stays wrong is logged once, and what is wrong otherwise again.
func TestCertificate_LogsOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	cert, key := newPair(t, 1)
	write(t, files.certFile, cert)
	write(t, files.keyFile, key)
	log := &logbuffer.Buffer{}
	c, err := openCertificate(files, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	expectLines := func(want int) {
		t.Helper()
		c.readAgain()
		c.readAgain()
		if got := strings.Count(log.String(), "\n"); got != want {
			t.Errorf("%d lines, not %d:\n%s", got, want, log)
		}
	}
	expectLines(0)
	require.NoError(t, os.Remove(files.keyFile))
	expectLines(1)
	write(t, files.keyFile, []byte("no key"))
	expectLines(2)
	cert, key = newPair(t, 2)
	write(t, files.certFile, cert)
	write(t, files.keyFile, key)
	expectLines(3)
}

// TestCertificate_LogsEachOutage: what is wrong with the files is told once while it lasts, and anew when it comes again.
func TestCertificate_LogsEachOutage(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := tlsOptions{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")}
	cert, key := newPair(t, 1)
	write(t, files.certFile, cert)
	write(t, files.keyFile, key)
	log := &logbuffer.Buffer{}
	c, err := openCertificate(files, slog.New(slog.NewTextHandler(log, nil)))
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, os.Remove(files.keyFile))
		c.readAgain()
		c.readAgain()
		write(t, files.keyFile, key)
		c.readAgain()
	}
	if got := strings.Count(log.String(), "could not be read again"); got != 2 {
		t.Errorf("2 outages are logged %d times", got)
	}
}

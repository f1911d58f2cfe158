package sdptest

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// TB is what Start needs of a test. It is no testing.TB so that a program which serves the fake has
// none of package testing.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// urls are the addresses of a started fake, and the certificate it serves TLS with.
type urls struct {
	api, accounts string
	bundle        []byte
}

// URL returns the base URL of ServiceDesk Plus: scheme, host and port. It is empty before Start or Listen.
func (s *Server) URL() string { return s.urls.api }

// AccountsURL returns the base URL of the accounts server.
func (s *Server) AccountsURL() string { return s.urls.accounts }

// Start serves a fake on two free ports of the loopback until the test ends.
func Start(t TB, o Options) *Server {
	t.Helper()
	s := New(o)
	stop, err := s.Listen("127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("start the fake ServiceDesk Plus: %v", err)
	}
	t.Cleanup(stop)
	return s
}

// Listen serves the fake on two addresses until the returned function is called, which waits for
// calls that run.
func (s *Server) Listen(api, accounts string) (stop func(), err error) {
	var started []*http.Server
	stop = func() {
		s.Close()
		for _, server := range started {
			_ = server.Close()
		}
		s.running.Lock() // a call holds it for reading
		defer s.running.Unlock()
	}
	names := s.Options().TLSNames
	var certificates []tls.Certificate
	if names != nil {
		certificate, bundle, err := newCertificate(names)
		if err != nil {
			return nil, err
		}
		s.urls.bundle, certificates = bundle, []tls.Certificate{certificate}
	}
	for _, one := range []struct {
		address string
		handler http.Handler
		url     *string
	}{{api, s.Handler(), &s.urls.api}, {accounts, s.AccountsHandler(), &s.urls.accounts}} {
		listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", one.address)
		if err != nil {
			stop()
			return nil, err
		}
		server := &http.Server{Handler: one.handler, ReadHeaderTimeout: time.Minute, ErrorLog: log.New(io.Discard, "", 0)}
		started = append(started, server)
		*one.url = "http://" + listener.Addr().String()
		serve := server.Serve
		if certificates != nil {
			*one.url = "https://" + listener.Addr().String()
			server.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: certificates}
			serve = func(l net.Listener) error { return server.ServeTLS(l, "", "") }
		}
		go func() { _ = serve(listener) }() // until stop
	}
	return stop, nil
}

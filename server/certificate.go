package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"
)

// certificateInterval is how often the files of the certificate are read. A kubelet takes a minute to bring a new one.
const certificateInterval = 10 * time.Second

// tlsOptions are the files of a certificate; empty where something in front of the server speaks TLS, or nothing does.
type tlsOptions struct{ certFile, keyFile string }

// AddFlags registers the flags of the certificate.
func (o *tlsOptions) AddFlags(fs *pflag.FlagSet) {
	fs.StringVar(&o.certFile, "tls-cert-file", "", "file with the certificate for --address and those above it, PEM; read again when it changes; without one plain HTTP is served")
	fs.StringVar(&o.keyFile, "tls-key-file", "", "file with the private key of --tls-cert-file, PEM; read again when it changes")
}

// Validate returns what is wrong with the options, in the words of the flags.
func (o *tlsOptions) Validate() error {
	if (o.certFile == "") != (o.keyFile == "") {
		return errors.New("--tls-cert-file and --tls-key-file go together; give both, or neither for plain HTTP behind something that speaks TLS")
	}
	return nil
}

// certificate is that of this server, as its files last had a good one. A nil one is of a server without TLS.
type certificate struct {
	files    tlsOptions
	interval time.Duration
	log      *slog.Logger
	current  atomic.Pointer[tls.Certificate]
	// cert and key are what the files had when they were last read, good or not.
	cert, key []byte
	// problem is what was wrong with them when they were last read.
	problem string
}

// openCertificate reads the certificate; the first one has to be good.
func openCertificate(files tlsOptions, log *slog.Logger) (*certificate, error) {
	if files.certFile == "" {
		return nil, nil //nolint:nilnil // a server without TLS
	}
	c := &certificate{files: files, interval: certificateInterval, log: log}
	if _, err := c.reload(); err != nil {
		return nil, fmt.Errorf("read --tls-cert-file and --tls-key-file: %w", err)
	}
	return c, nil
}

// reload reads the files, and reports whether they have changed. A pair that does not fit, as while they are written one
// after the other, changes nothing.
func (c *certificate) reload() (changed bool, err error) {
	cert, err := os.ReadFile(c.files.certFile)
	if err != nil {
		return false, err
	}
	key, err := os.ReadFile(c.files.keyFile)
	if err != nil {
		return false, err
	}
	if bytes.Equal(cert, c.cert) && bytes.Equal(key, c.key) {
		return false, nil
	}
	c.cert, c.key = cert, key
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return true, err
	}
	c.current.Store(&pair)
	return true, nil
}

// follow reads the files again and again until ctx ends.
func (c *certificate) follow(ctx context.Context) {
	if c == nil {
		return
	}
	tick := time.NewTicker(c.interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			c.readAgain()
		}
	}
}

// readAgain takes what the files have now. What is wrong with them is in the log once.
func (c *certificate) readAgain() {
	changed, err := c.reload()
	before := c.problem
	if c.problem = ""; err != nil {
		c.problem = err.Error()
	}
	switch {
	case err != nil && (changed || c.problem != before):
		c.log.Error("The TLS certificate could not be read again, the last good one is used", "err", err, "expires", c.expiry())
	case err == nil && changed:
		c.log.Info("Read a new TLS certificate", "expires", c.expiry())
	}
}

// config returns what a listener needs; nil without TLS.
func (c *certificate) config() *tls.Config {
	if c == nil {
		return nil
	}
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current.Load(), nil },
	}
}

// expiry returns when the certificate in use expires.
func (c *certificate) expiry() time.Time { return c.current.Load().Leaf.NotAfter }

// metrics returns when the certificate expires, to be registered.
func (c *certificate) metrics() []prometheus.Collector {
	if c == nil {
		return nil
	}
	return []prometheus.Collector{prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "lectern_tls_certificate_expiry_timestamp_seconds",
		Help: "When the TLS certificate in use expires, as Unix time.",
	}, func() float64 { return float64(c.expiry().Unix()) })}
}

// Package certificates reads what a person trusts instead of the authorities of the system.
package certificates

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
)

// ReadPool returns the certificates of a file in PEM.
func ReadPool(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(filepath.Clean(file))
	if err != nil {
		return nil, err
	}
	return ParsePool(text)
}

// ParsePool returns the certificates in PEM. It passes over what is none among them, and returns an error where all of it is none.
func ParsePool(text []byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, errors.New("no certificate in PEM")
	}
	return pool, nil
}

// Package certificates reads what a person trusts instead of the authorities of the system.
package certificates

import (
	"crypto/x509"
	"encoding/pem"
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
		return nil, errNone
	}
	return pool, nil
}

var errNone = errors.New("no certificate in PEM")

// Extract returns the certificates in PEM, and nothing that is beside them: a private key may be. It returns an error where there is none.
func Extract(text []byte) ([]byte, error) {
	var found []byte
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if _, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			found = append(found, pem.EncodeToMemory(&pem.Block{Type: block.Type, Bytes: block.Bytes})...)
		}
	}
	if found == nil {
		return nil, errNone
	}
	return found, nil
}

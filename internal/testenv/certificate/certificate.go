// Package certificate makes certificates that nobody else vouches for: of test servers, of authorities of tests, and of the services
// that testenv starts. They are valid from an hour ago on, since clocks differ.
package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Options say what a certificate is for.
type Options struct {
	// Serial is its number; a random one when zero.
	Serial int64
	// Names are the DNS names and addresses of a server.
	Names []string
	// Life is how long it is valid from now on, an hour when zero.
	Life time.Duration
}

// Pair is a certificate and its key, in PEM as files have them.
type Pair struct {
	Certificate, Key []byte

	parsed  *x509.Certificate
	private *ecdsa.PrivateKey
}

// New returns a certificate that is its own authority, and may sign others.
func New(o Options) (Pair, error) {
	template := newTemplate(&o)
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign
	return makePair(template, nil)
}

// Sign returns a certificate of a server that p vouches for.
func (p *Pair) Sign(o Options) (Pair, error) { return makePair(newTemplate(&o), p) }

func newTemplate(o *Options) *x509.Certificate {
	serial := big.NewInt(o.Serial)
	if o.Serial == 0 {
		serial = big.NewInt(time.Now().UnixNano())
	}
	life := o.Life
	if life == 0 {
		life = time.Hour
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "lectern local"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	for _, name := range o.Names {
		if address := net.ParseIP(name); address != nil {
			template.IPAddresses = append(template.IPAddresses, address)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	return template
}

// makePair makes a key and the certificate of it, signed by an authority, or by itself where that is nil.
func makePair(template *x509.Certificate, by *Pair) (Pair, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, fmt.Errorf("make a key: %w", err)
	}
	parent, signer := template, private
	if by != nil {
		parent, signer = by.parsed, by.private
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &private.PublicKey, signer)
	if err != nil {
		return Pair{}, fmt.Errorf("make a certificate: %w", err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return Pair{}, fmt.Errorf("read a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Pair{}, fmt.Errorf("encode a key: %w", err)
	}
	return Pair{
		Certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}),
		parsed:      parsed, private: private,
	}, nil
}

package testenv

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
	"os"
	"path/filepath"
	"time"
)

// What writeKeys leaves in the control plane's folder.
const (
	servingCert = "serving.crt"
	servingKey  = "serving.key"
	accountKey  = "service-account.key"
	tokenFile   = "tokens.csv"
)

// ControllerUser is who a stack's controller is to the API server.
const ControllerUser = "lectern-controller"

// writeKeys writes the API server's certificate, which is its own authority, the key that signs
// service account tokens, and the users' tokens. It returns the certificate as PEM.
func writeKeys(dir, admin, controller string) ([]byte, error) {
	serving, servingPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	_, accountPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "lectern local"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(7 * 24 * time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &serving.PublicKey, serving)
	if err != nil {
		return nil, fmt.Errorf("make the API server's certificate: %w", err)
	}
	cert := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for name, content := range map[string][]byte{
		servingCert: cert, servingKey: servingPEM, accountKey: accountPEM,
		tokenFile: fmt.Appendf(nil, "%s,lectern-admin,lectern-admin,system:masters\n%s,%s,%[3]s\n", admin, controller, ControllerUser),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return cert, nil
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("encode a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lectern-dev/lectern/internal/testenv/certificate"
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
	serving, err := certificate.New(certificate.Options{Names: []string{"localhost", "127.0.0.1"}, Life: 7 * 24 * time.Hour})
	if err != nil {
		return nil, fmt.Errorf("make the API server's certificate: %w", err)
	}
	accountPEM, err := newKey()
	if err != nil {
		return nil, err
	}
	for name, content := range map[string][]byte{
		servingCert: serving.Certificate, servingKey: serving.Key, accountKey: accountPEM,
		tokenFile: fmt.Appendf(nil, "%s,lectern-admin,lectern-admin,system:masters\n%s,%s,%[3]s\n", admin, controller, ControllerUser),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
	}
	return serving.Certificate, nil
}

func newKey() ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

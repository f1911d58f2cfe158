package certificates

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestExtract(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	made, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: made})
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	misnamed := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secret})

	extracted, err := Extract(slices.Concat([]byte("# of the proxy\n"), certificate, private, misnamed, certificate, []byte("password: hunter2")))
	require.NoError(t, err)
	if want := slices.Concat(certificate, certificate); !bytes.Equal(extracted, want) {
		t.Errorf("got\n%s\nwant\n%s", extracted, want)
	}
	if _, err := Extract(private); err == nil {
		t.Error("a private key is no certificate")
	}
}

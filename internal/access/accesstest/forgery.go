package accesstest

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strings"
	"testing"
)

// EncodeSegment encodes a part of a token.
func EncodeSegment(content []byte) string { return base64.RawURLEncoding.EncodeToString(content) }

// Unsigned returns the token with the algorithm "none", in a spelling of it, and without a signature.
func Unsigned(token, algorithm string) string {
	parts := strings.Split(token, ".")
	return EncodeSegment(fmt.Appendf(nil, `{"alg":%q,"typ":"JWT"}`, algorithm)) + "." + parts[1] + "."
}

// SignByPublicKey returns the token signed with HS256, for which the issuer's newest public key, as PEM, is the secret.
func (i *Issuer) SignByPublicKey(t testing.TB, token string) string {
	t.Helper()
	keys := i.PublicKeys().Keys
	key := keys[len(keys)-1]
	der, err := x509.MarshalPKIXPublicKey(key.Key)
	if err != nil {
		t.Fatal(err)
	}
	secret := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	signed := EncodeSegment(fmt.Appendf(nil, `{"alg":"HS256","kid":%q,"typ":"JWT"}`, key.KeyID)) + "." + strings.Split(token, ".")[1]
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(signed))
	return signed + "." + EncodeSegment(mac.Sum(nil))
}

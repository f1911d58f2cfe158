package testenv

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// signAgain returns a token of the API server with another expiry, signed with the API server's own key (ES256, RFC 7518
// section 3.4).
func (c *ControlPlane) signAgain(token string, expires time.Time) (string, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return "", errors.New("the token is no JSON Web Token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	var claims map[string]any
	if err := json.Unmarshal(payload, &claims); err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	issued := expires.Add(-time.Hour).Unix()
	claims["iat"], claims["nbf"], claims["exp"] = issued, issued, expires.Unix()
	if payload, err = json.Marshal(claims); err != nil {
		return "", fmt.Errorf("write the token: %w", err)
	}
	key, err := c.readAccountKey()
	if err != nil {
		return "", err
	}
	signed := parts[0] + "." + base64.RawURLEncoding.EncodeToString(payload)
	digest := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, digest[:])
	if err != nil {
		return "", fmt.Errorf("sign the token: %w", err)
	}
	signature := make([]byte, 64)
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (c *ControlPlane) readAccountKey() (*ecdsa.PrivateKey, error) {
	content, err := os.ReadFile(filepath.Join(c.dir, accountKey))
	if err != nil {
		return nil, fmt.Errorf("read the key of service accounts: %w", err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, errors.New("the key of service accounts is no PEM")
	}
	return x509.ParseECPrivateKey(block.Bytes)
}

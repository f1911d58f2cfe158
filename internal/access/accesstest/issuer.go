// Package accesstest has an OpenID Connect issuer for tests: a real one to whoever verifies its tokens, over TLS, that
// signs whatever it is asked to.
//
// It knows nothing of package access. Its invariant: it is reached by its URL alone, so that another process can be told
// of it by flags.
package accesstest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// DiscoveryPath and KeysPath are where the issuer serves its two documents.
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	KeysPath      = "/keys"
)

// Issuer is an OpenID Connect issuer that can do wrong.
type Issuer struct {
	// URL is the issuer's, and the `iss` of its tokens. CAFile is a path of the PEM certificate that verifies it.
	URL, CAFile string
	// KeyFetches counts how often its keys were asked for.
	KeyFetches atomic.Int64

	server *httptest.Server

	mu sync.Mutex
	// keys are those it publishes; the newest, which it signs with, is the last.
	keys []signingKey
	away bool
	// handlers stand in for its documents, by path.
	handlers map[string]http.HandlerFunc
}

type signingKey struct {
	id        string
	algorithm jose.SignatureAlgorithm
	private   crypto.Signer
}

// StartIssuer starts an issuer with an RS256 key, which runs until the test ends.
func StartIssuer(t testing.TB) *Issuer {
	t.Helper()
	i := &Issuer{handlers: map[string]http.HandlerFunc{}}
	i.AddKey(t, jose.RS256)
	i.server = httptest.NewTLSServer(i)
	t.Cleanup(i.server.Close)
	i.URL, i.CAFile = i.server.URL, filepath.Join(t.TempDir(), "issuer.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.server.Certificate().Raw})
	if err := os.WriteFile(i.CAFile, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

// AddKey has the issuer sign with a new key, and publish it beside the ones before. It returns the key's id.
func (i *Issuer) AddKey(t testing.TB, algorithm jose.SignatureAlgorithm) string {
	t.Helper()
	private, err := newPrivateKey(algorithm)
	if err != nil {
		t.Fatal(err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	id := fmt.Sprintf("key-%d-%d", len(i.keys), time.Now().UnixNano())
	i.keys = append(i.keys, signingKey{id: id, algorithm: algorithm, private: private})
	return id
}

func newPrivateKey(algorithm jose.SignatureAlgorithm) (crypto.Signer, error) {
	switch algorithm {
	case jose.ES256:
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case jose.ES384:
		return ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case jose.ES512:
		return ecdsa.GenerateKey(elliptic.P521(), rand.Reader)
	case jose.EdDSA:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	default:
		return rsa.GenerateKey(rand.Reader, 2048)
	}
}

// RemoveOldKeys has the issuer publish its newest key alone.
func (i *Issuer) RemoveOldKeys() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = i.keys[len(i.keys)-1:]
}

// SetAway has the issuer break connections off, or answer again.
func (i *Issuer) SetAway(away bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.away = away
}

// SetHandler has another handler serve a path; nil undoes that.
func (i *Issuer) SetHandler(path string, handler http.HandlerFunc) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.handlers[path] = handler
}

// ServeHTTP serves the issuer's documents.
func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == KeysPath {
		i.KeyFetches.Add(1)
	}
	i.mu.Lock()
	away, handler := i.away, i.handlers[r.URL.Path]
	i.mu.Unlock()
	switch {
	case away:
		panic(http.ErrAbortHandler)
	case handler != nil:
		handler(w, r)
	case r.URL.Path == DiscoveryPath:
		writeJSON(w, map[string]any{"issuer": i.URL, "jwks_uri": i.URL + KeysPath})
	case r.URL.Path == KeysPath:
		writeJSON(w, i.PublicKeys())
	default:
		http.NotFound(w, r)
	}
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(value)
}

// PublicKeys returns what the issuer publishes.
func (i *Issuer) PublicKeys() jose.JSONWebKeySet {
	i.mu.Lock()
	defer i.mu.Unlock()
	var set jose.JSONWebKeySet
	for _, key := range i.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{
			Key: key.private.Public(), KeyID: key.id, Algorithm: string(key.algorithm), Use: "sig",
		})
	}
	return set
}

// Claims are the members of a token's payload.
type Claims map[string]any

// NewClaims returns those of a token of this issuer that is good for an hour, and those given; nil removes one.
func (i *Issuer) NewClaims(given Claims) Claims {
	claims := Claims{"iss": i.URL, "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	maps.Copy(claims, given)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// Token returns a token with NewClaims, signed by the newest key.
func (i *Issuer) Token(t testing.TB, given Claims) string {
	t.Helper()
	payload, err := json.Marshal(i.NewClaims(given))
	if err != nil {
		t.Fatal(err)
	}
	return i.Sign(t, payload, nil)
}

// Sign returns a token of that payload, signed by the newest key. The header has the members given besides `alg` and `kid`;
// a `kid` among them is the one that is written.
func (i *Issuer) Sign(t testing.TB, payload []byte, header map[jose.HeaderKey]any) string {
	t.Helper()
	i.mu.Lock()
	key := i.keys[len(i.keys)-1]
	i.mu.Unlock()
	options := (&jose.SignerOptions{ExtraHeaders: maps.Clone(header)}).WithType("JWT")
	if _, has := header["kid"]; !has {
		options.WithHeader("kid", key.id)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: key.algorithm, Key: key.private}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// ReplaceHeader returns the token with another header, and so with a signature that does not fit any more.
func ReplaceHeader(token, header string) string {
	_, rest, _ := strings.Cut(token, ".")
	return EncodeSegment([]byte(header)) + "." + rest
}

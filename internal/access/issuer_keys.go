package access

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// minKeyFetchInterval is the least time between two fetches, whatever keys tokens name.
	minKeyFetchInterval = 10 * time.Second
	// freshKeys is how long keys are used without asking the issuer whether they still are its own.
	freshKeys = 10 * time.Minute
	// staleKeys is after how long the issuer is asked first, for staleWait: where no token came for a while, nobody asked
	// beside the requests, and a key may have been removed since.
	staleKeys = 2 * freshKeys
	staleWait = time.Second
	// maxKeyAge is how long keys are used while the issuer is away: one that was stolen and removed dies in the end.
	maxKeyAge = 24 * time.Hour
)

// issuerKeys are the public keys of an issuer, in memory. At most one fetch runs at a time, and one in minKeyFetchInterval.
type issuerKeys struct {
	// life ends fetches, with the process.
	life  context.Context
	log   *slog.Logger
	now   func() time.Time
	fetch func(context.Context) ([]jose.JSONWebKey, error)

	mu sync.Mutex
	// keys are of fetchedAt. failure is why the last fetch failed, nil if it did not; before the first one both are unset.
	keys      []jose.JSONWebKey
	fetchedAt time.Time
	failure   error
	// begunAt is when the last fetch began, and running is closed when it ends; nil while there is none.
	begunAt time.Time
	running chan struct{}
}

// findKeys returns the keys that may have signed a token whose header names keyID and algorithm. The error wraps
// ErrUnavailable where the issuer has to be asked and does not answer, else an *InvalidTokenError.
func (k *issuerKeys) findKeys(ctx context.Context, keyID, algorithm string) ([]jose.JSONWebKey, error) {
	keys, age := k.cachedKeys(keyID, algorithm)
	known := len(keys) > 0 && age < maxKeyAge
	if known && age < freshKeys {
		return keys, nil
	}
	running := k.beginFetch()
	switch {
	case known && age < staleKeys:
		return keys, nil
	case known:
		k.waitForFetch(ctx, running, staleWait)
	case !k.waitForFetch(ctx, running, issuerTimeout):
		return nil, fmt.Errorf("%w: the issuer does not answer", ErrUnavailable)
	}
	keys, age = k.cachedKeys(keyID, algorithm)
	switch failure := k.lastFailure(); {
	case len(keys) > 0 && age < maxKeyAge:
		return keys, nil
	case failure != nil:
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, failure)
	}
	return nil, &InvalidTokenError{Reason: "the issuer has no such key"}
}

// waitForFetch waits until the fetch ends, if one runs, and returns false if it did not in time.
func (k *issuerKeys) waitForFetch(ctx context.Context, running <-chan struct{}, most time.Duration) bool {
	if running == nil {
		return true
	}
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-running:
		return true
	case <-ctx.Done():
	case <-late.C:
	}
	return false
}

// cachedKeys returns the keys in memory that fit, and since when they are.
func (k *issuerKeys) cachedKeys(keyID, algorithm string) ([]jose.JSONWebKey, time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return selectKeys(k.keys, keyID, algorithm), k.now().Sub(k.fetchedAt)
}

func (k *issuerKeys) lastFailure() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failure
}

// beginFetch begins a fetch unless one runs or began less than minKeyFetchInterval ago. It returns what is closed when the
// running one ends, and nil where none runs.
func (k *issuerKeys) beginFetch() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.running != nil {
		return k.running
	}
	now := k.now()
	if !k.begunAt.IsZero() && now.Sub(k.begunAt) < minKeyFetchInterval {
		return nil
	}
	k.begunAt, k.running = now, make(chan struct{})
	go k.fetchOnce(k.running)
	return k.running
}

// fetchOnce replaces the keys by those the issuer has now, or keeps them if it cannot be asked.
func (k *issuerKeys) fetchOnce(done chan struct{}) {
	keys, err := k.fetch(k.life)
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case err != nil && k.failure == nil:
		k.log.Error("Failed to fetch the keys of the OIDC issuer; those known stay in use", "error", err.Error(), "keys", len(k.keys))
	case err == nil && (k.failure != nil || k.fetchedAt.IsZero()):
		k.log.Info("Fetched the keys of the OIDC issuer", "keys", len(keys))
	}
	if k.failure = err; err == nil {
		k.keys, k.fetchedAt = keys, k.now()
	}
	k.running = nil
	close(done)
}

// selectKeys returns the keys that fit the header of a token. Without a key id there must be exactly one such key (OpenID
// Connect Core 10.1).
func selectKeys(keys []jose.JSONWebKey, keyID, algorithm string) []jose.JSONWebKey {
	var fitting []jose.JSONWebKey
	for i := range keys {
		if (keyID == "" || keys[i].KeyID == keyID) && slices.Contains(algorithmsOf(keys[i]), algorithm) {
			fitting = append(fitting, keys[i])
		}
	}
	if keyID == "" && len(fitting) > 1 {
		return nil
	}
	return fitting
}

// algorithmsOf returns what a public key may verify: what its type allows, and only what it says itself where it does. RSA
// keys have 2,048 to 8,192 bits.
func algorithmsOf(key jose.JSONWebKey) []string {
	var allowed []string
	switch public := key.Key.(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits >= 2048 && bits <= 8192 {
			allowed = []string{"RS256", "RS384", "RS512"}
		}
	case *ecdsa.PublicKey:
		switch public.Curve {
		case elliptic.P256():
			allowed = []string{"ES256"}
		case elliptic.P384():
			allowed = []string{"ES384"}
		case elliptic.P521():
			allowed = []string{"ES512"}
		}
	case ed25519.PublicKey:
		allowed = []string{"EdDSA"}
	}
	if key.Algorithm != "" {
		return slices.DeleteFunc(allowed, func(a string) bool { return a != key.Algorithm })
	}
	return allowed
}

package access

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	// MaxTokenLength is that of tokens that are looked at, in bytes.
	MaxTokenLength = 16 << 10
	// provenFor and refusedFor are how long an answer about a token counts. An API server keeps its own for 10 s more.
	provenFor  = 30 * time.Second
	refusedFor = 10 * time.Second
	// keptProven and keptRefused are how many answers are kept: about 1 KB each, and 200 bytes.
	keptProven  = 4096
	keptRefused = 4096
)

// tokenAnswer is whom a token proves, or why nobody.
type tokenAnswer struct {
	identity Identity
	refused  *InvalidTokenError
}

func (a *tokenAnswer) unwrap() (Identity, error) {
	if a.refused != nil {
		return Identity{}, a.refused
	}
	return a.identity, nil
}

// provenAnswer counts for 30 s, and no longer than the token.
func provenAnswer(identity Identity, asked time.Time) answer[tokenAnswer] {
	proven := answer[tokenAnswer]{value: tokenAnswer{identity: identity}, asked: asked, expires: asked.Add(provenFor)}
	if !identity.Expires.IsZero() && identity.Expires.Before(proven.expires) {
		proven.expires = identity.Expires
	}
	return proven
}

// tokenCache keeps whom tokens prove, and why they prove nobody.
type tokenCache struct {
	audiences []string
	now       func() time.Time
	keys      *cacheKeys
	answers   *answerCache[tokenAnswer]
}

func newTokenCache(audiences []string, now func() time.Time) *tokenCache {
	return &tokenCache{
		audiences: slices.Clone(audiences), now: now, keys: newCacheKeys(),
		answers: newAnswerCache[tokenAnswer](keptProven, keptRefused, now),
	}
}

// sendToken finds out whom a token proves. Its error is not kept.
type sendToken func(ctx context.Context) (answer[tokenAnswer], error)

// proveOnce returns what is kept, or what send finds.
func (c *tokenCache) proveOnce(ctx context.Context, token string, send sendToken) (Identity, error) {
	if err := validateToken(token); err != nil {
		return Identity{}, err
	}
	key := c.keys.ofToken(token, c.audiences)
	if known, ok := c.answers.lookUp(key); ok {
		return known.value.unwrap()
	}
	found, err := c.answers.ask(ctx, key, send)
	if err != nil {
		return Identity{}, err
	}
	return found.unwrap()
}

// proveAgain returns what send finds, and keeps it.
func (c *tokenCache) proveAgain(ctx context.Context, token string, send sendToken) (Identity, error) {
	if err := validateToken(token); err != nil {
		return Identity{}, err
	}
	found, err := c.answers.askAgain(ctx, c.keys.ofToken(token, c.audiences), send)
	if err != nil {
		return Identity{}, err
	}
	return found.unwrap()
}

// validateToken refuses what is no bearer token (RFC 6750 section 2.1) before anybody looks at it.
func validateToken(token string) error {
	if token == "" {
		return &InvalidTokenError{Reason: "it is empty"}
	}
	if len(token) > MaxTokenLength {
		return &InvalidTokenError{Reason: fmt.Sprintf("it is longer than %d bytes", MaxTokenLength)}
	}
	if !IsTokenSyntax(token) {
		return &InvalidTokenError{Reason: "it has characters that no bearer token has"}
	}
	return nil
}

// IsTokenSyntax reports whether a text is a b64token (RFC 6750, 2.1).
func IsTokenSyntax(text string) bool {
	text = strings.TrimRight(text, "=")
	for i := range len(text) {
		switch c := text[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~+/", c) >= 0:
		default:
			return false
		}
	}
	return text != ""
}

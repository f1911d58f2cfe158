package access

import (
	"context"
	"log/slog"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// oidcVerifier proves tokens by the keys of an OpenID Connect issuer, which is asked for nothing but those. Slices of what it
// returns are shared.
type oidcVerifier struct {
	*tokenCache
	algorithms []jose.SignatureAlgorithm
	keys       *issuerKeys
	rules      claimRules
}

// newOIDCVerifier returns a verifier for tokens whose `aud` has one of the audiences. It asks the issuer when the first token
// comes, and until ctx ends.
func newOIDCVerifier(ctx context.Context, o *OIDCOptions, audiences []string, log *slog.Logger, now func() time.Time) *oidcVerifier {
	client := &issuerClient{issuerURL: o.IssuerURL, caFile: o.CAFile}
	cache := newTokenCache(audiences, now)
	return &oidcVerifier{
		tokenCache: cache,
		algorithms: o.joseAlgorithms(),
		keys:       &issuerKeys{life: ctx, log: log, now: now, fetch: client.fetchKeys},
		rules: claimRules{
			issuer: o.IssuerURL, audiences: cache.audiences,
			usernameClaim: o.UsernameClaim, groupsClaim: o.GroupsClaim,
			usernamePrefix: resolvePrefix(o.UsernamePrefix), groupsPrefix: resolvePrefix(o.GroupsPrefix),
			requiredScopes: o.RequiredScopes,
		},
	}
}

// Verify implements Verifier. A proof counts for 30 s, and no longer than the token. A refusal is not kept: it costs one
// look at the token, and the key it wants may be published the next moment.
func (v *oidcVerifier) Verify(ctx context.Context, token string) (Identity, error) {
	return v.proveOnce(ctx, token, v.readToken(token))
}

// VerifyAgain implements Verifier.
func (v *oidcVerifier) VerifyAgain(ctx context.Context, token string) (Identity, error) {
	return v.proveAgain(ctx, token, v.readToken(token))
}

// readToken returns a function that verifies the token.
func (v *oidcVerifier) readToken(token string) sendToken {
	return func(ctx context.Context) (answer[tokenAnswer], error) {
		asked := v.now()
		payload, err := v.verifySignature(ctx, token)
		if err != nil {
			return answer[tokenAnswer]{}, err
		}
		identity, err := v.rules.decideIdentity(payload, asked)
		if err != nil {
			return answer[tokenAnswer]{}, err
		}
		return provenAnswer(identity, asked), nil
	}
}

// verifySignature returns the payload of a token that the issuer signed.
func (v *oidcVerifier) verifySignature(ctx context.Context, token string) ([]byte, error) {
	signed, err := jose.ParseSignedCompact(token, v.algorithms)
	if err != nil || len(signed.Signatures) != 1 {
		return nil, &InvalidTokenError{Reason: "it is not a JWT signed with one of --oidc-signing-algs"}
	}
	header := signed.Signatures[0].Protected
	// Keys in the header (jwk, jku, x5c, x5u) are passed over: who could forge a token could forge those. An extension
	// that must be understood is not (RFC 7515 4.1.11); go-jose understands one, RFC 7797, which tokens may not use.
	for _, extension := range []jose.HeaderKey{"crit", "b64"} {
		if _, has := header.ExtraHeaders[extension]; has {
			return nil, &InvalidTokenError{Reason: "its header has an extension that is not understood"}
		}
	}
	keys, err := v.keys.findKeys(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	for i := range keys {
		if payload, err := signed.Verify(keys[i].Key); err == nil {
			return payload, nil
		}
	}
	return nil, &InvalidTokenError{Reason: "its signature is not the issuer's"}
}

package localdesk

import (
	"context"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/connectionlogin"
	"github.com/lectern-dev/lectern/internal/store"
)

// findKey gives the API key for a token, unless ServiceDesk Plus refuses it. There is no other one to get.
func (p *pass) findKey(ctx context.Context) {
	key := p.given.APIKey
	if id := hexOf(store.FingerprintAPIKey(key.Reveal())); id != p.keyID {
		p.keyID, p.keyFoundAt = id, time.Now()
	}
	p.opened = key
	p.current = &store.StoredToken{SealedToken: store.SealedToken{ID: p.keyID, Kind: store.APIKey, IssuedAt: p.keyFoundAt}}
	if p.isKeyRefused(ctx) {
		p.fail("ServiceDesk Plus does not take the API key; generate another one, and put it into --sdp-credentials %s as %s",
			p.reference, v1alpha1.CredentialAPIKey)
		return
	}
	p.token = &p.current.SealedToken
}

// isKeyRefused finds out whether the API key is refused, once a tool was refused it, and whether it still is.
func (p *pass) isKeyRefused(ctx context.Context) bool {
	if p.provenRefused != p.currentToken() {
		return p.source.refusedToken(p.keeper) == p.keyID && p.checkRefusal(ctx)
	}
	return time.Since(p.provenAt) < p.source.refusedKeyInterval || p.callOnce(ctx) != connectionlogin.RefusalDisproved
}

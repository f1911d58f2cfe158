package servicedesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/seal"
)

// SealedTokens opens tokens as a controller seals them.
type SealedTokens struct{ Keys *seal.StorageKeys }

// OpenToken implements TokenOpener. It waits for a key that a kubelet has yet to bring.
func (t SealedTokens) OpenToken(ctx context.Context, connectionUID, tokenID string, sealed []byte) ([]byte, error) {
	return t.Keys.WaitAndOpen(ctx, sealed, seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: connectionUID, Row: tokenID})
}

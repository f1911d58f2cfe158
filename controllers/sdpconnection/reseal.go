package sdpconnection

import (
	"context"
	"slices"

	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

// sealedTokens is what sealing again needs of the database.
type sealedTokens interface {
	SealedTokens(ctx context.Context) ([]store.SealedTokenOf, error)
	ResealToken(ctx context.Context, id string, sealed []byte) error
}

// ResealTokens seals the current tokens again that are not sealed by the key that seals, and returns how many it left that one of the keys
// sealed. One of a key that is lost is left to the reconciler, which replaces it when the connection is in use.
func ResealTokens(ctx context.Context, stored sealedTokens, keys *seal.StorageKeys) (left int, err error) {
	tokens, err := stored.SealedTokens(ctx)
	if err != nil {
		return 0, err
	}
	for _, token := range tokens {
		id, ok := seal.KeyIDOf(token.Sealed)
		if !ok || id == keys.PrimaryID() || !slices.Contains(keys.KeyIDs(), id) {
			continue
		}
		text, err := keys.Open(token.Sealed, connectionobject.TokenCell(token.UID, token.ID))
		if err != nil {
			left++
			continue
		}
		sealed, err := keys.Seal(text, connectionobject.TokenCell(token.UID, token.ID))
		if err != nil {
			return left, err
		}
		if err := stored.ResealToken(ctx, token.ID, sealed); err != nil {
			return left, err
		}
	}
	return left, nil
}

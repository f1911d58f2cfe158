package auth

import (
	"context"

	"github.com/lectern-dev/lectern/internal/store"
)

// UnprovableError says why a caller's change cannot be proven to the controller. Reason is for the caller.
type UnprovableError struct{ Reason string }

func (e *UnprovableError) Error() string { return e.Reason }

// CallerProver proves callers to the controller, by the token that proved them here.
type CallerProver struct {
	// Seal encrypts a text so that only a controller opens it, in the same context.
	Seal func(text, context []byte) ([]byte, error)
	// IsForUsAlone says of a verified token that it is good nowhere else.
	IsForUsAlone func(token string) bool
}

// ProveCaller returns the proof that goes with a change request of the caller. The error is an *UnprovableError for a caller
// without a token, and for one whose token is good elsewhere, too: what is stored must be of use nowhere else.
func (p *CallerProver) ProveCaller(ctx context.Context) (*store.CallerProof, error) {
	identity, _ := FromContext(ctx)
	token, ok := TokenFromContext(ctx)
	if !ok || identity.Subject == "" {
		return nil, &UnprovableError{"changes are made by callers with a token, over HTTP; this one has none"}
	}
	if !p.IsForUsAlone(token) {
		return nil, &UnprovableError{"a change carries the caller's token to the controller, so the token may be good for this server alone, and yours is good elsewhere, too; " +
			"call with a token whose only audience is this server's"}
	}
	return &store.CallerProof{
		TokenFingerprint: store.FingerprintToken(token, identity.Subject),
		Seal:             func(c store.ProofContext) ([]byte, error) { return p.Seal([]byte(token), c.Encode()) },
	}, nil
}

package store

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// SealLifetime is how long the database keeps a seal, whatever becomes of its request. It is scrubbed a minute earlier, to be gone
// by then.
const SealLifetime = 15 * time.Minute

// CallerProof shows the controller that a change request is its subject's.
type CallerProof struct {
	// TokenFingerprint is that of FingerprintToken.
	TokenFingerprint []byte
	// Seal returns the caller's token, sealed so that it opens in that context only.
	Seal func(ProofContext) ([]byte, error)
}

// SealedProof is the proof of a change request as it is stored.
type SealedProof struct {
	// Sealed is empty when the request came without one, or it is scrubbed.
	Sealed []byte
	// Context is what the request is now; a seal that was made for another one does not open in it.
	Context ProofContext
	// Age is how long ago the request was stored.
	Age time.Duration
}

// IsOver reports whether the seal is, or should be, scrubbed for its age.
func (s *SealedProof) IsOver() bool { return s.Age >= SealLifetime-time.Minute }

// UnprovenRefusal is why a request ends of which it is not shown that its subject asks for it.
type UnprovenRefusal struct{ ID, Reason, Message string }

// ProofContext is all that a seal is bound to. Moved to a request that differs in any of it, the seal does not open.
type ProofContext struct {
	// Installation is the id that the database was given when it was made, and Epoch which life of it this is: both the server
	// and the controller read them where the request is stored.
	Installation string
	Epoch        int64
	ID           string
	Key          Key
	Action       Action
	// Edit is JSON in the words of the database, which are what it gives back.
	Edit            []byte
	ExpectedVersion int64
	IdempotencyKey  string
	Subject         string
}

// proofPurpose begins every context, so that what is sealed for another purpose is never taken for a proof.
const proofPurpose = "lectern.dev/change-request/v1"

// Encode returns the context as bytes, the same for equal contexts and others for any that differ: each field with its length in
// front of it (4 bytes, the highest first), numbers as 8 bytes, of the edit its SHA-256.
func (c *ProofContext) Encode() []byte {
	edit := sha256.Sum256(c.Edit)
	number := func(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) } //nolint:gosec // each bit is kept
	var encoded []byte
	for _, field := range [][]byte{
		[]byte(proofPurpose), []byte(c.Installation), number(c.Epoch), []byte(c.ID), []byte(c.Key.Namespace), []byte(c.Key.Name),
		[]byte(c.Action), edit[:], number(c.ExpectedVersion), []byte(c.IdempotencyKey), []byte(c.Subject),
	} {
		encoded = binary.BigEndian.AppendUint32(encoded, uint32(len(field))) //nolint:gosec // of a request that fits into a row
		encoded = append(encoded, field...)
	}
	return slices.Clip(encoded)
}

// FingerprintToken returns 32 bytes that only who has the token can make, and from which nobody learns of it: what one caller asks
// for is told apart by it until the subject is proven.
func FingerprintToken(token, subject string) []byte {
	mac := hmac.New(sha256.New, []byte(token))
	mac.Write([]byte(proofPurpose))
	mac.Write([]byte(subject))
	return mac.Sum(nil)
}

// FreesIdempotencyKey reports whether a request that ends for that reason leaves its idempotency key to another one: the caller has
// to ask again, and what is asked then is the same.
func FreesIdempotencyKey(reason string) bool {
	switch reason {
	case ReasonUnproven, ReasonTokenExpired, ReasonProofExpired, ReasonKeyLost, ReasonIdempotencyKeyReused:
		return true
	}
	return false
}

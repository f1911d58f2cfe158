package store

import (
	"crypto/sha256"
	"encoding/binary"
)

// TokenFingerprint tells refresh tokens, clients and API keys from each other without saying what they are. It depends on no key
// of the installation: a budget that counts by it goes on when those are rotated.
type TokenFingerprint [16]byte

// FingerprintRefreshToken returns whose budget a refresh counts against, and which refresh token an access token is of.
func FingerprintRefreshToken(clientID, refreshToken string) TokenFingerprint {
	return hashParts("refresh token", clientID, refreshToken)
}

// FingerprintClient returns whose budget the exchange of a grant code counts against.
func FingerprintClient(clientID string) TokenFingerprint { return hashParts("client", clientID) }

// FingerprintGrantCode returns by what a grant code is known that was sent once.
func FingerprintGrantCode(clientID, code string) TokenFingerprint {
	return hashParts("grant code", clientID, code)
}

// FingerprintAPIKey returns which key of a server on premises a stored one is.
func FingerprintAPIKey(key string) TokenFingerprint { return hashParts("API key", key) }

// hashParts is the first half of the SHA-256 of the parts, each after its length.
func hashParts(parts ...string) TokenFingerprint {
	var text []byte
	for _, part := range parts {
		text = append(binary.BigEndian.AppendUint64(text, uint64(len(part))), part...)
	}
	sum := sha256.Sum256(text)
	return TokenFingerprint(sum[:16])
}

package tool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

const (
	// sealedNames is how many names are sealed together, nameRoom the bytes each takes: how long it is, and up to 63.
	sealedNames = 2
	nameRoom    = 64
	// saltLength is that of the random value by which no two seals have the same key.
	saltLength = 16
)

// SealNames hides two DNS labels, either of which may be empty, from whoever does not have the key, in a field of a cursor: of
// the same length and different each time, whatever they are. Use is what they are for; for another use they do not open.
//
// It is AES-256-GCM under a key that HKDF makes of the key and a random salt, so that neither is there a number of seals that is
// too many for one key nor a nonce to be used twice.
func SealNames(key []byte, use string, names [2]string) (string, error) {
	plain := make([]byte, 0, sealedNames*nameRoom)
	for i, name := range names {
		if len(name) >= nameRoom {
			return "", ErrCursor
		}
		plain = append(append(plain, byte(len(name))), name...) //nolint:gosec // it is below nameRoom
		plain = plain[:(i+1)*nameRoom]
	}
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // it never fails
	sealer, err := newSealer(key, salt)
	if err != nil {
		return "", err
	}
	sealed := sealer.Seal(salt, make([]byte, sealer.NonceSize()), plain, []byte(use)) //nolint:gosec // no key seals twice
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// OpenNames returns what SealNames sealed, or ErrCursor where that was for another use, with another key, or by nobody.
func OpenNames(key []byte, use, sealed string) (names [2]string, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) < saltLength {
		return names, ErrCursor
	}
	sealer, err := newSealer(key, raw[:saltLength])
	if err != nil {
		return names, err
	}
	plain, err := sealer.Open(nil, make([]byte, sealer.NonceSize()), raw[saltLength:], []byte(use))
	if err != nil || len(plain) != sealedNames*nameRoom {
		return names, ErrCursor
	}
	for i := range names {
		room := plain[i*nameRoom : (i+1)*nameRoom]
		names[i] = string(room[1 : 1+min(int(room[0]), nameRoom-1)])
	}
	return names, nil
}

func newSealer(key, salt []byte) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, salt, "lectern cursor", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

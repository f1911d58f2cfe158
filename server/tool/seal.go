package tool

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// saltLength is that of the random value by which no two seals have the same key.
const saltLength = 16

// sealBytes hides bytes in a field of a cursor from whoever does not have the key. For another use they do not open.
//
// It is AES-256-GCM under a key that HKDF makes of the key and a random salt, so that neither is there a number of seals that is
// too many for one key nor a nonce to be used twice.
func sealBytes(key []byte, use string, plain []byte) (string, error) {
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // it never fails
	sealer, err := newSealer(key, salt)
	if err != nil {
		return "", err
	}
	sealed := sealer.Seal(salt, make([]byte, sealer.NonceSize()), plain, []byte(use)) //nolint:gosec // no key seals twice
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openBytes returns what sealBytes sealed, which were so many bytes, or ErrCursor.
func openBytes(key []byte, use, sealed string, length int) ([]byte, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) < saltLength {
		return nil, ErrCursor
	}
	sealer, err := newSealer(key, raw[:saltLength])
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(nil, make([]byte, sealer.NonceSize()), raw[saltLength:], []byte(use))
	if err != nil || len(plain) != length {
		return nil, ErrCursor
	}
	return plain, nil
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

// numberLength is how many bytes a sealed number has.
const numberLength = 8

// SealNumber hides a number in a field of a cursor, as SealNames does names.
func SealNumber(key []byte, use string, number uint64) (string, error) {
	return sealBytes(key, use, binary.BigEndian.AppendUint64(nil, number))
}

// OpenNumber returns what SealNumber sealed, or ErrCursor where that was for another use, with another key, or by nobody.
func OpenNumber(key []byte, use, sealed string) (uint64, error) {
	plain, err := openBytes(key, use, sealed, numberLength)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(plain), nil
}

package seal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/tink"
)

var (
	// ErrUnknownKey says that a value is sealed to a key that is not in the file.
	ErrUnknownKey = errors.New("sealed to a key that is not there")
	// ErrNotOpened says that a value does not open: it was not sealed, or in another context.
	ErrNotOpened = errors.New("not sealed in this context")
)

// PublicKeys seal. Any number may use them at once.
type PublicKeys struct{ file *keyFile[tink.HybridEncrypt] }

// OpenPublicKeys reads a file of public keys, and reads it again when it changed.
func OpenPublicKeys(path string, log *slog.Logger) (*PublicKeys, error) {
	file, err := openKeyFile(path, parsePublic, log)
	if err != nil {
		return nil, err
	}
	return &PublicKeys{file}, nil
}

func parsePublic(text []byte) (tink.HybridEncrypt, error) {
	handle, err := readPublic(text)
	if err != nil {
		return nil, err
	}
	return hybrid.NewHybridEncrypt(handle)
}

// Seal returns text so that the private keys open it, in the same context only. It has 53 bytes more than the text.
func (k *PublicKeys) Seal(text, context []byte) ([]byte, error) {
	sealed, err := k.file.current(false).Encrypt(text, context)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// PrivateKeys open what the public ones sealed. Any number may use them at once.
type PrivateKeys struct {
	// file is nil for keys that are not in a file, which held then has.
	file *keyFile[openingKeys]
	held atomic.Pointer[openingKeys]
}

type openingKeys struct {
	decrypt tink.HybridDecrypt
	ids     []uint32
}

// OpenPrivateKeys reads a file of private keys, and reads it again when it changed.
func OpenPrivateKeys(path string, log *slog.Logger) (*PrivateKeys, error) {
	file, err := openKeyFile(path, parsePrivate, log)
	if err != nil {
		return nil, err
	}
	return &PrivateKeys{file: file}, nil
}

// ParsePrivateKeys reads private keys from a text. Whoever has a newer one replaces them.
func ParsePrivateKeys(text []byte) (*PrivateKeys, error) {
	k := &PrivateKeys{}
	return k, k.Replace(text)
}

// Replace has keys of ParsePrivateKeys be those of another text. While it returns an error, they stay what they were.
func (k *PrivateKeys) Replace(text []byte) error {
	keys, err := parsePrivate(text)
	if err != nil {
		return err
	}
	k.held.Store(&keys)
	return nil
}

// current returns the keys. With force a file is asked even if it was just now.
func (k *PrivateKeys) current(force bool) openingKeys {
	if k.file != nil {
		return k.file.current(force)
	}
	return *k.held.Load()
}

func parsePrivate(text []byte) (openingKeys, error) {
	handle, err := readPrivate(text)
	if err != nil {
		return openingKeys{}, err
	}
	decrypt, err := hybrid.NewHybridDecrypt(handle)
	return openingKeys{decrypt, idsOf(handle)}, err
}

// KeyIDs returns the ids of the keys that are there. They are not secret.
func (k *PrivateKeys) KeyIDs() []uint32 { return k.current(false).ids }

// prefix is how a sealed value begins: a byte 1, then the id of its key, the highest byte first.
const prefix = 5

// Open returns what was sealed in the context. The error is ErrUnknownKey, also after the file was asked once more, or ErrNotOpened.
func (k *PrivateKeys) Open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < prefix || sealed[0] != 1 {
		return nil, ErrNotOpened
	}
	id := binary.BigEndian.Uint32(sealed[1:prefix])
	keys := k.current(false)
	if !slices.Contains(keys.ids, id) {
		keys = k.current(true)
	}
	if !slices.Contains(keys.ids, id) {
		return nil, ErrUnknownKey
	}
	text, err := keys.decrypt.Decrypt(sealed, context)
	if err != nil {
		return nil, ErrNotOpened
	}
	return text, nil
}

package seal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/hybrid"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// KeyPair is a private keyset and the public one that belongs to it, each as the JSON text of a file.
type KeyPair struct {
	Private, Public []byte
	// KeyID is that of the new key. It is not secret: every sealed value begins with it.
	KeyID uint32
}

// NewKeyPair makes a key. Previous is a private keyset whose newest key still opens what was sealed to it, or nil.
func NewKeyPair(previous []byte) (KeyPair, error) {
	manager := keyset.NewManager()
	if previous != nil {
		old, err := readPrivate(previous)
		if err != nil {
			return KeyPair{}, err
		}
		manager = keyset.NewManagerFromHandle(old)
		if err := dropOldKeys(manager, old); err != nil {
			return KeyPair{}, err
		}
	}
	id, err := manager.Add(hybrid.DHKEM_X25519_HKDF_SHA256_HKDF_SHA256_AES_256_GCM_Key_Template())
	if err != nil {
		return KeyPair{}, fmt.Errorf("make a key: %w", err)
	}
	if err := manager.SetPrimary(id); err != nil {
		return KeyPair{}, fmt.Errorf("make the new key the one that seals: %w", err)
	}
	private, err := manager.Handle()
	if err != nil {
		return KeyPair{}, fmt.Errorf("make a keyset: %w", err)
	}
	return writePair(private, id)
}

// dropOldKeys leaves only the key that seals until now: with the new one there are two.
func dropOldKeys(manager *keyset.Manager, old *keyset.Handle) error {
	for i := range old.Len() {
		entry, err := old.Entry(i)
		if err != nil {
			return fmt.Errorf("read the keyset: %w", err)
		}
		if entry.IsPrimary() {
			continue
		}
		if err := manager.Delete(entry.KeyID()); err != nil {
			return fmt.Errorf("drop key %d: %w", entry.KeyID(), err)
		}
	}
	return nil
}

func writePair(private *keyset.Handle, id uint32) (KeyPair, error) {
	public, err := private.Public()
	if err != nil {
		return KeyPair{}, fmt.Errorf("make the public keyset: %w", err)
	}
	var secret, open bytes.Buffer
	if err := insecurecleartextkeyset.Write(private, keyset.NewJSONWriter(&secret)); err != nil {
		return KeyPair{}, fmt.Errorf("write the private keyset: %w", err)
	}
	if err := public.WriteWithNoSecrets(keyset.NewJSONWriter(&open)); err != nil {
		return KeyPair{}, fmt.Errorf("write the public keyset: %w", err)
	}
	return KeyPair{Private: secret.Bytes(), Public: open.Bytes(), KeyID: id}, nil
}

// errNotPrivate and errNotPublic take the place of what Tink says, which may repeat a part of the text.
var (
	errNotPrivate = errors.New("it is not a private keyset of `lectern keys new`")
	errNotPublic  = errors.New("it is not a public keyset of `lectern keys new`; a private one does not belong here")
)

func readPrivate(text []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errNotPrivate
	}
	if _, err := hybrid.NewHybridDecrypt(handle); err != nil {
		return nil, errNotPrivate
	}
	return handle, nil
}

func readPublic(text []byte) (*keyset.Handle, error) {
	handle, err := keyset.ReadWithNoSecrets(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errNotPublic
	}
	if _, err := hybrid.NewHybridEncrypt(handle); err != nil {
		return nil, errNotPublic
	}
	return handle, nil
}

func idsOf(handle *keyset.Handle) []uint32 {
	var ids []uint32
	for _, info := range handle.KeysetInfo().GetKeyInfo() {
		ids = append(ids, info.GetKeyId())
	}
	return ids
}

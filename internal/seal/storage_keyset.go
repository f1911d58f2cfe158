package seal

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// StorageKeyset is a keyset of storage keys, and how it may change: a key is added, later made the one that seals, and much later
// the one before it is dropped. Each step returns another text of a file.
type StorageKeyset struct {
	Primary uint32
	// Others are those that open alone, in the order in which they were added.
	Others []uint32
	text   []byte
}

// errNotStorage takes the place of what Tink says, which may repeat a part of the text.
var errNotStorage = errors.New("it is not a keyset of storage keys")

// NewStorageKeyset makes a keyset of one key, AES-256-GCM.
func NewStorageKeyset() (StorageKeyset, error) {
	manager := keyset.NewManager()
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err != nil {
		return StorageKeyset{}, fmt.Errorf("make a storage key: %w", err)
	}
	return writeStorageKeyset(manager, manager.SetPrimary(id))
}

// ReadStorageKeyset reads the text of a file.
func ReadStorageKeyset(text []byte) (StorageKeyset, error) {
	handle, err := readStorageHandle(text)
	if err != nil {
		return StorageKeyset{}, err
	}
	return describeStorageKeyset(handle, text), nil
}

// Text returns what belongs into a file. It is secret.
func (k StorageKeyset) Text() []byte { return k.text }

// Add returns the keyset with a new key, which only opens as yet.
func (k StorageKeyset) Add() (StorageKeyset, error) {
	manager, err := k.manager()
	if err != nil {
		return StorageKeyset{}, err
	}
	_, err = manager.Add(aead.AES256GCMKeyTemplate())
	return writeStorageKeyset(manager, err)
}

// Promote returns the keyset with another key as the one that seals.
func (k StorageKeyset) Promote(id uint32) (StorageKeyset, error) {
	manager, err := k.manager()
	if err != nil {
		return StorageKeyset{}, err
	}
	return writeStorageKeyset(manager, manager.SetPrimary(id))
}

// Drop returns the keyset without a key, which must not be the one that seals.
func (k StorageKeyset) Drop(id uint32) (StorageKeyset, error) {
	manager, err := k.manager()
	if err != nil {
		return StorageKeyset{}, err
	}
	return writeStorageKeyset(manager, manager.Delete(id))
}

func (k StorageKeyset) manager() (*keyset.Manager, error) {
	handle, err := readStorageHandle(k.text)
	if err != nil {
		return nil, err
	}
	return keyset.NewManagerFromHandle(handle), nil
}

func writeStorageKeyset(manager *keyset.Manager, err error) (StorageKeyset, error) {
	if err != nil {
		return StorageKeyset{}, fmt.Errorf("change the storage keys: %w", err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return StorageKeyset{}, fmt.Errorf("make a keyset: %w", err)
	}
	var text bytes.Buffer
	if err := insecurecleartextkeyset.Write(handle, keyset.NewJSONWriter(&text)); err != nil {
		return StorageKeyset{}, fmt.Errorf("write the keyset: %w", err)
	}
	return describeStorageKeyset(handle, text.Bytes()), nil
}

func describeStorageKeyset(handle *keyset.Handle, text []byte) StorageKeyset {
	described := StorageKeyset{Primary: handle.KeysetInfo().GetPrimaryKeyId(), text: text}
	for _, id := range idsOf(handle) {
		if id != described.Primary {
			described.Others = append(described.Others, id)
		}
	}
	return described
}

func readStorageHandle(text []byte) (*keyset.Handle, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errNotStorage
	}
	if _, err := aead.New(handle); err != nil {
		return nil, errNotStorage
	}
	return handle, nil
}

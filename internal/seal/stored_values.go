package seal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// Cell is where a stored value is. What is sealed for one cell opens in no other: a row that somebody copies is of no use.
type Cell struct {
	Table, Column string
	// Connection is the UID of the object, Row what identifies the row.
	Connection, Row string
}

// associatedData returns the parts of a cell, each after its length, so that no two cells have the same.
func (c Cell) associatedData() []byte {
	var data []byte
	for _, part := range []string{"lectern stored value", c.Table, c.Column, c.Connection, c.Row} {
		data = append(binary.BigEndian.AppendUint64(data, uint64(len(part))), part...)
	}
	return data
}

// KeyWait is how long Open waits for a key that is not there yet; a new key is used for sealing only when it has long arrived.
const KeyWait = 15 * time.Second

// keyPause is the time between two looks for a key.
const keyPause = 250 * time.Millisecond

// StorageKeys seal and open what is stored. Any number may use them at once.
type StorageKeys struct {
	// file is nil for keys that are not in a file, which held then has.
	file *keyFile[storageCipher]
	held atomic.Pointer[storageCipher]
}

type storageCipher struct {
	aead    tink.AEAD
	primary uint32
	ids     []uint32
}

// OpenStorageKeys reads a file of storage keys, and reads it again when it changed.
func OpenStorageKeys(path string, log *slog.Logger) (*StorageKeys, error) {
	file, err := openKeyFile(path, newStorageCipher, log)
	if err != nil {
		return nil, err
	}
	return &StorageKeys{file: file}, nil
}

// ParseStorageKeys reads storage keys from a text. Whoever has a newer one replaces them.
func ParseStorageKeys(text []byte) (*StorageKeys, error) {
	k := &StorageKeys{}
	return k, k.Replace(text)
}

// Replace has keys of ParseStorageKeys be those of another text. While it returns an error, they stay what they were.
func (k *StorageKeys) Replace(text []byte) error {
	keys, err := newStorageCipher(text)
	if err != nil {
		return err
	}
	k.held.Store(&keys)
	return nil
}

func newStorageCipher(text []byte) (storageCipher, error) {
	handle, err := readStorageHandle(text)
	if err != nil {
		return storageCipher{}, err
	}
	primitive, err := aead.New(handle)
	if err != nil {
		return storageCipher{}, errNotStorage
	}
	return storageCipher{primitive, handle.KeysetInfo().GetPrimaryKeyId(), idsOf(handle)}, nil
}

// current returns the keys. With force a file is asked even if it was just now.
func (k *StorageKeys) current(force bool) storageCipher {
	if k.file != nil {
		return k.file.current(force)
	}
	return *k.held.Load()
}

// KeyIDs returns the ids of the keys that are there, PrimaryID that of the one that seals. They are not secret.
func (k *StorageKeys) KeyIDs() []uint32 { return k.current(false).ids }

// PrimaryID returns the id of the key that seals.
func (k *StorageKeys) PrimaryID() uint32 { return k.current(false).primary }

// Seal returns text so that it opens in the same cell only. It has 33 bytes more than the text.
func (k *StorageKeys) Seal(text []byte, cell Cell) ([]byte, error) {
	sealed, err := k.current(false).aead.Encrypt(text, cell.associatedData())
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// KeyIDOf returns the id of the key that a value is sealed with; ok is false for what was never sealed.
func KeyIDOf(sealed []byte) (id uint32, ok bool) {
	if len(sealed) < prefix || sealed[0] != 1 {
		return 0, false
	}
	return binary.BigEndian.Uint32(sealed[1:prefix]), true
}

// HasKeyOf reports whether the key of a sealed value is there. A file is asked once more before it says no.
func (k *StorageKeys) HasKeyOf(sealed []byte) bool {
	id, ok := KeyIDOf(sealed)
	return ok && (slices.Contains(k.current(false).ids, id) || slices.Contains(k.current(true).ids, id))
}

// Open returns what was sealed in the cell. The error is ErrUnknownKey, also after the file was asked once more, or ErrNotOpened.
func (k *StorageKeys) Open(sealed []byte, cell Cell) ([]byte, error) {
	if _, ok := KeyIDOf(sealed); !ok {
		return nil, ErrNotOpened
	}
	if !k.HasKeyOf(sealed) {
		return nil, ErrUnknownKey
	}
	text, err := k.current(false).aead.Decrypt(sealed, cell.associatedData())
	if err != nil {
		return nil, ErrNotOpened
	}
	return text, nil
}

// WaitAndOpen is Open for a program whose file a kubelet brings: it waits for an unknown key for at most KeyWait, or until the
// context ends. ErrUnknownKey then says nothing about the value: it is no reason to report it as refused.
func (k *StorageKeys) WaitAndOpen(ctx context.Context, sealed []byte, cell Cell) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, KeyWait)
	defer cancel()
	pause := time.NewTicker(keyPause)
	defer pause.Stop()
	for {
		text, err := k.Open(sealed, cell)
		if !errors.Is(err, ErrUnknownKey) {
			return text, err
		}
		select {
		case <-ctx.Done():
			return nil, ErrUnknownKey
		case <-pause.C:
		}
	}
}

package seal_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

var tokenCell = seal.Cell{Table: "oauth_tokens", Column: "sealed", Connection: "uid-1", Row: "row-1"}

func newStorageKeyset(t *testing.T) seal.StorageKeyset {
	t.Helper()
	made, err := seal.NewStorageKeyset()
	require.NoError(t, err)
	return made
}

func parseStorageKeys(t *testing.T, keyset seal.StorageKeyset) *seal.StorageKeys {
	t.Helper()
	keys, err := seal.ParseStorageKeys(keyset.Text())
	require.NoError(t, err)
	return keys
}

func sealStored(t *testing.T, keys *seal.StorageKeys, text string) []byte {
	t.Helper()
	sealed, err := keys.Seal([]byte(text), tokenCell)
	require.NoError(t, err)
	return sealed
}

func TestStorageKeys_Open(t *testing.T) {
	t.Parallel()
	keys := parseStorageKeys(t, newStorageKeyset(t))
	sealed := sealStored(t, keys, "token")
	if n := len(sealed) - len("token"); n != 33 {
		t.Errorf("sealing adds %d bytes", n)
	}
	elsewhere := func(change func(*seal.Cell)) seal.Cell {
		cell := tokenCell
		change(&cell)
		return cell
	}
	flipped, unknown := bytes.Clone(sealed), bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	unknown[4] ^= 1
	for name, tc := range map[string]struct {
		sealed []byte
		cell   seal.Cell
		want   error
	}{
		"as sealed":          {sealed, tokenCell, nil},
		"another table":      {sealed, elsewhere(func(c *seal.Cell) { c.Table = "other" }), seal.ErrNotOpened},
		"another column":     {sealed, elsewhere(func(c *seal.Cell) { c.Column = "other" }), seal.ErrNotOpened},
		"another connection": {sealed, elsewhere(func(c *seal.Cell) { c.Connection = "uid-2" }), seal.ErrNotOpened},
		"another row":        {sealed, elsewhere(func(c *seal.Cell) { c.Row = "row-2" }), seal.ErrNotOpened},
		"parts moved":        {sealed, elsewhere(func(c *seal.Cell) { c.Connection, c.Row = "uid-", "1row-1" }), seal.ErrNotOpened},
		"changed":            {flipped, tokenCell, seal.ErrNotOpened},
		"cut off":            {sealed[:len(sealed)-1], tokenCell, seal.ErrNotOpened},
		"another key":        {unknown, tokenCell, seal.ErrUnknownKey},
		"nothing":            {nil, tokenCell, seal.ErrNotOpened},
		"a raw text":         {[]byte("token"), tokenCell, seal.ErrNotOpened},
	} {
		text, err := keys.Open(tc.sealed, tc.cell)
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if want := map[bool]string{true: "token"}[tc.want == nil]; string(text) != want {
			t.Errorf("%s: opens as %q", name, text)
		}
	}
}

// TestStorageKeyset_Rotation: at every step what was sealed before opens, but for what the dropped key sealed; and keys that have not
// heard of the step before last open what the newest seal, which is what the ten minutes before a promotion are for.
func TestStorageKeyset_Rotation(t *testing.T) {
	t.Parallel()
	first := newStorageKeyset(t)
	added, err := first.Add()
	require.NoError(t, err)
	if added.Primary != first.Primary || len(added.Others) != 1 {
		t.Fatalf("a new key seals at once: %+v", added)
	}
	promoted, err := added.Promote(added.Others[0])
	require.NoError(t, err)
	dropped, err := promoted.Drop(first.Primary)
	require.NoError(t, err)

	byFirst, byPromoted := sealStored(t, parseStorageKeys(t, first), "old"), sealStored(t, parseStorageKeys(t, promoted), "new")
	for name, tc := range map[string]struct {
		keyset       seal.StorageKeyset
		opens, lacks [][]byte
	}{
		"first":    {first, [][]byte{byFirst}, [][]byte{byPromoted}},
		"added":    {added, [][]byte{byFirst, byPromoted}, nil},
		"promoted": {promoted, [][]byte{byFirst, byPromoted}, nil},
		"dropped":  {dropped, [][]byte{byPromoted}, [][]byte{byFirst}},
	} {
		keys := parseStorageKeys(t, tc.keyset)
		for _, sealed := range tc.opens {
			if _, err := keys.Open(sealed, tokenCell); err != nil {
				t.Errorf("%s does not open: %v", name, err)
			}
		}
		for _, sealed := range tc.lacks {
			if _, err := keys.Open(sealed, tokenCell); !errors.Is(err, seal.ErrUnknownKey) {
				t.Errorf("%s: %v, want an unknown key", name, err)
			}
		}
	}
	if _, err := promoted.Drop(promoted.Primary); err == nil {
		t.Error("the key that seals can be dropped")
	}
}

// TestStorageKeys_WaitAndOpen: a key that arrives a moment later opens what it sealed.
func TestStorageKeys_WaitAndOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	first := newStorageKeyset(t)
	write := func(keyset seal.StorageKeyset) error {
		return errors.Join(os.WriteFile(path+".new", keyset.Text(), 0o600), os.Rename(path+".new", path))
	}
	require.NoError(t, write(first))
	reader, err := seal.OpenStorageKeys(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	added, err := first.Add()
	require.NoError(t, err)
	promoted, err := added.Promote(added.Others[0])
	require.NoError(t, err)
	sealed := sealStored(t, parseStorageKeys(t, promoted), "token")

	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := reader.WaitAndOpen(canceled, sealed, tokenCell); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("a key that is not there: %v", err)
	}
	written := make(chan error, 1)
	time.AfterFunc(300*time.Millisecond, func() { written <- write(promoted) })
	text, err := reader.WaitAndOpen(t.Context(), sealed, tokenCell)
	require.NoError(t, err)
	require.NoError(t, <-written)
	if string(text) != "token" {
		t.Errorf("opens as %q", text)
	}
	if reader.PrimaryID() != promoted.Primary || !reader.HasKeyOf(sealed) {
		t.Errorf("keys %v with %d sealing", reader.KeyIDs(), reader.PrimaryID())
	}
}

// TestStorageKeyset_KeepsItsSecret: what is no keyset is not repeated, and a keyset for handing over is none for storing.
func TestStorageKeyset_KeepsItsSecret(t *testing.T) {
	t.Parallel()
	pair, err := seal.NewKeyPair(nil)
	require.NoError(t, err)
	for name, text := range map[string][]byte{
		"no keyset": []byte(`{"primaryKeyId":1,"key":["CANARY"]}`), "nothing": nil, "keys of change requests": pair.Private,
	} {
		_, err := seal.ReadStorageKeyset(text)
		if err == nil || bytes.Contains([]byte(err.Error()), []byte("CANARY")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

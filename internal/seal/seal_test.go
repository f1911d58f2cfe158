package seal_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// keyFiles are the two files of an installation, which a test may replace.
type keyFiles struct {
	*testing.T
	private, public string
	last            seal.KeyPair
	log             bytes.Buffer
}

func newKeyFiles(t *testing.T) *keyFiles {
	t.Helper()
	dir := t.TempDir()
	f := &keyFiles{T: t, private: filepath.Join(dir, "private"), public: filepath.Join(dir, "public")}
	f.replace(nil)
	return f
}

// replace writes new files, with a new key that follows those of previous.
func (f *keyFiles) replace(previous []byte) {
	f.Helper()
	pair, err := seal.NewKeyPair(previous)
	require.NoError(f, err)
	f.last = pair
	f.write(f.private, pair.Private)
	f.write(f.public, pair.Public)
}

// write replaces a file as a mounted Secret is replaced: by another one of the same name.
func (f *keyFiles) write(path string, text []byte) {
	f.Helper()
	require.NoError(f, os.WriteFile(path+".new", text, 0o600))
	require.NoError(f, os.Rename(path+".new", path))
}

func (f *keyFiles) open() (*seal.PublicKeys, *seal.PrivateKeys) {
	f.Helper()
	log := slog.New(slog.NewTextHandler(&f.log, nil))
	public, err := seal.OpenPublicKeys(f.public, log)
	require.NoError(f, err)
	private, err := seal.OpenPrivateKeys(f.private, log)
	require.NoError(f, err)
	return public, private
}

func sealText(t *testing.T, keys *seal.PublicKeys, text, context string) []byte {
	t.Helper()
	sealed, err := keys.Seal([]byte(text), []byte(context))
	require.NoError(t, err)
	return sealed
}

func TestOpen(t *testing.T) {
	t.Parallel()
	public, private := newKeyFiles(t).open()
	sealed := sealText(t, public, "token", "row 1")
	if n := len(sealed) - len("token"); n != 53 {
		t.Errorf("sealing adds %d bytes", n)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	unknown := bytes.Clone(sealed)
	unknown[4] ^= 1
	for name, tc := range map[string]struct {
		sealed  []byte
		context string
		want    error
	}{
		"as sealed":       {sealed, "row 1", nil},
		"another context": {sealed, "row 2", seal.ErrNotOpened},
		"no context":      {sealed, "", seal.ErrNotOpened},
		"changed":         {flipped, "row 1", seal.ErrNotOpened},
		"cut off":         {sealed[:len(sealed)-1], "row 1", seal.ErrNotOpened},
		"another key":     {unknown, "row 1", seal.ErrUnknownKey},
		"nothing":         {nil, "row 1", seal.ErrNotOpened},
		"a raw text":      {[]byte("token"), "row 1", seal.ErrNotOpened},
	} {
		text, err := private.Open(tc.sealed, []byte(tc.context))
		if !errors.Is(err, tc.want) || (err == nil) != (tc.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, tc.want)
		}
		if want := map[bool]string{true: "token"}[tc.want == nil]; string(text) != want {
			t.Errorf("%s: opens as %q", name, text)
		}
	}
}

// TestOpen_Rotation: while keys are rotated both open, and the one before them no more. A new key that arrives just now opens at
// once: the file is asked before a key is called unknown.
func TestOpen_Rotation(t *testing.T) {
	t.Parallel()
	files := newKeyFiles(t)
	public, private := files.open()
	first := sealText(t, public, "first", "")
	files.replace(files.last.Private)
	public, err := seal.OpenPublicKeys(files.public, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	second := sealText(t, public, "second", "")
	for want, sealed := range map[string][]byte{"first": first, "second": second} {
		text, err := private.Open(sealed, nil)
		if string(text) != want {
			t.Errorf("%s opens as %q, %v", want, text, err)
		}
	}
	if ids := private.KeyIDs(); len(ids) != 2 {
		t.Errorf("the keys are %v", ids)
	}
	files.replace(files.last.Private)
	if _, err := private.Open(sealText(t, must(seal.OpenPublicKeys(files.public, slog.New(slog.DiscardHandler))), "third", ""), nil); err != nil {
		t.Errorf("the third key: %v", err)
	}
	if _, err := private.Open(first, nil); !errors.Is(err, seal.ErrUnknownKey) {
		t.Errorf("the first key, two rotations later: %v", err)
	}
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestOpen_BrokenFile: while a file cannot be read, the keys read before stay, and what is wrong is logged without what is in it.
func TestOpen_BrokenFile(t *testing.T) {
	t.Parallel()
	files := newKeyFiles(t)
	public, private := files.open()
	sealed := sealText(t, public, "text", "")
	other, err := seal.NewKeyPair(nil)
	require.NoError(t, err)
	files.write(files.private, other.Private[:len(other.Private)/2])
	unknown := bytes.Clone(sealed)
	unknown[1] ^= 1
	for range 2 { // has the file read
		if _, err := private.Open(unknown, nil); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("an unknown key: %v", err)
		}
	}
	if text, err := private.Open(sealed, nil); string(text) != "text" {
		t.Errorf("opens as %q, %v", text, err)
	}
	if n := strings.Count(files.log.String(), "Cannot read the changed key file"); n != 1 {
		t.Errorf("it is logged %d times:\n%s", n, files.log.String())
	}
	if secret := string(other.Private[20:60]); strings.Contains(files.log.String(), secret) {
		t.Error("the log has a part of the key")
	}
}

// TestOpenPublicKeys_Private: a server that was given the private file says so, rather than hold it.
func TestOpenPublicKeys_Private(t *testing.T) {
	t.Parallel()
	files := newKeyFiles(t)
	if _, err := seal.OpenPublicKeys(files.private, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "a private one does not belong here") {
		t.Errorf("the private file as the public one: %v", err)
	}
	if _, err := seal.OpenPrivateKeys(files.public, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "not a private keyset") {
		t.Errorf("the public file as the private one: %v", err)
	}
	if _, err := seal.OpenPrivateKeys(files.public+".absent", slog.New(slog.DiscardHandler)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

package folder

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestReadAfterWriters: a program that opened a file before it was taken away may write to it later.
func TestReadAfterWriters(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "f.yaml")
	require.NoError(t, os.WriteFile(name, []byte("one"), 0o600))
	if got, err := readAfterWriters(name, []byte("one")); err != nil || string(got) != "one" {
		t.Errorf("that nobody has open: %q, %v", got, err)
	}
	writer, err := os.OpenFile(name, os.O_WRONLY, 0)
	require.NoError(t, err)
	if !isOpenForWriting(name) {
		t.Fatal("the file system does not say that the file is open for writing; run the tests on one that does, such as ext4 or tmpfs")
	}
	if _, err := readAfterWriters(name, []byte("one")); !errors.Is(err, errMoved) {
		t.Errorf("that a program keeps open: %v, want that it moved", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		if got, err := readAfterWriters(name, []byte("one")); err != nil || string(got) != "two" {
			t.Errorf("that a program writes to meanwhile: %q, %v", got, err)
		}
	})
	_, err = writer.WriteString("two")
	require.NoError(t, err)
	wg.Wait()
	require.NoError(t, writer.Close())
	if isOpenForWriting(name) {
		t.Error("closed it is said to be open")
	}
}

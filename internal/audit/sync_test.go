package audit_test

import (
	"testing"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestSpool_SyncAtOnce: no sync returns before the folder of a new file is synced, though another is about to do it.
func TestSpool_SyncAtOnce(t *testing.T) {
	s := openSpool(t, audit.Options{Folder: t.TempDir(), Loader: noLoader{}})
	begun, goOn, first := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s.SyncFolderBy(func(string) error { close(begun); <-goOn; return nil })
	require.NoError(t, s.Append(&audit.ToolUsage{}))
	go func() { first <- s.Sync() }()
	<-begun
	synced := 0
	s.SyncFolderBy(func(string) error { synced++; return nil })
	require.NoError(t, s.Sync())
	if synced != 1 {
		t.Errorf("the second sync ended while the first one was syncing the folder, and synced it %d times itself", synced)
	}
	close(goOn)
	require.NoError(t, <-first)
	require.NoError(t, s.Sync())
	if synced != 1 {
		t.Errorf("a folder without new files was synced %d times", synced)
	}
}

package postgres_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// withFolder has a database be reached by the credentials of a folder.
func withFolder(t *testing.T, o postgres.Options, folder string) postgres.Options {
	t.Helper()
	at, err := url.Parse(o.URL)
	require.NoError(t, err)
	at.User = nil
	o.URL, o.CredentialsFolder = at.String(), folder
	return o
}

// TestOptions_CredentialsFolder: both files are of one state, whenever a kubelet replaces it. It does so less often during one read
// than a read is tried again, however busy the machine is.
func TestOptions_CredentialsFolder(t *testing.T) {
	t.Parallel()
	mounted := testenv.NewMountedSecret(t.TempDir())
	replace := func(n int) {
		require.NoError(t, mounted.Replace(map[string][]byte{"user": fmt.Appendf(nil, "user-%d", n), "password": fmt.Appendf(nil, "password-%d\n", n)}))
	}
	replace(0)
	allowed := make(chan struct{}, postgres.CredentialAttempts/2)
	var replacing sync.WaitGroup
	replacing.Go(func() {
		for n := range 2000 {
			<-allowed
			replace(n)
		}
	})
	defer replacing.Wait() // before the folder is removed
	defer close(allowed)
	done := make(chan struct{})
	go func() { replacing.Wait(); close(done) }()
	for reads := 0; ; reads++ {
		for len(allowed) < cap(allowed) { // nobody else adds any
			allowed <- struct{}{}
		}
		user, password, err := postgres.ReadCredentials(mounted.Dir)
		require.NoError(t, err)
		if strings.TrimPrefix(user, "user-") != strings.TrimPrefix(password, "password-") {
			t.Fatalf("read %d gives %s and %s", reads, user, password)
		}
		select {
		case <-done:
			t.Logf("%d reads", reads)
			return
		default:
		}
	}
}

// TestOptions_CredentialsFolderBetweenStates: a state that went away is not taken for a folder that nobody mounts.
func TestOptions_CredentialsFolderBetweenStates(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.Symlink("..state-1", filepath.Join(folder, "..data")))
	for _, file := range []string{"user", "password"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte("of another state"), 0o600))
	}
	if user, password, err := postgres.ReadCredentials(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("read user %q and password %q, error %v; want that the state is gone", user, password, err)
	}
}

func TestOptions_CredentialsFolderUnreadable(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files map[string]string
		want  string
	}{
		"no password":       {map[string]string{"user": "u"}, "password"},
		"an empty password": {map[string]string{"user": "u", "password": " \n"}, "is empty"},
		"a plain folder":    {map[string]string{"user": "u", "password": "p"}, ""},
	} {
		folder := t.TempDir()
		for file, content := range tc.files {
			require.NoError(t, os.WriteFile(filepath.Join(folder, file), []byte(content), 0o600))
		}
		s, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://127.0.0.1:1/d", CredentialsFolder: folder})
		if err == nil {
			s.Close()
		}
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

// TestStore_RenewsConnections: connections of a role go on when another one takes its place, and are all the other one's within
// their lifetime, that which listens, too. Nothing fails meanwhile.
func TestStore_RenewsConnections(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	roles := pgtest.NewRoles(t, owner)
	mounted := testenv.NewMountedSecret(t.TempDir())
	use := func(login int) {
		require.NoError(t, mounted.Replace(map[string][]byte{"user": []byte(roles.Logins[login]), "password": []byte(roles.Passwords[login])}))
	}
	use(0)
	options := withFolder(t, owner, mounted.Dir)
	options.ConnectionLifetime = 500 * time.Millisecond
	log, logged := newLog()
	options.Log = log
	server, watch := openStore(t, options), openStore(t, owner)
	woken := startListening(t, listenToFeed(server))
	awaitHearing(t, server, true)
	sessions := func(login int) int {
		n, err := watch.CountSessions(t.Context(), roles.Logins[login])
		require.NoError(t, err)
		return n
	}
	stop := make(chan struct{})
	var calling sync.WaitGroup
	for range 4 {
		calling.Go(func() {
			for {
				if _, err := server.Feed(t.Context()); err != nil {
					t.Errorf("a call fails: %v", err)
				}
				select {
				case <-stop:
					return
				case <-time.After(5 * time.Millisecond):
				}
			}
		})
	}
	for _, login := range []int{1, 0, 1} {
		use(login)
		require.Until(t, "every connection is the new role's", func() bool { return sessions(1-login) == 0 && sessions(login) > 0 })
	}
	close(stop)
	calling.Wait()
	woken.drain()
	awaitHearing(t, server, true)
	require.NoError(t, watch.SendFeedNotification(t.Context()))
	woken.await(t, "a notification after its connection was renewed")
	if n := logged.Count("not heard"); n != 0 {
		t.Errorf("%d times it is logged that notifications are not heard", n)
	}
}

package postgres_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/logbuffer"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// patience bounds the wait for what must happen; a listener probes every 15 s.
const patience = time.Minute

// unheardAfter is how long a probe is waited for where none is heard.
const unheardAfter = 2 * time.Second

// wakeups are the calls of a listening function.
type wakeups chan string

func (w wakeups) await(t *testing.T, why string) string {
	t.Helper()
	select {
	case payload := <-w:
		return payload
	case <-time.After(patience):
		t.Fatalf("not woken by %s", why)
		return ""
	}
}

// drain forgets the calls there were.
func (w wakeups) drain() {
	for {
		select {
		case <-w:
		default:
			return
		}
	}
}

// startListening listens until the test ends.
func startListening(t *testing.T, listen func(ctx context.Context, wake func(string))) wakeups {
	t.Helper()
	woken := make(wakeups, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() { listen(ctx, func(payload string) { woken <- payload }) })
	t.Cleanup(func() {
		cancel()
		listening.Wait()
	})
	return woken
}

func listenToFeed(s *postgres.Store) func(context.Context, func(string)) {
	return func(ctx context.Context, wake func(string)) { s.Listen(ctx, func() { wake("") }) }
}

func awaitHearing(t *testing.T, s *postgres.Store, want bool) {
	t.Helper()
	require.Until(t, "whether notifications are heard is known", func() bool { return s.HearsNotifications() == want })
}

func newLog() (*slog.Logger, *logbuffer.Buffer) {
	var b logbuffer.Buffer
	return slog.New(slog.NewTextHandler(&b, nil)), &b
}

// TestListen hears what becomes visible, and hears it again after its connection was lost.
func TestListen(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	asServer := pgtest.AsServerRole(t, owner)
	var logged *logbuffer.Buffer
	asServer.Log, logged = newLog()
	reader := openStore(t, asServer)
	woken := startListening(t, listenToFeed(reader))
	awaitHearing(t, reader, true)
	woken.drain()

	_, err := w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	woken.await(t, "a publish")
	require.NoError(t, w.Remove(t.Context(), handover, "u1", false))
	woken.await(t, "a tombstone")
	_, err = postgres.Migrate(t.Context(), owner, postgres.MigrateOptions{NewEpoch: true})
	require.NoError(t, err)
	woken.await(t, "a new epoch")

	_, err = pgtest.Connect(t, pgtest.AsSuperuser(t, owner)).Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and usename = $1 and query = 'listen lectern_probe'", pgtest.Server)
	require.NoError(t, err)
	woken.await(t, "the loss of its connection, since something may be missed")
	awaitHearing(t, reader, true)
	require.Until(t, "the loss and the return are logged", func() bool {
		return logged.Count("are not heard") == 1 && logged.Count("are heard again") == 1
	})
	woken.drain()
	_, err = w.PurgeTombstones(t.Context(), 0, 1)
	require.NoError(t, err)
	woken.await(t, "a purge after it")
}

// TestListenChanges is given the ids of requests and answers, and hears of no publish.
func TestListenChanges(t *testing.T) {
	d := newChangeFixture(t)
	server := openStore(t, pgtest.AsServerRole(t, d.owner))
	feed, woken := startListening(t, listenToFeed(server)), startListening(t, server.ListenChanges)
	feed.await(t, "its start") // else it may begin, and be woken for that, only when the others are drained
	woken.await(t, "its start")
	awaitHearing(t, server, true)
	woken.drain()
	feed.drain()
	_, err := d.writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	feed.await(t, "a publish")
	request := d.requestChange(store.ActionUpdate)
	if got := woken.await(t, "a request"); got != request.ID {
		t.Errorf("woken with %q, want the id %s", got, request.ID)
	}
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonOwnedElsewhere, "words"))
	if got := woken.await(t, "an answer"); got != request.ID {
		t.Errorf("woken with %q, want the id %s", got, request.ID)
	}
}

// TestListen_Unheard listens where the connection is well and no notification comes, as behind a pooler: in another
// database.
func TestListen_Unheard(t *testing.T) {
	t.Parallel()
	owner, elsewhere := pgtest.New(t), pgtest.NewBlank(t)
	address := filepath.Join(t.TempDir(), "url")
	require.NoError(t, os.WriteFile(address, []byte(elsewhere.URL), 0o600))
	asServer := pgtest.AsServerRole(t, owner)
	asServer.ListenURLFile = address
	var logged *logbuffer.Buffer
	asServer.Log, logged = newLog()
	reader := openStore(t, asServer)
	reader.SetProbeTimeout(unheardAfter)
	woken, changes := startListening(t, listenToFeed(reader)), startListening(t, reader.ListenChanges)
	require.Until(t, "it is logged that nothing is heard", func() bool { return logged.Count("--database-listen-url-file") == 1 })
	woken.drain()
	changes.drain()
	for range 5 {
		woken.await(t, "a poll")
		changes.await(t, "a poll")
	}
	if reader.HearsNotifications() || logged.Count("level=WARN") != 1 {
		t.Errorf("heard: %v; warnings: %d, want one", reader.HearsNotifications(), logged.Count("level=WARN"))
	}

	require.NoError(t, os.WriteFile(address, []byte(asServer.URL), 0o600))
	_, err := pgtest.Connect(t, elsewhere).Exec(t.Context(), "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()")
	require.NoError(t, err)
	awaitHearing(t, reader, true)
}

// TestListen_EndsWithItsCallers has no connection when nobody listens, and one however many do.
func TestListen_EndsWithItsCallers(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	asServer := pgtest.AsServerRole(t, owner)
	reader := openStore(t, asServer)
	conn := pgtest.Connect(t, pgtest.AsSuperuser(t, owner))
	listening := func() (n int) {
		require.NoError(t, conn.QueryRow(t.Context(), "select count(*) from pg_stat_activity where datname = current_database() and query = 'listen lectern_probe'").Scan(&n))
		return n
	}
	ctx, cancel := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() { reader.Listen(ctx, func() {}) })
		callers.Go(func() { reader.ListenChanges(ctx, func(string) {}) })
	}
	awaitHearing(t, reader, true)
	if n := listening(); n != 1 {
		t.Errorf("%d connections listen, want 1", n)
	}
	cancel()
	callers.Wait()
	require.Until(t, "nobody listens", func() bool { return listening() == 0 })
	if reader.HearsNotifications() {
		t.Error("hears notifications without listening")
	}
}

// TestFeed_BusyPool follows the feed while every connection of the pool waits.
func TestFeed_BusyPool(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	w := claimWriter(t, openStore(t, owner), cluster)
	asServer := pgtest.AsServerRole(t, owner)
	asServer.PoolSize = 2
	reader := openStore(t, asServer)
	ctx, cancel := context.WithCancel(t.Context())
	var holders, held sync.WaitGroup
	held.Add(asServer.PoolSize)
	for range asServer.PoolSize {
		holders.Go(func() {
			if err := reader.HoldConnection(ctx, held.Done); err != nil {
				t.Error(err)
			}
		})
	}
	held.Wait()
	before, err := reader.Feed(t.Context())
	require.NoError(t, err)
	_, err = w.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	changes, err := reader.ChangedSince(t.Context(), before.Revision, 10)
	require.NoError(t, err)
	if len(changes) != 1 || changes[0].Key != handover {
		t.Errorf("changes are %v, want %s", changes, handover)
	}
	cancel()
	holders.Wait()
}

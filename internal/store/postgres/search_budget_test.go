package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

var anyText = store.FindQuery{Filter: store.Filter{Scope: store.Scope{All: true}}, Text: "text", Limit: 10}

// endlessSearches is a server whose searches wait for a lock on what is searched.
func endlessSearches(t *testing.T, poolSize int) (reader *postgres.Store, superuser postgres.Options) {
	t.Helper()
	owner := pgtest.New(t)
	_, err := claimWriter(t, openStore(t, owner), cluster).Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	asServer := pgtest.AsServerRole(t, owner)
	asServer.PoolSize = poolSize
	reader = openStore(t, asServer)
	lock, err := pgtest.Connect(t, owner).Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "lock table prompt_search, prompt_similarity in access exclusive mode")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, lock.Rollback(context.WithoutCancel(t.Context()))) })
	return reader, pgtest.AsSuperuser(t, owner)
}

// TestSearch_LeavesConnections reads single prompts and the feed beside more searches than the pool has connections.
func TestSearch_LeavesConnections(t *testing.T) {
	t.Parallel()
	reader, superuser := endlessSearches(t, 4)
	reader.SetSearchTimes(time.Hour, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	searches := []func() error{
		func() error { _, err := reader.Find(ctx, anyText); return err },
		func() error { _, err := reader.CountFound(ctx, anyText); return err },
		func() error {
			_, err := reader.FindSimilar(ctx, store.SimilarQuery{Scope: anyText.Scope, Text: "text", Threshold: 0.5, Limit: 1})
			return err
		},
	}
	for range 3 {
		for _, search := range searches {
			go func() { ended <- search() }()
		}
	}
	awaitLock(t, superuser)
	for range 20 {
		_, err := reader.Get(t.Context(), handover, prompt.Selector{})
		require.NoError(t, err)
		_, err = reader.List(t.Context(), store.ListQuery{Scope: anyText.Scope, Limit: 10})
		require.NoError(t, err)
		_, err = reader.Feed(t.Context())
		require.NoError(t, err)
	}
	cancel()
	for range 3 * len(searches) {
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("a search ended with %v", err)
		}
	}
}

// TestSearch_TooLong: a search that takes too long is cancelled in the database, and the caller told what to do.
func TestSearch_TooLong(t *testing.T) {
	t.Parallel()
	reader, superuser := endlessSearches(t, 4)
	reader.SetSearchTimes(200*time.Millisecond, time.Hour)
	_, err := reader.Find(t.Context(), anyText)
	if _, isTooBroad := errors.AsType[*store.TooBroadError](err); !isTooBroad || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a search that takes too long gives %v", err)
	}
	conn := pgtest.Connect(t, superuser)
	require.Until(t, "nothing waits in the database", func() (idle bool) {
		require.NoError(t, conn.QueryRow(t.Context(), `select not exists(
			select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`).Scan(&idle))
		return idle
	})
}

// TestSearch_Busy: a search whose turn does not come says so.
func TestSearch_Busy(t *testing.T) {
	t.Parallel()
	reader, superuser := endlessSearches(t, 1)
	reader.SetSearchTimes(time.Hour, 50*time.Millisecond)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := reader.Find(ctx, anyText)
		ended <- err
	}()
	awaitLock(t, superuser)
	if _, err := reader.Find(t.Context(), anyText); !errors.Is(err, store.ErrBusy) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a search beside an endless one gives %v, want %v", err, store.ErrBusy)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the endless search ended with %v", err)
	}
}

// TestSearch_UnresponsiveServer: where nothing is answered, the search is not to blame.
func TestSearch_UnresponsiveServer(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	u, err := url.Parse(owner.URL)
	require.NoError(t, err)
	silent, address := startProxy(t, u.Host)
	u.Host = address
	owner.URL = u.String()
	s := openStore(t, owner)
	_, err = s.Find(t.Context(), anyText)
	require.NoError(t, err)
	s.SetSearchTimes(50*time.Millisecond, time.Hour)
	s.SetAnswerTimeout(50 * time.Millisecond)
	silent.Store(true)
	if _, err := s.Find(t.Context(), anyText); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a search of a silent server gives %v, want %v", err, store.ErrUnavailable)
	}
}

// TestFind_RanksWhatIsAffordable: many words are ranked in few prompts only. Beyond that the place of the words counts, of
// which the rank is greater than 1.
func TestFind_RanksWhatIsAffordable(t *testing.T) {
	t.Parallel()
	s := openStore(t, pgtest.New(t))
	w := claimWriter(t, s, cluster)
	const letters = "a b c d e f g h i j k l m n o p q r s t u v w x y z "
	for i := range 20 {
		_, err := w.Publish(t.Context(), newPublication(t, store.Key{Namespace: "n", Name: fmt.Sprintf("p%d", i)}, "u1", 1, strings.Repeat(letters, 256)))
		require.NoError(t, err)
	}
	for name, tc := range map[string]struct {
		text     string
		isRanked bool
	}{
		"two words":  {"a b", true},
		"ten words":  {letters[:20], true},
		"26 words":   {letters, false},
		"52 of them": {letters + letters, false},
	} {
		query := anyText
		query.Text = tc.text
		began := time.Now()
		found, err := s.Find(t.Context(), query)
		require.NoError(t, err)
		t.Logf("%s: %s", name, time.Since(began))
		if len(found.Prompts) != 10 || found.Next == nil || (found.Next.Rank <= 1) != tc.isRanked {
			t.Errorf("%s: %d prompts, then %+v; want ranked: %v", name, len(found.Prompts), found.Next, tc.isRanked)
		}
	}
}

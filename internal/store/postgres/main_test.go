package postgres_test

import (
	"os"
	"testing"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }

const cluster = "cluster-1"

// TestContract writes as the owner and reads as the server's role, as in production.
func TestContract(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) storetest.Subject {
		owner := pgtest.New(t)
		return storetest.Subject{
			Writer: claimWriter(t, openStore(t, owner), cluster),
			Reader: openStore(t, pgtest.AsServerRole(t, owner)),
		}
	})
}

// TestLibrary reads as the server's role, too.
func TestLibrary(t *testing.T) {
	t.Parallel()
	storetest.RunLibrary(t, func(t *testing.T) (storetest.Subject, storetest.Library) {
		owner := pgtest.New(t)
		reader := openStore(t, pgtest.AsServerRole(t, owner))
		return storetest.Subject{Writer: claimWriter(t, openStore(t, owner), cluster), Reader: reader}, reader
	})
}

// TestLibrary_ManyHits ranks by places from the second hit on: the same is found, none twice.
func TestLibrary_ManyHits(t *testing.T) {
	t.Parallel()
	storetest.RunLibrary(t, func(t *testing.T) (storetest.Subject, storetest.Library) {
		s := openStore(t, pgtest.New(t))
		s.SetRankLimit(1)
		return storetest.Subject{Writer: claimWriter(t, s, cluster), Reader: s}, s
	})
}

// openStore opens a store for which a busy machine is not a database that is away: what bounds connections, searches and probes
// is as long as the tests wait. Those whose subject is such a bound set their own.
func openStore(t testing.TB, o postgres.Options) *postgres.Store {
	t.Helper()
	if o.ConnectTimeout == 0 {
		o.ConnectTimeout = patience
	}
	s, err := postgres.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	s.SetSearchTimes(patience, patience)
	s.SetAnswerTimeout(patience)
	s.SetProbeTimeout(patience)
	return s
}

func claimWriter(t testing.TB, s *postgres.Store, uid string) *postgres.Writer {
	t.Helper()
	w := s.Writer(uid)
	require.NoError(t, w.ClaimDatabase(t.Context()))
	return w
}

var handover = store.Key{Namespace: "support", Name: "handover"}

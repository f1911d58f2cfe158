package postgres_test

import (
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/store/storetest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// openWrites returns a connection that may be written through.
func openWrites(t *testing.T) (connectionFixture, storetest.WriteFixture) {
	t.Helper()
	owner := pgtest.New(t)
	owner.ConnectTimeout = time.Minute
	f := connectionFixture{T: t, owner: owner, server: openStore(t, pgtest.AsServerRole(t, owner)), controller: openStore(t, owner)}
	f.server.SetCallTimeout(time.Minute)
	f.writer = claimWriter(t, f.controller, cluster)
	p := newConnection(helpdeskUID, 1)
	p.Settings.Access.Mode = "ReadWrite"
	f.id = f.mustStore(p).ID
	conn := pgtest.Connect(t, owner)
	return f, storetest.WriteFixture{Store: f.server, Connection: f.id, Age: func(d time.Duration) {
		_, err := conn.Exec(t.Context(), "update sdp_writes set begun_at = begun_at - $1::interval, deadline = deadline - $1::interval, ended_at = ended_at - $1::interval, looked_up_at = looked_up_at - $1::interval", d)
		require.NoError(t, err)
	}}
}

// TestWrites holds the functions that servers call to what memory does.
func TestWrites(t *testing.T) {
	t.Parallel()
	storetest.RunWrites(t, func(t *testing.T) storetest.WriteFixture {
		_, f := openWrites(t)
		return f
	})
}

package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// TestBeginWrite_Durable has an intent, and its trace, survive a crash of a Postgres that need not wait for its disk: a write whose intent is
// gone is sent twice.
func TestBeginWrite_Durable(t *testing.T) {
	f, _ := openWrites(t)
	server := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	ctx := t.Context()
	_, err := server.Exec(ctx, "set synchronous_commit = off")
	require.NoError(t, err)
	begin := fmt.Sprintf(`select b.id::text from begin_write(%d, '0b0f8e0e-0000-7000-8000-000000000001', 'OIDC anna', 'add_note', 'note',
		decode(repeat('00', 32), 'hex'), null, null, false, true, 1, 'k3f7q2') b`, f.id)
	var id string
	for _, step := range []func(pgx.Tx) error{
		func(tx pgx.Tx) error { return tx.QueryRow(ctx, begin).Scan(&id) },
		func(tx pgx.Tx) error { _, err := tx.Exec(ctx, `select trace_write($1::uuid, '{}')`, id); return err },
	} {
		require.NoError(t, pgx.BeginFunc(ctx, server, func(tx pgx.Tx) error {
			if err := step(tx); err != nil {
				return err
			}
			var waits string
			err := tx.QueryRow(ctx, "show synchronous_commit").Scan(&waits)
			if waits != "on" {
				t.Errorf("the transaction commits with synchronous_commit %q, %v", waits, err)
			}
			return err
		}))
	}
}

package postgres_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// TestPromptChanges_Bounds: whatever a server inserts, past the limits of the program, no more than so many requests are open, with so
// many bytes; those who ask meanwhile are told to try again, and what was worked off makes room.
func TestPromptChanges_Bounds(t *testing.T) {
	d := newChangeFixture(t)
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, d.owner))
	insert := func(rows int, size int) error {
		_, err := thief.Exec(t.Context(), `insert into prompt_changes (id, namespace, name, action, subject, edit)
			select gen_random_uuid(), 'a', 'p-' || i, 'Add', 'anybody', jsonb_build_object('content', repeat('x', $2)) from generate_series(1, $1) i`, rows, size)
		return err
	}
	fill := func(rows, size int) { // without the trigger, which counts anew for each row
		t.Helper()
		execAsSuperuser(t, d.owner, fmt.Sprintf(`set session_replication_role = replica; insert into prompt_changes (id, namespace, name, action, subject, edit)
			select gen_random_uuid(), 'a', 'q-' || i, 'Add', 'anybody', (select jsonb_build_object('content', string_agg(md5(random()::text), '')) from generate_series(1, %d / 32))
			  from generate_series(1, %d) i`, size, rows))
	}
	refused := func(err error) {
		t.Helper()
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "53400" {
			t.Errorf("got %v, want that too many requests are open", err)
		}
	}
	clear := func() { execAsSuperuser(t, d.owner, "delete from prompt_changes") }

	fill(9998, 32)
	refused(insert(3, 10)) // what one statement inserts counts, too
	require.NoError(t, insert(2, 10))
	refused(insert(1, 10))
	if _, err := d.server.RequestChange(t.Context(), store.ChangeRequest{ID: uuid.NewString(), Key: handover, Action: store.ActionAdd, Subject: "tom"}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an honest request gets %v, want %v", err, store.ErrUnavailable)
	}
	clear()
	execAsSuperuser(t, d.owner, "alter table prompt_changes alter edit set storage external") // a thief's edits need not compress well
	fill(530, 510_000)
	refused(insert(1, 10))
	execAsSuperuser(t, d.owner, "update prompt_changes set state = 'Refused', settled_at = now() where name like 'q-1%'")
	require.NoError(t, insert(1, 10))
	clear()
	for column, value := range map[string]string{
		"namespace": strings.Repeat("x", 64), "name": strings.Repeat("x", 64), "subject": strings.Repeat("x", 1025), "idempotency_key": strings.Repeat("x", 257),
		"edit": `{"content": "` + strings.Repeat("x", 524288) + `"}`,
	} {
		values := map[string]string{"namespace": "a", "name": "b", "subject": "c", "idempotency_key": "d", "edit": "{}"}
		values[column] = value
		_, err := thief.Exec(t.Context(), "insert into prompt_changes (id, action, namespace, name, subject, idempotency_key, edit) values (gen_random_uuid(), 'Add', $1, $2, $3, $4, $5)",
			values["namespace"], values["name"], values["subject"], values["idempotency_key"], values["edit"])
		if pg, ok := errors.AsType[*pgconn.PgError](err); !ok || pg.Code != "23514" {
			t.Errorf("%s of %d bytes: got %v, want that a check refuses it", column, len(value), err)
		}
	}
}

// BenchmarkRequestChange is what one request costs while few are open, with the bounds and without.
func BenchmarkRequestChange(b *testing.B) {
	for name, statement := range map[string]string{"bounded": "select 1", "unbounded": "drop trigger bounded on prompt_changes"} {
		b.Run(name, func(b *testing.B) {
			owner := pgtest.New(b)
			conn := pgtest.Connect(b, owner)
			_, err := conn.Exec(b.Context(), statement)
			require.NoError(b, err)
			server := openStore(b, pgtest.AsServerRole(b, owner))
			for i := 0; b.Loop(); i++ {
				_, err := server.RequestChange(b.Context(), store.ChangeRequest{ID: uuid.NewString(), Key: store.Key{Namespace: "a", Name: "b"}, Action: store.ActionAdd, Subject: uuid.NewString()})
				require.NoError(b, err)
				if i%50 == 0 {
					_, err := conn.Exec(b.Context(), "update prompt_changes set state = 'Refused', settled_at = now() where settled_at is null")
					require.NoError(b, err)
				}
			}
		})
	}
}

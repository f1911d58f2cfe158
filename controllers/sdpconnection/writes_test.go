package sdpconnection

import (
	"crypto/sha256"
	"encoding/json"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// writtenByNobody begins a write as a server that then died, and makes it old enough to be decided.
func (w *world) writtenByNobody(t *testing.T, step, mark string, trace *sdp.WriteTrace) string {
	t.Helper()
	digest := sha256.Sum256([]byte(step))
	begun, err := w.server.BeginWrite(t.Context(), store.WriteIntent{
		Connection: w.served(t).ID, CallID: uuid.NewString(), Step: step, Caller: "oidc anna", Tool: "add_note", Digest: digest[:], Weight: 1, Mark: mark,
	})
	require.NoError(t, err)
	if begun.State != store.WriteBegun {
		t.Fatalf("a write is %s", begun.State)
	}
	age := store.WriteDeadline + time.Second // without a trace it was not sent, and will not be
	if trace != nil {
		age = 2 * time.Minute
		encoded, err := json.Marshal(trace)
		require.NoError(t, err)
		require.NoError(t, w.server.TraceWrite(t.Context(), begun.ID, encoded))
	}
	_, err = pgtest.Connect(t, w.owner).Exec(t.Context(), "update sdp_writes set begun_at = begun_at - $2::interval, deadline = deadline - $2::interval where id = $1::uuid", begun.ID, age)
	require.NoError(t, err)
	return begun.ID
}

// deadServersWritesAreFound: what a server left that died after it sent is done, before that it is not; what is there is found by the mark.
func deadServersWritesAreFound(t *testing.T, w *world) {
	w.createReady(t, onlyRequests, func(c *v1alpha1.SDPConnection) { c.Spec.Access.Mode = v1alpha1.AccessModeReadWrite })
	ticket := w.desk.IDs("requests")[0]
	note := w.desk.AddTo("requests", ticket, "notes", sdptest.Record{"description": "<p>Rang</p><p>[aaaaaa]</p>"})
	trace := sdp.WriteTrace{Record: "request note", Look: "made", Path: "/requests/" + ticket + "/notes"}
	want := map[string]string{
		w.writtenByNobody(t, "sent", "aaaaaa", &trace):           "done " + note,
		w.writtenByNobody(t, "lost", "bbbbbb", &trace):           "not_done ",
		w.writtenByNobody(t, "unsent", "cccccc", nil):            "not_done ",
		w.writtenByNobody(t, "odd", "dddddd", &sdp.WriteTrace{}): "indeterminate ",
	}
	w.askAndWait(t)
	conn := pgtest.Connect(t, w.owner)
	for id, ended := range want {
		require.Until(t, "a write is "+ended, func() bool {
			var got string
			require.NoError(t, conn.QueryRow(t.Context(), "select coalesce(outcome, 'open') || ' ' || record_id from sdp_writes where id = $1::uuid", id).Scan(&got))
			return got == ended
		})
	}
}

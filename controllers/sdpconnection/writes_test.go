package sdpconnection

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/internal/writetrace"
)

// writtenByNobody begins a write as a server that then died, with a sealed trace where one is given, and makes it old enough to be decided.
func (w *world) writtenByNobody(t *testing.T, step, mark string, trace *sdp.WriteTrace) string {
	t.Helper()
	return w.leaveWrite(t, step, mark, func(id string) []byte {
		if trace == nil {
			return nil
		}
		sealed, err := writetrace.Encode(w.reconciler.Keys, writetrace.Intent{ConnectionUID: w.served(t).UID, ID: id, Mark: mark}, trace)
		require.NoError(t, err)
		return sealed
	})
}

// leaveWrite begins a write, stores the trace of its id, nothing for none, and makes it old enough to be decided.
func (w *world) leaveWrite(t *testing.T, step, mark string, traceOf func(id string) []byte) string {
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
	if trace := traceOf(begun.ID); trace != nil {
		age = 2 * time.Minute
		require.NoError(t, w.server.TraceWrite(t.Context(), begun.ID, trace))
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
	w.wantEnded(t, want)
}

// wantEnded waits until each write has ended, and with the record.
func (w *world) wantEnded(t *testing.T, want map[string]string) {
	t.Helper()
	conn := pgtest.Connect(t, w.owner)
	for id, ended := range want {
		require.Until(t, "a write is "+ended, func() bool {
			var got string
			require.NoError(t, conn.QueryRow(t.Context(), "select coalesce(outcome, 'open') || ' ' || record_id from sdp_writes where id = $1::uuid", id).Scan(&got))
			return got == ended
		})
	}
}

// forgedWritesAreNotLookedUp: who has the servers' database role, and no key of theirs, has the controller ask ServiceDesk Plus nothing, however
// the intent is made up, and keeps no write of a server waiting.
func forgedWritesAreNotLookedUp(t *testing.T, w *world) {
	w.createReady(t, onlyRequests, func(c *v1alpha1.SDPConnection) { c.Spec.Access.Mode = v1alpha1.AccessModeReadWrite })
	ticket := w.desk.IDs("requests")[0]
	secret := w.desk.AddTo("requests", ticket, "notes", sdptest.Record{"description": "<p>The code is [passwd]</p>"})
	notes := sdp.WriteTrace{Record: "request note", Look: "made", Path: "/requests/" + ticket + "/notes"}
	sealedFor := func(connection, id, mark string) []byte {
		sealed, err := writetrace.Encode(w.reconciler.Keys, writetrace.Intent{ConnectionUID: connection, ID: id, Mark: mark}, &notes)
		require.NoError(t, err)
		return sealed
	}
	uid, want := w.served(t).UID, map[string]string{}
	for name, traceOf := range map[string]func(id string) []byte{
		"not sealed": func(string) []byte {
			return fmt.Appendf(nil, `{"record": "request note", "look": "made", "path": %q}`, notes.Path)
		},
		"of another intent":     func(string) []byte { return sealedFor(uid, uuid.NewString(), "passwd") },
		"of another mark":       func(id string) []byte { return sealedFor(uid, id, "aaaaaa") },
		"of another connection": func(id string) []byte { return sealedFor("another", id, "passwd") },
	} {
		for n := range 3 { // more than are looked up at once
			want[w.leaveWrite(t, fmt.Sprint(name, n), "passwd", traceOf)] = "indeterminate "
		}
	}
	want[w.writtenByNobody(t, "real", "passwd", &notes)] = "done " + secret
	before := w.desk.Count(sdptest.To("GET", "/requests/"+ticket+"/notes"))
	w.askAndWait(t)
	w.wantEnded(t, want)
	if asked := w.desk.Count(sdptest.To("GET", "/requests/"+ticket+"/notes")) - before; asked != 1 {
		t.Errorf("the notes are read %d times, of which one is for a write of a server", asked)
	}
	var given int
	require.NoError(t, pgtest.Connect(t, w.owner).QueryRow(t.Context(),
		"select count(*) from sdp_writes w join sdp_connections c on c.id = w.connection_id where c.namespace = $1 and w.given_up_at is not null", w.namespace).Scan(&given))
	if given != len(want)-1 {
		t.Errorf("%d of %d forged writes are given up", given, len(want)-1)
	}
}

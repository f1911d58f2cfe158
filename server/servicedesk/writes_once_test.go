package servicedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// isNote selects the calls that make notes.
func isNote(c sdptest.Call) bool { return c.Method == "POST" && strings.HasSuffix(c.Path, "/notes") }

// writtenOnce is what all results of tools that write have.
type writtenOnce struct {
	Repeat bool   `json:"repeat"`
	Plan   string `json:"plan"`
	NoteID string `json:"note_id"`
}

func (a *answer) written(t testing.TB) (w writtenOnce) {
	t.Helper()
	if a.IsError {
		t.Fatalf("%s", a.Text)
	}
	require.NoError(t, json.Unmarshal(a.Values, &w))
	return w
}

// outcome returns what an error says of the write.
func (a *answer) wantFailure(t testing.TB, kind, outcome, text string) {
	t.Helper()
	if !a.IsError || a.Details.Kind != kind || a.Details.Outcome != outcome || !strings.Contains(a.Text, text) {
		t.Errorf("%s %q %q, want %s %q with %q", a.Text, a.Details.Kind, a.Details.Outcome, kind, outcome, text)
	}
}

// age makes all writes so much older.
func (h *house) age(d time.Duration) {
	h.Helper()
	_, err := pgtest.Connect(h, h.owner).Exec(h.Context(),
		"update sdp_writes set begun_at = begun_at - $1::interval, deadline = deadline - $1::interval, ended_at = ended_at - $1::interval", d)
	require.NoError(h, err)
}

// intents returns how the writes ended, in their order.
func (h *house) intents() (outcomes []string) {
	h.Helper()
	rows, err := pgtest.Connect(h, h.owner).Query(h.Context(), "select step || ' ' || coalesce(outcome, 'open') from sdp_writes order by begun_at")
	require.NoError(h, err)
	defer rows.Close()
	for rows.Next() {
		var one string
		require.NoError(h, rows.Scan(&one))
		outcomes = append(outcomes, one)
	}
	return outcomes
}

// newWritingHouse returns a house with a connection that may be written through.
func newWritingHouse(t *testing.T, change func(*store.ConnectionSettings)) (*house, *sdptest.Server) {
	t.Helper()
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, change)
	return h, fake
}

func noteOn(fake *sdptest.Server, text string, more ...any) map[string]any {
	given := map[string]any{"request_id": fmt.Sprint(fake.Record("requests", fake.IDs("requests")[0])["display_id"]), "text": text}
	for i := 0; i < len(more); i += 2 {
		given[fmt.Sprint(more[i])] = more[i+1]
	}
	return given
}

// TestWrite_Repeats: what was done is done once, by its key or by being equal, and the second answer says so.
func TestWrite_Repeats(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	r := h.serve()
	first := r.call("add_note", noteOn(fake, "Rang", "idempotency_key", "k"))
	again := r.call("add_note", noteOn(fake, "Rang", "idempotency_key", "k"))
	if one, two := first.written(t), again.written(t); one.Repeat || !two.Repeat || one.NoteID == "" || one.NoteID != two.NoteID {
		t.Errorf("with one key: %+v and then %+v", one, two)
	}
	other := r.call("add_note", noteOn(fake, "Rang again", "idempotency_key", "k"))
	other.wantFailure(t, "ConflictError", "", "a call with other arguments had it")
	equal := r.call("add_note", noteOn(fake, "Mailed"))
	twice := r.call("add_note", noteOn(fake, "Mailed"))
	if one, two := equal.written(t), twice.written(t); one.Repeat || !two.Repeat || one.NoteID != two.NoteID {
		t.Errorf("equal: %+v and then %+v", one, two)
	}
	h.age(store.WriteRepeatWindow)
	later := r.call("add_note", noteOn(fake, "Mailed"))
	if later.written(t).Repeat {
		t.Error("equal, after two minutes: a repeat")
	}
	if n := fake.Count(isNote); n != 3 {
		t.Errorf("%d notes are sent, want 3", n)
	}
}

// TestWrite_AtOnce: two replicas with one key at once, and one call twice at once, write once; both hear what was made.
func TestWrite_AtOnce(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	replicas := []*replica{h.serve(), h.serve()}
	for name, given := range map[string]map[string]any{"key": noteOn(fake, "Rang", "idempotency_key", "k"), "text": noteOn(fake, "Mailed")} {
		fake.ForgetCalls()
		var all sync.WaitGroup
		answers := make([]answer, 8)
		for i := range answers {
			all.Go(func() { answers[i] = replicas[i%2].call("add_note", given) })
		}
		all.Wait()
		firsts := 0
		for i := range answers {
			w := answers[i].written(t)
			if !w.Repeat {
				firsts++
			}
			if w.NoteID != answers[0].written(t).NoteID {
				t.Errorf("%s: note %s, and note %s", name, w.NoteID, answers[0].written(t).NoteID)
			}
		}
		if n := fake.Count(isNote); n != 1 || firsts != 1 {
			t.Errorf("%s: %d notes are sent, and %d calls say that they did it", name, n, firsts)
		}
	}
}

// countedWrites counts what the store is asked.
type countedWrites struct {
	servicedesk.WriteStore
	begun, asked atomic.Int64
}

func (c *countedWrites) BeginWrite(ctx context.Context, intent store.WriteIntent) (store.BegunWrite, error) {
	c.begun.Add(1)
	c.asked.Add(1)
	return c.WriteStore.BeginWrite(ctx, intent)
}

func (c *countedWrites) WriteOutcome(ctx context.Context, id string) (store.WriteOutcome, error) {
	c.asked.Add(1)
	return c.WriteStore.WriteOutcome(ctx, id)
}

// TestWrite_WaitForEqual: a call that waits for an equal one does not take the connection's lock over and over, which other callers' writes and
// turns need.
func TestWrite_WaitForEqual(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	counted := &countedWrites{}
	r := h.serve(func(c *servicedesk.Config) {
		counted.WriteStore = c.Writes
		c.Writes = counted
	})
	answered := make(chan struct{})
	held := sdptest.HeldAnswer(answered)
	held.Match = isNote
	fake.Fail(held)
	var all sync.WaitGroup
	var answers [3]answer
	for i := range answers {
		all.Go(func() { answers[i] = r.call("add_note", noteOn(fake, "Rang")) })
	}
	require.Until(t, "the equal calls have waited for a while", func() bool { return counted.asked.Load() >= int64(5*len(answers)) })
	if begun := counted.begun.Load(); begun != int64(len(answers)) {
		t.Errorf("%d calls, of which all but one wait, began a write %d times", len(answers), begun)
	}
	close(answered)
	all.Wait()
	for i := range answers {
		if answers[i].written(t).NoteID != answers[0].written(t).NoteID {
			t.Errorf("of equal calls one made note %s, and one note %s", answers[0].written(t).NoteID, answers[i].written(t).NoteID)
		}
	}
}

// TestWrite_LostAnswer: a note that was made and of which the answer was lost, or is a gateway's page, is found by its mark; what was refused is not done.
func TestWrite_LostAnswer(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	r := h.serve()
	before := len(fake.IDs("notes"))
	for text, lost := range map[string]sdptest.Fault{"Rang": sdptest.DropAfterWrite(), "Met": sdptest.LoginPage().AfterWrite()} {
		lost.Match = isNote
		fake.Fail(lost)
		got := r.call("add_note", noteOn(fake, text))
		if w := got.written(t); w.NoteID == "" || w.Repeat {
			t.Errorf("found: %+v", w)
		}
	}
	refused := sdptest.Refused(4001)
	refused.Match = isNote
	fake.Fail(refused)
	got := r.call("add_note", noteOn(fake, "Mailed"))
	got.wantFailure(t, "RejectedError", "not_done", "")
	if made := len(fake.IDs("notes")) - before; made != 2 || fake.Count(isNote) != 3 {
		t.Errorf("%d notes are made by %d calls, want 2 by 3: %v", made, fake.Count(isNote), h.intents())
	}
}

// TestWrite_Indeterminate: of a call that nobody can look up the outcome is unknown. It is not sent again by its key until it was looked
// up, and then it is what SDP has.
func TestWrite_Indeterminate(t *testing.T) {
	for name, isMade := range map[string]bool{"that was done": true, "that was not done": false} {
		t.Run(name, func(t *testing.T) {
			h, fake := newWritingHouse(t, nil)
			r := h.serve()
			before := len(fake.IDs("notes"))
			lost := sdptest.Fault{Name: "lost", Drop: true, Late: isMade, Match: isNote}
			unreadable := sdptest.ServerError(503)
			unreadable.Count = -1
			unreadable.Match = func(c sdptest.Call) bool { return c.Method == "GET" && strings.HasSuffix(c.Path, "/notes") }
			fake.Fail(lost, unreadable)
			given := noteOn(fake, "Rang", "idempotency_key", "k")
			first := r.call("add_note", given)
			first.wantFailure(t, "IndeterminateError", "indeterminate", "the same idempotency_key")
			fake.StopFailing()
			h.age(2 * time.Minute)
			again := r.call("add_note", given)
			if w := again.written(t); w.Repeat != isMade {
				t.Errorf("asked again: %+v", w)
			}
			if made := len(fake.IDs("notes")) - before; made != 1 {
				t.Errorf("%d notes are made: %v", made, h.intents())
			}
		})
	}
}

// TestWrite_OfDeadServer: what a server left that died before it sent, and after, is decided by who asks again with its key.
func TestWrite_OfDeadServer(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	r := h.serve()
	given := noteOn(fake, "Rang", "idempotency_key", "k")
	first := r.call("add_note", given)
	first.written(t)
	exec := func(sql string) {
		_, err := pgtest.Connect(t, h.owner).Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	exec("update sdp_writes set outcome = null, ended_at = null, record_id = ''")
	h.age(2 * time.Minute)
	after := r.call("add_note", given)
	if w := after.written(t); !w.Repeat || fake.Count(isNote) != 1 {
		t.Errorf("it died after it sent: %+v, %d notes", w, fake.Count(isNote))
	}
	exec(`update sdp_writes set outcome = null, ended_at = null, trace = null, mark = 'aaaaaa',
		begun_at = clock_timestamp() - interval '11 seconds', deadline = clock_timestamp() - interval '1 second'`)
	before := r.call("add_note", given)
	if w := before.written(t); w.Repeat || fake.Count(isNote) != 2 {
		t.Errorf("it died before it sent: %+v, %d notes", w, fake.Count(isNote))
	}
}

// TestWrite_StoreAway: without the store nothing is sent.
func TestWrite_StoreAway(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	r := h.serve()
	r.call("add_note", noteOn(fake, "Rang"))
	_, err := pgtest.Connect(t, h.owner).Exec(t.Context(), "alter function begin_write rename to begin_write_away")
	require.NoError(t, err)
	fake.ForgetCalls()
	if got := r.call("add_note", noteOn(fake, "Mailed")); !got.IsError || fake.Count(isNote) != 0 {
		t.Errorf("%s, %d notes", got.Text, fake.Count(isNote))
	}
}

// TestWrite_Budget: an hour has as many writes as the connection says, for each caller.
func TestWrite_Budget(t *testing.T) {
	h, fake := newWritingHouse(t, func(s *store.ConnectionSettings) { s.Access.WritesPerHour = 2 })
	r := h.serve()
	for _, text := range []string{"one", "two"} {
		got := r.call("add_note", noteOn(fake, text))
		got.written(t)
	}
	full := r.call("add_note", noteOn(fake, "three"))
	full.wantFailure(t, "QuotaError", "not_done", "spec.access.writesPerHour")
	if full.Details.RetryAfterSeconds < 3000 || fake.Count(isNote) != 2 {
		t.Errorf("%+v, %d notes", full.Details, fake.Count(isNote))
	}
}

// TestPlan: a plan confirms what was shown, to who saw it, once.
func TestPlan(t *testing.T) {
	h, fake := newWritingHouse(t, func(s *store.ConnectionSettings) {
		s.Access.Confirm, s.Access.Toolsets = "Destructive", append(s.Access.Toolsets, "trash")
	})
	replicas := []*replica{h.serve(), h.serve(), h.serve(func(c *servicedesk.Config) { c.Authorizer = auth.NewNone("anna").AllowWrites() })}
	r := replicas[0]
	ticket := fake.IDs("requests")[0]
	number := fmt.Sprint(fake.Record("requests", ticket)["display_id"])
	other := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[1])["display_id"])
	plan := func(number string) string {
		got := r.call("trash_request", map[string]any{"request_id": number, "dry_run": true})
		w := got.written(t)
		if w.Plan == "" {
			t.Fatalf("no plan: %s", got.Text)
		}
		return w.Plan
	}
	with := func(number, plan string) map[string]any { return map[string]any{"request_id": number, "plan": plan} }
	isTrash := func(c sdptest.Call) bool { return c.Method == "DELETE" }
	none := r.call("trash_request", map[string]any{"request_id": number})
	none.wantFailure(t, "ValidationError", "", "call with dry_run=true")
	forged := []byte(plan(number))
	forged[len(forged)/2] ^= 1
	changed := r.call("trash_request", with(number, string(forged)))
	changed.wantFailure(t, "ConflictError", "", "it is no plan of this server's, or was changed")
	elsewhere := r.call("trash_request", with(other, plan(number)))
	elsewhere.wantFailure(t, "ConflictError", "", "it is of other arguments")
	moved := plan(number)
	fake.Set("requests", ticket, sdptest.Record{"subject": "Another subject"})
	stale := r.call("trash_request", with(number, moved))
	stale.wantFailure(t, "ConflictError", "", "subject of request "+number+" is not what was shown any more")
	if n := fake.Count(isTrash); n != 0 {
		t.Errorf("%d are trashed by then", n)
	}
	good := plan(number)
	var all sync.WaitGroup
	answers := make([]answer, 2)
	for i := range answers {
		all.Go(func() { answers[i] = replicas[i].call("trash_request", with(number, good)) })
	}
	all.Wait()
	if n := fake.Count(isTrash); n != 1 || answers[0].IsError == answers[1].IsError {
		t.Errorf("used at once on two replicas: %d are trashed: %s and %s", n, answers[0].Text, answers[1].Text)
	}
}

// TestWrite_ForgedTrace: where a write is looked up that another call repeats, no server asks what nobody sealed, nor what was moved there from
// another write.
func TestWrite_ForgedTrace(t *testing.T) {
	h, fake := newWritingHouse(t, nil)
	r := h.serve()
	unreadable := sdptest.ServerError(503)
	unreadable.Count = -1
	isLookup := func(c sdptest.Call) bool { return c.Method == "GET" && strings.HasSuffix(c.Path, "/notes") }
	unreadable.Match = isLookup
	fake.Fail(sdptest.Fault{Name: "lost", Drop: true, Count: -1, Match: isNote}, unreadable)
	keys := []string{"spelled otherwise", "of another path", "of another write", "that nobody sealed"}
	var all sync.WaitGroup
	for _, key := range keys {
		all.Go(func() {
			got := r.call("add_note", noteOn(fake, "Rang", "idempotency_key", key))
			got.wantFailure(t, "IndeterminateError", "indeterminate", "")
		})
	}
	all.Wait()
	fake.StopFailing()
	h.age(2 * time.Minute)
	conn := pgtest.Connect(h, h.owner)
	for key, forged := range map[string]string{
		"of another path":    `jsonb_set(trace, '{path}', '"/requests/1/notes"')`,
		"of another write":   "(select o.trace from sdp_writes o where o.idempotency_key = 'spelled otherwise')",
		"that nobody sealed": "trace - 'seal'",
	} {
		_, err := conn.Exec(t.Context(), "update sdp_writes set trace = "+forged+" where idempotency_key = $1", key)
		require.NoError(t, err)
	}
	for i, key := range keys {
		fake.ForgetCalls()
		r.call("add_note", noteOn(fake, "Rang", "idempotency_key", key))
		if asked, isReal := fake.Count(isLookup) > 0, i == 0; asked != isReal {
			t.Errorf("a trace %s is looked up: %t, want %t", key, asked, isReal)
		}
	}
}

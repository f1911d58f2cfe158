package storetest

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// WriteStore keeps intents of writes to ServiceDesk Plus.
type WriteStore interface {
	BeginWrite(ctx context.Context, intent store.WriteIntent) (store.BegunWrite, error)
	TraceWrite(ctx context.Context, id string, trace []byte) error
	EndWrite(ctx context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error)
	WriteOutcome(ctx context.Context, id string) (store.WriteOutcome, error)
}

// WriteFixture is a store with a connection that may be written through 60 times an hour, for a caller.
type WriteFixture struct {
	Store      WriteStore
	Connection int64
	// Age makes everything that was begun so much older.
	Age func(time.Duration)
}

// intent returns a write of a caller that has neither a key nor a plan.
func (f *WriteFixture) intent(arguments string, change ...func(*store.WriteIntent)) store.WriteIntent {
	digest := sha256.Sum256([]byte(arguments))
	i := store.WriteIntent{
		Connection: f.Connection, CallID: uuid.NewString(), Step: "note", Caller: "OIDC anna", Tool: "add_note", Digest: digest[:], Weight: 1, Mark: "k3f7q2",
	}
	for _, c := range change {
		c(&i)
	}
	return i
}

func withKey(key string) func(*store.WriteIntent) { return func(i *store.WriteIntent) { i.Key = key } }

func withNonce(nonce string) func(*store.WriteIntent) {
	return func(i *store.WriteIntent) { i.Nonce = nonce }
}

func withStep(step string) func(*store.WriteIntent) {
	return func(i *store.WriteIntent) { i.Step = step }
}

func mergeRepeats(i *store.WriteIntent) { i.MergesRepeats = true }
func continuePlan(i *store.WriteIntent) { i.ContinuesPlan = true }
func callAsBen(i *store.WriteIntent)    { i.Caller = "OIDC ben" }

func (f *WriteFixture) begin(t *testing.T, i store.WriteIntent) store.BegunWrite {
	t.Helper()
	begun, err := f.Store.BeginWrite(t.Context(), i)
	require.NoError(t, err)
	return begun
}

// want begins a write, and holds what is decided.
func (f *WriteFixture) want(t *testing.T, state store.WriteState, i store.WriteIntent) store.BegunWrite {
	t.Helper()
	begun := f.begin(t, i)
	if begun.State != state {
		t.Errorf("a write is %s, want %s: %+v", begun.State, state, i)
	}
	return begun
}

// send begins a write that may be, and is about to send it.
func (f *WriteFixture) send(t *testing.T, i store.WriteIntent) string {
	t.Helper()
	id := f.want(t, store.WriteBegun, i).ID
	require.NoError(t, f.Store.TraceWrite(t.Context(), id, []byte(`{}`)))
	return id
}

func (f *WriteFixture) end(t *testing.T, id string, outcome store.WriteOutcome) store.WriteOutcome {
	t.Helper()
	ended, err := f.Store.EndWrite(t.Context(), id, store.WriteEnd{Outcome: outcome, RecordID: "41", RecordNumber: "31"})
	require.NoError(t, err)
	return ended
}

func (f *WriteFixture) wantOutcome(t *testing.T, id string, want store.WriteOutcome) {
	t.Helper()
	if got, err := f.Store.WriteOutcome(t.Context(), id); err != nil || got != want {
		t.Errorf("the outcome of %s is %q, want %q: %v", id, got, want, err)
	}
}

const planNonce = "0123456789abcdef"

// RunWrites holds what every store of write intents promises.
func RunWrites(t *testing.T, open func(t *testing.T) WriteFixture) {
	for name, test := range map[string]func(t *testing.T, f *WriteFixture){
		"a key is written once, and says how it ended":               testKey,
		"a key of other arguments is refused":                        testKeyOfOtherArguments,
		"a write that was not done may be tried again":               testKeyAfterFailure,
		"an indeterminate key waits for a lookup":                    testIndeterminateKey,
		"a plan is used once":                                        testPlan,
		"a plan of several steps goes on with what was not begun":    testContinuedPlan,
		"equal writes without a key are one for two minutes":         testRepeats,
		"an hour has as many writes as the connection allows":        testWritesPerHour,
		"what is decided stays":                                      testEnd,
		"a write is not sent after its deadline, nor after it ended": testTrace,
		"a write that was not about to be sent is not done at once":  testUnsent,
		"of many at once with one key, plan or text one is begun":    testAtOnce,
		"a step that weighs nothing belongs to a call that does":     testWeight,
		"what was not sent counts for no hour":                       testUnsentWeight,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := open(t)
			test(t, &f)
		})
	}
}

func testKey(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	if again := f.want(t, store.WriteInFlight, f.intent("a", withKey("k"))); again.ID != first.ID || again.Mark != "k3f7q2" {
		t.Errorf("in flight is %+v, want %+v", again, first)
	}
	f.end(t, first.ID, store.WriteDone)
	f.Age(20 * 24 * time.Hour)
	if done := f.want(t, store.WriteWasDone, f.intent("a", withKey("k"))); done.RecordID != "41" || done.RecordNumber != "31" {
		t.Errorf("done is %+v", done)
	}
	f.want(t, store.WriteBegun, f.intent("a", withKey("k"), callAsBen))
	f.want(t, store.WriteBegun, f.intent("a", withKey("k"), withStep("close")))
	f.want(t, store.WriteBegun, f.intent("a", withKey("another")))
}

func testKeyOfOtherArguments(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	f.want(t, store.WriteOtherArguments, f.intent("b", withKey("k")))
	f.want(t, store.WriteOtherArguments, f.intent("b", withKey("k"), withStep("close")))
	f.end(t, first.ID, store.WriteNotDone)
	f.want(t, store.WriteOtherArguments, f.intent("b", withKey("k")))
}

func testKeyAfterFailure(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	f.end(t, first.ID, store.WriteNotDone)
	second := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	if second.ID == first.ID {
		t.Error("a second try is the first")
	}
	f.want(t, store.WriteInFlight, f.intent("a", withKey("k")))
}

func testIndeterminateKey(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	require.NoError(t, f.Store.TraceWrite(t.Context(), first.ID, []byte(`{"path": "/requests/1/notes"}`)))
	f.end(t, first.ID, store.WriteIndeterminate)
	f.Age(time.Hour)
	if again := f.want(t, store.WriteWasIndeterminate, f.intent("a", withKey("k"))); string(again.Trace) != `{"path": "/requests/1/notes"}` || again.Age < time.Hour {
		t.Errorf("indeterminate is %+v", again)
	}
	f.end(t, first.ID, store.WriteNotDone)
	third := f.want(t, store.WriteBegun, f.intent("a", withKey("k")))
	// One whose server never said how it ended.
	require.NoError(t, f.Store.TraceWrite(t.Context(), third.ID, []byte(`{}`)))
	f.Age(store.WriteLateness)
	f.want(t, store.WriteWasIndeterminate, f.intent("a", withKey("k")))
}

func testPlan(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce)))
	f.want(t, store.WritePlanUsed, f.intent("a", withNonce(planNonce)))
	f.end(t, first.ID, store.WriteNotDone)
	f.want(t, store.WritePlanUsed, f.intent("a", withNonce(planNonce)))
	f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce), withStep("close")))
	// The call that uses it may try a step again.
	call := f.intent("a", withNonce("y"+planNonce))
	f.end(t, f.want(t, store.WriteBegun, call).ID, store.WriteNotDone)
	f.end(t, f.want(t, store.WriteBegun, call).ID, store.WriteDone)
	f.want(t, store.WritePlanUsed, call)
	f.want(t, store.WritePlanOfAnother, f.intent("b", withNonce(planNonce), withStep("third")))
	f.want(t, store.WritePlanOfAnother, f.intent("a", withNonce(planNonce), withStep("third"), callAsBen))
	// Who lost the answer of a call with a key hears how it ended.
	keyed := f.want(t, store.WriteBegun, f.intent("a", withNonce("x"+planNonce), withKey("k")))
	f.end(t, keyed.ID, store.WriteDone)
	f.want(t, store.WriteWasDone, f.intent("a", withNonce("x"+planNonce), withKey("k")))
}

func testContinuedPlan(t *testing.T, f *WriteFixture) {
	done := f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce), continuePlan, withStep("ticket 31")))
	failed := f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce), continuePlan, withStep("ticket 32")))
	f.end(t, done.ID, store.WriteDone)
	f.end(t, failed.ID, store.WriteNotDone)
	f.want(t, store.WriteWasDone, f.intent("a", withNonce(planNonce), continuePlan, withStep("ticket 31")))
	f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce), continuePlan, withStep("ticket 32")))
	f.want(t, store.WriteBegun, f.intent("a", withNonce(planNonce), continuePlan, withStep("ticket 33")))
	f.want(t, store.WritePlanOfAnother, f.intent("b", withNonce(planNonce), continuePlan, withStep("ticket 34")))
}

func testRepeats(t *testing.T, f *WriteFixture) {
	first := f.want(t, store.WriteBegun, f.intent("a", mergeRepeats))
	f.want(t, store.WriteInFlight, f.intent("a", mergeRepeats))
	f.want(t, store.WriteBegun, f.intent("b", mergeRepeats))
	f.want(t, store.WriteBegun, f.intent("a", mergeRepeats, callAsBen))
	f.want(t, store.WriteBegun, f.intent("a", mergeRepeats, withKey("k")))
	f.end(t, first.ID, store.WriteDone)
	f.Age(store.WriteRepeatWindow - 20*time.Second)
	if again := f.want(t, store.WriteWasDone, f.intent("a", mergeRepeats, func(i *store.WriteIntent) { i.Mark = "zzzzzz" })); again.ID != first.ID {
		t.Errorf("the repeat is of %s, want %s", again.ID, first.ID)
	}
	f.Age(21 * time.Second)
	second := f.want(t, store.WriteBegun, f.intent("a", mergeRepeats))
	// Of one of unknown outcome no equal is sent, however old it is.
	f.end(t, second.ID, store.WriteIndeterminate)
	f.Age(time.Hour)
	f.want(t, store.WriteWasIndeterminate, f.intent("a", mergeRepeats))
}

func testWritesPerHour(t *testing.T, f *WriteFixture) {
	f.send(t, f.intent("0", func(i *store.WriteIntent) { i.Weight = 25 }))
	f.Age(30 * time.Minute)
	for n := range 35 {
		f.send(t, f.intent(fmt.Sprint(n)))
	}
	full := f.want(t, store.WriteTooMany, f.intent("36"))
	if full.RetryAfter < 25*time.Minute || full.RetryAfter > 30*time.Minute {
		t.Errorf("to be tried again in %s, want when the first 25 are an hour old", full.RetryAfter)
	}
	f.want(t, store.WriteBegun, f.intent("36", callAsBen))
	f.Age(31 * time.Minute)
	f.want(t, store.WriteBegun, f.intent("36"))
	f.want(t, store.WriteTooMany, f.intent("37", func(i *store.WriteIntent) { i.Weight = 25 }))
}

func testEnd(t *testing.T, f *WriteFixture) {
	for _, tc := range []struct{ first, then, want store.WriteOutcome }{
		{store.WriteDone, store.WriteNotDone, store.WriteDone},
		{store.WriteDone, store.WriteIndeterminate, store.WriteDone},
		{store.WriteNotDone, store.WriteDone, store.WriteNotDone},
		{store.WriteIndeterminate, store.WriteDone, store.WriteDone},
		{store.WriteIndeterminate, store.WriteNotDone, store.WriteNotDone},
		{store.WriteIndeterminate, store.WriteIndeterminate, store.WriteIndeterminate},
	} {
		begun := f.want(t, store.WriteBegun, f.intent(string(tc.first+tc.then)))
		f.wantOutcome(t, begun.ID, "")
		if got := f.end(t, begun.ID, tc.first); got != tc.first {
			t.Errorf("%s ended %s", tc.first, got)
		}
		if got := f.end(t, begun.ID, tc.then); got != tc.want {
			t.Errorf("%s and then %s ended %s, want %s", tc.first, tc.then, got, tc.want)
		}
		f.wantOutcome(t, begun.ID, tc.want)
	}
	if _, err := f.Store.EndWrite(t.Context(), uuid.NewString(), store.WriteEnd{Outcome: store.WriteDone}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a write that nobody began ended: %v", err)
	}
}

func testTrace(t *testing.T, f *WriteFixture) {
	begun := f.want(t, store.WriteBegun, f.intent("a"))
	require.NoError(t, f.Store.TraceWrite(t.Context(), begun.ID, []byte(`{}`)))
	f.Age(store.WriteDeadline)
	if err := f.Store.TraceWrite(t.Context(), begun.ID, []byte(`{}`)); !errors.Is(err, store.ErrWriteOver) {
		t.Errorf("after its deadline: %v", err)
	}
	ended := f.want(t, store.WriteBegun, f.intent("b"))
	f.end(t, ended.ID, store.WriteIndeterminate)
	if err := f.Store.TraceWrite(t.Context(), ended.ID, []byte(`{}`)); !errors.Is(err, store.ErrWriteOver) {
		t.Errorf("after it ended: %v", err)
	}
}

// testUnsent: without a trace nothing was sent, and after the deadline none is taken any more. With one, nobody knows.
func testUnsent(t *testing.T, f *WriteFixture) {
	for _, change := range [][]func(*store.WriteIntent){{withKey("k")}, {mergeRepeats}, {withNonce(planNonce), continuePlan}} {
		first := f.want(t, store.WriteBegun, f.intent("a", change...))
		f.Age(store.WriteDeadline / 2)
		f.want(t, store.WriteInFlight, f.intent("a", change...))
		f.Age(store.WriteDeadline / 2)
		second := f.want(t, store.WriteBegun, f.intent("a", change...))
		if err := f.Store.TraceWrite(t.Context(), first.ID, []byte(`{}`)); !errors.Is(err, store.ErrWriteOver) {
			t.Errorf("after it was begun again: %v", err)
		}
		if ended := f.end(t, first.ID, store.WriteDone); ended != store.WriteNotDone {
			t.Errorf("it ended %s", ended)
		}
		require.NoError(t, f.Store.TraceWrite(t.Context(), second.ID, []byte(`{}`)))
		f.Age(store.WriteDeadline)
		f.want(t, store.WriteInFlight, f.intent("a", change...))
	}
}

func testAtOnce(t *testing.T, f *WriteFixture) {
	for name, change := range map[string][]func(*store.WriteIntent){
		"key": {withKey("k")}, "plan": {withNonce(planNonce)}, "text": {mergeRepeats},
	} {
		var all sync.WaitGroup
		states := make([]store.WriteState, 12)
		for i := range states {
			all.Go(func() {
				begun, err := f.Store.BeginWrite(context.Background(), f.intent("at once by "+name, change...))
				if err != nil {
					t.Errorf("%v", err)
				}
				states[i] = begun.State
			})
		}
		all.Wait()
		begun := 0
		for _, state := range states {
			if state == store.WriteBegun {
				begun++
			}
		}
		if begun != 1 {
			t.Errorf("%d of %d at once with one %s are begun: %v", begun, len(states), name, states)
		}
	}
}

func testWeight(t *testing.T, f *WriteFixture) {
	weightless := func(call string) func(*store.WriteIntent) {
		return func(i *store.WriteIntent) { i.CallID, i.Weight = call, 0 }
	}
	first := f.intent("a")
	if _, err := f.Store.BeginWrite(t.Context(), f.intent("a", weightless(first.CallID))); err == nil {
		t.Error("a first step weighs nothing")
	}
	f.want(t, store.WriteBegun, first)
	for n := range store.MaxWeightlessSteps {
		f.want(t, store.WriteBegun, f.intent("a", weightless(first.CallID), withStep(fmt.Sprint(n))))
	}
	if _, err := f.Store.BeginWrite(t.Context(), f.intent("a", weightless(first.CallID), withStep("last"))); err == nil {
		t.Errorf("more than %d steps weigh nothing", store.MaxWeightlessSteps)
	}
}

// testUnsentWeight: a write that was refused before it was sent takes nothing of the hour, and carries no step that weighs nothing; one that
// was sent, and not done, does.
func testUnsentWeight(t *testing.T, f *WriteFixture) {
	heavy := func(i *store.WriteIntent) { i.Weight = 60 }
	for n := range 3 {
		unsent := f.intent(fmt.Sprint("unsent", n), heavy)
		f.end(t, f.want(t, store.WriteBegun, unsent).ID, store.WriteNotDone)
		weightless := f.intent("unsent", func(i *store.WriteIntent) { i.CallID, i.Weight = unsent.CallID, 0 })
		if _, err := f.Store.BeginWrite(t.Context(), weightless); err == nil {
			t.Error("a step that weighs nothing belongs to one that was not sent")
		}
	}
	sent := f.send(t, f.intent("sent", heavy))
	f.want(t, store.WriteTooMany, f.intent("while it is open"))
	f.end(t, sent, store.WriteNotDone)
	f.want(t, store.WriteTooMany, f.intent("after it was sent"))
	// Of steps that weigh nothing those that were not sent do not count either: a step waits for its turn by being begun again.
	first := f.intent("a", callAsBen)
	f.send(t, first)
	weightless := f.intent("a", callAsBen, withStep("dependency"), func(i *store.WriteIntent) { i.CallID, i.Weight = first.CallID, 0 })
	for range store.MaxWeightlessSteps + 1 {
		f.end(t, f.want(t, store.WriteBegun, weightless).ID, store.WriteNotDone)
	}
}

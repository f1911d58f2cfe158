package postgres_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// newProofFixture is a fixture whose controller asks for proof.
func newProofFixture(t *testing.T) changeFixture {
	t.Helper()
	d := newChangeFixture(t)
	d.writer.ProvenOnly()
	return d
}

// withToken gives a request the proof of a caller with that token: its seal is the token with what it is bound to.
func withToken(token string) func(*store.ChangeRequest) {
	return func(r *store.ChangeRequest) {
		r.Proof = &store.CallerProof{
			TokenFingerprint: store.FingerprintToken(token, r.Subject),
			Seal: func(c store.ProofContext) ([]byte, error) {
				return append([]byte(token+" "), c.Encode()...), nil
			},
		}
	}
}

func withKey(key string) func(*store.ChangeRequest) {
	return func(r *store.ChangeRequest) { r.IdempotencyKey = key }
}

func named(name string) func(*store.ChangeRequest) {
	return func(r *store.ChangeRequest) { r.Key.Name = name }
}

// forge inserts requests of a subject as who has nothing but the servers' role, and returns their ids.
func (d changeFixture) forge(n int, subject, key string) []string {
	d.Helper()
	conn := pgtest.Connect(d.T, pgtest.AsServerRole(d.T, d.owner))
	var ids []string
	for i := range n {
		id, row := uuid.NewString(), key
		if i > 0 && key != "" {
			row = fmt.Sprintf("%s-%d", key, i)
		}
		_, err := conn.Exec(d.Context(), `insert into prompt_changes (id, namespace, name, action, edit, subject, idempotency_key)
			values ($1, $2, $3, 'Add', '{"content": "forged"}', $4, nullif($5, ''))`, id, handover.Namespace, fmt.Sprintf("forged-%d", i), subject, row)
		require.NoError(d.T, err)
		ids = append(ids, id)
	}
	return ids
}

func (d changeFixture) unproven() []store.OpenChange {
	d.Helper()
	open, err := d.writer.UnprovenChanges(d.Context(), 1000)
	require.NoError(d.T, err)
	return open
}

// TestRequestChange_Sealed: what is sealed is bound to what the controller reads back.
func TestRequestChange_Sealed(t *testing.T) {
	d := newProofFixture(t)
	d.requestChange(store.ActionUpdate, withToken("t"), withKey("k"), func(r *store.ChangeRequest) {
		r.ExpectedVersion = 7
		r.Edit = store.Edit{Content: new("<x> & é"), Metadata: []byte(`{"n":12345678901234567890.10, "a" : [1e3, 1.0]}`)}
	})
	got := d.unproven()
	if len(got) != 1 {
		t.Fatalf("%d requests wait for their proof", len(got))
	}
	if want := append([]byte("t "), got[0].Seal.Context.Encode()...); !bytes.Equal(got[0].Seal.Sealed, want) {
		t.Errorf("sealed to\n%q\nand read back as\n%q", got[0].Seal.Sealed, want)
	}
	if _, err := d.writer.NextChange(t.Context(), handover); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("before it is proven: %v", err)
	}
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), got[0].ID))
	if diff := cmp.Diff(got[0].Seal.Context, d.nextChange().Seal.Context); diff != "" {
		t.Errorf("the context when it is proven and when it is applied (-proven +applied):\n%s", diff)
	}
}

// TestRequestChange_Forged: what somebody else inserts in a caller's name takes nothing of the caller's: no quota, no idempotency
// key, no name's turn; neither while it waits nor once it is refused.
func TestRequestChange_Forged(t *testing.T) {
	d := newProofFixture(t)
	quota := pgtest.AsServerRole(t, d.owner)
	quota.ChangeQuota = store.ChangeQuota{OfSubject: 5, InNamespace: 5}
	d.server = openStore(t, quota)
	forged := d.forge(20, "tom", "mine")

	first := d.requestChange(store.ActionUpdate, withToken("t"), withKey("mine"))
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), first.ID))
	if got := d.nextChange(); got.ID != first.ID {
		t.Errorf("the next request is %s, not %s", got.ID, first.ID)
	}
	require.NoError(t, d.writer.BeginChange(t.Context(), d.nextChange(), store.Intent{Generation: 1}))
	var refusals []store.UnprovenRefusal
	for _, id := range forged {
		refusals = append(refusals, store.UnprovenRefusal{ID: id, Reason: store.ReasonUnproven, Message: "no proof"})
	}
	require.NoError(t, d.writer.RefuseUnproven(t.Context(), refusals))

	d.forge(20, "tom", "another")
	for i := range 4 {
		d.requestChange(store.ActionUpdate, withToken("t"), named(fmt.Sprintf("p-%d", i)), withKey(fmt.Sprintf("mine-%d", i)))
	}
	full, err := d.tryRequest(withToken("t"))
	if _, is := errors.AsType[*store.ChangeQuotaError](err); !is {
		t.Errorf("the sixth request of the caller: %v", err)
	}
	repeat, err := d.server.FindEarlierRequest(t.Context(), first)
	require.NoError(t, err)
	if repeat.ID != first.ID {
		t.Errorf("a repeat finds %+v, want %s", repeat, first.ID)
	}
	if err := d.writer.RefuseUnproven(t.Context(), []store.UnprovenRefusal{{ID: first.ID, Reason: "x", Message: "x"}}); err != nil {
		t.Error(err)
	}
	if got := d.nextChange(); got.ID != first.ID || got.State != store.ChangePending {
		t.Errorf("what was proven was refused without proof: %+v", got)
	}
	if got, err := d.server.ChangeOutcomes(t.Context(), "tom", []string{full.ID}); err != nil || len(got) != 0 {
		t.Errorf("what was over the quota is stored: %+v, %v", got, err)
	}
}

// TestRequestChange_OtherToken: what is proven is found under any token of the subject, and counts whatever the token.
func TestRequestChange_OtherToken(t *testing.T) {
	d := newProofFixture(t)
	first := d.requestChange(store.ActionUpdate, withToken("t1"), withKey("k"))
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), first.ID))
	again := first
	again.ID = uuid.NewString()
	withToken("t2")(&again)
	if got, err := d.server.RequestChange(t.Context(), again); err != nil || got.ID != first.ID {
		t.Errorf("a repeat with a newer token gives %+v, %v; want %s", got, err, first.ID)
	}
	// Asked with both tokens before either is proven, it is the first one's.
	both := []store.ChangeRequest{d.requestChange(store.ActionUpdate, withToken("t1"), withKey("l")), d.requestChange(store.ActionUpdate, withToken("t2"), withKey("l"))}
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), both[0].ID))
	if err := d.writer.MarkChangeProven(t.Context(), both[1].ID); !errors.Is(err, store.ErrIdempotencyKeyReused) {
		t.Errorf("a second request under the key of the subject: %v", err)
	}
}

// TestUnprovenChanges_Turns: one request comes soon however many others somebody stores, under whatever names.
func TestUnprovenChanges_Turns(t *testing.T) {
	d := newProofFixture(t)
	d.forge(30, "tom", "")
	mine := d.requestChange(store.ActionUpdate, withToken("t"))
	got, err := d.writer.UnprovenChanges(t.Context(), 2)
	require.NoError(t, err)
	if !slices.ContainsFunc(got, func(c store.OpenChange) bool { return c.ID == mine.ID }) {
		t.Error("the first request of a caller comes after the second of another")
	}
	require.NoError(t, d.writer.DeferProofs(t.Context(), []string{mine.ID}))
	execAsSuperuser(t, d.owner, "update prompt_changes set proof_tried_at = proof_tried_at + interval '1 minute'") // however busy the machine is
	if slices.ContainsFunc(d.unproven(), func(c store.OpenChange) bool { return c.ID == mine.ID }) {
		t.Error("what could not be decided is read again at once")
	}
}

// TestScrubOldSeals: whoever runs scrubs, and no state of a request that is over has a seal.
func TestScrubOldSeals(t *testing.T) {
	d := newProofFixture(t)
	sealed := func() (n int) {
		require.NoError(t, pgtest.Connect(t, d.owner).QueryRow(t.Context(), "select count(*) from prompt_changes where sealed is not null").Scan(&n))
		return n
	}
	for name, scrub := range map[string]func() error{
		"a server":     func() error { _, err := d.server.ScrubOldSeals(t.Context()); return err },
		"a controller": func() error { _, err := openStore(t, d.owner).ScrubOldSeals(t.Context()); return err },
		"migrate":      func() error { _, err := postgres.Migrate(t.Context(), d.owner, postgres.MigrateOptions{}); return err },
	} {
		d.requestChange(store.ActionUpdate, withToken("t"))
		require.NoError(t, scrub())
		if n := sealed(); n != 1 {
			t.Errorf("%s: of a seal of now %d are left", name, n)
		}
		d.backdate(14*time.Minute + time.Second)
		require.NoError(t, scrub())
		if n := sealed(); n != 0 {
			t.Errorf("%s: %d old seals are left", name, n)
		}
	}
}

// TestFinalizeChange_Scrubs: a seal is gone once its request is applied, and with every way of its end.
func TestFinalizeChange_Scrubs(t *testing.T) {
	for name, end := range map[string]func(d changeFixture, r store.ChangeRequest){
		"applied": func(d changeFixture, r store.ChangeRequest) {
			d.beginChange(store.Intent{UID: "u1", Generation: 1})
			d.markApplied(d.nextChange(), "u1", 1)
		},
		"refused": func(d changeFixture, r store.ChangeRequest) {
			require.NoError(d.T, d.writer.FinalizeChange(d.Context(), d.nextChange(), store.ChangeRefused, store.ReasonForbidden, "no"))
		},
		"expired": func(d changeFixture, _ store.ChangeRequest) {
			d.backdate(11 * time.Minute)
			require.NoError(d.T, d.writer.ExpireChanges(d.Context()))
		},
		"deleted": func(d changeFixture, r store.ChangeRequest) {
			d.beginChange(store.Intent{UID: "u1", ResourceVersion: "1", Generation: 1})
			d.markApplied(d.nextChange(), "u1", 1)
			require.NoError(d.T, d.writer.RemoveKeepingPolicy(d.Context(), handover, "u1"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newProofFixture(t)
			r := d.requestChange(store.ActionUpdate, withToken("t"), withKey("k"))
			require.NoError(t, d.writer.MarkChangeProven(t.Context(), r.ID))
			end(d, r)
			var sealed []byte
			var key *string
			require.NoError(t, pgtest.Connect(t, d.owner).QueryRow(t.Context(), "select sealed, idempotency_key from prompt_changes where id = $1", r.ID).Scan(&sealed, &key))
			if sealed != nil || key == nil {
				t.Errorf("its seal is %q, and its idempotency key there: %t", sealed, key != nil)
			}
		})
	}
}

// TestFinalizeChange_FreesKey: who has to ask again may use the same key.
func TestFinalizeChange_FreesKey(t *testing.T) {
	d := newProofFixture(t)
	first := d.requestChange(store.ActionUpdate, withToken("t"), withKey("k"))
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), first.ID))
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonTokenExpired, "expired"))
	second := d.requestChange(store.ActionUpdate, withToken("t"), withKey("k"))
	require.NoError(t, d.writer.MarkChangeProven(t.Context(), second.ID))
	d.requireOutcome(first, store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonTokenExpired})
}

package postgres_test

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const secret = "the secret"

// TestFinalize_ErasesEdit: a text that is withdrawn, before or after, is in no request that has an end, whatever
// it was. A repeat is told from another request all the same.
func TestFinalize_ErasesEdit(t *testing.T) {
	finalizes := func(state store.ChangeState) func(*testing.T, changeFixture) {
		return func(t *testing.T, d changeFixture) {
			require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), state, "Reason", "words"))
		}
	}
	publishes := func(held bool) func(*testing.T, changeFixture) {
		return func(t *testing.T, d changeFixture) {
			d.markApplied(d.beginChange(store.Intent{UID: "u1", Generation: 2}), "u1", 2)
			_, err := d.writer.Publish(t.Context(), d.publicationWithChange("u1", 2, "text", held))
			require.NoError(t, err)
		}
	}
	for name, end := range map[string]func(*testing.T, changeFixture){
		"refused":    finalizes(store.ChangeRefused),
		"conflict":   finalizes(store.ChangeConflict),
		"published":  publishes(true),
		"superseded": publishes(false),
		"blocked": func(t *testing.T, d changeFixture) {
			c := d.beginChange(store.Intent{UID: "u1", Generation: 2})
			d.markApplied(c, "u1", 2)
			require.NoError(t, d.writer.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: c.ID, Intact: true}, "Suspended", "words"))
		},
		"expired": func(t *testing.T, d changeFixture) {
			d.backdate(2 * store.ChangeExpiry)
			require.NoError(t, d.writer.ExpireChanges(t.Context()))
		},
		"lost with the object": func(t *testing.T, d changeFixture) {
			d.markApplied(d.beginChange(store.Intent{UID: "u1", Generation: 2}), "u1", 2)
			require.NoError(t, removeHandover(t.Context(), d.writer))
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := newChangeFixture(t)
			_, err := d.writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
			require.NoError(t, err)
			r := d.requestChange(store.ActionUpdate, func(r *store.ChangeRequest) { r.Edit.Content, r.IdempotencyKey = new(secret), "k" })
			end(t, d)
			d.keepsNo(secret)
			was, err := d.server.ChangeOutcomes(t.Context(), r.Subject, []string{r.ID})
			require.NoError(t, err)
			again := r
			again.ID = uuid.NewString()
			got, err := d.server.RequestChange(t.Context(), again)
			require.NoError(t, err)
			if diff := cmp.Diff(was, []store.ChangeOutcome{got}); diff != "" || !got.State.IsFinal() {
				t.Errorf("a repeat gives state %s (-want +got):\n%s", got.State, diff)
			}
			again.Edit.Content = new("another " + secret)
			if got, err := d.server.RequestChange(t.Context(), again); !errors.Is(err, store.ErrIdempotencyKeyReused) {
				t.Errorf("another edit under the same key gives %+v, %v; want %v", got, err, store.ErrIdempotencyKeyReused)
			}
		})
	}
}

// TestPublish_WithdrawalErasesMessages: what was said of a request may repeat the text.
func TestPublish_WithdrawalErasesMessages(t *testing.T) {
	d := newChangeFixture(t)
	_, err := d.writer.Publish(t.Context(), newPublication(t, handover, "u1", 1, "text"))
	require.NoError(t, err)
	refused := d.requestChange(store.ActionUpdate) // another's to make
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeRefused, store.ReasonOwnedElsewhere, "propose: "+secret))
	blocked := d.requestChange(store.ActionUpdate)
	c := d.beginChange(store.Intent{UID: "u1", Generation: 2})
	d.markApplied(c, "u1", 2)
	require.NoError(t, d.writer.FinalizeAppliedChange(t.Context(), store.AppliedChange{ID: c.ID, Intact: true}, "InvalidTemplate", "no such argument: "+secret))
	lost := d.requestChange(store.ActionUpdate)
	require.NoError(t, d.writer.FinalizeChange(t.Context(), d.nextChange(), store.ChangeConflict, store.ReasonVersionMismatch, "words of the program's own"))

	p := newPublication(t, handover, "u1", 3, "another")
	p.Withdrawn = []int64{1}
	_, err = d.writer.Publish(t.Context(), p)
	require.NoError(t, err)
	d.keepsNo(secret)
	d.requireOutcome(refused, store.ChangeOutcome{State: store.ChangeRefused, Reason: store.ReasonOwnedElsewhere})
	d.requireOutcome(blocked, store.ChangeOutcome{State: store.ChangeBlocked, Reason: "InvalidTemplate"})
	outcomes, err := d.server.ChangeOutcomes(t.Context(), lost.Subject, []string{lost.ID})
	require.NoError(t, err)
	if got := outcomes[0].Message; got != "words of the program's own" {
		t.Errorf("of a conflict is told %q", got)
	}
}

// keepsNo wants no trace of a text in what is kept of requests.
func (d changeFixture) keepsNo(text string) {
	d.Helper()
	for _, row := range databaseContents(d.T, d.owner)["prompt_changes"] {
		if strings.Contains(row, text) {
			d.Errorf("kept of a request: %s", row)
		}
	}
}

// TestMigration_ErasesWithdrawnMessages: versions withdrawn by earlier releases kept what was said of them.
func TestMigration_ErasesWithdrawnMessages(t *testing.T) {
	t.Parallel()
	owner := pgtest.New(t)
	reader := openStore(t, owner)
	w := claimWriter(t, reader, cluster)
	p := newPublication(t, handover, "u1", 1, "one")
	p.Provenance = store.Provenance{Manager: "kubectl", Message: "kept"}
	_, err := w.Publish(t.Context(), p)
	require.NoError(t, err)
	p = newPublication(t, handover, "u1", 2, "two")
	p.Provenance, p.Withdrawn = store.Provenance{Manager: "kubectl", Message: "of another version"}, []int64{1}
	_, err = w.Publish(t.Context(), p)
	require.NoError(t, err)
	conn := pgtest.Connect(t, owner)
	_, err = conn.Exec(t.Context(), `
		alter table prompt_versions disable trigger immutable;
		update prompt_versions set provenance = '{"manager": "kubectl", "message": "the secret", "sourceRevision": "the secret"}' where version = 1;
		alter table prompt_versions enable trigger immutable`)
	require.NoError(t, err)
	migration, err := os.ReadFile("migrations/00007_withdrawn_messages.sql")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), string(migration))
	require.NoError(t, err)
	versions, err := reader.ListVersions(t.Context(), handover, 0, 10)
	require.NoError(t, err)
	got := []store.Provenance{versions[0].Provenance, versions[1].Provenance}
	if diff := cmp.Diff([]store.Provenance{p.Provenance, {Manager: "kubectl"}}, got); diff != "" {
		t.Errorf("provenance (-want +got):\n%s", diff)
	}
}

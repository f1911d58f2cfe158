package postgres_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/pgtest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

func (f connectionFixture) replaceProjects(source string, isWhole bool, projects ...store.CachedProject) {
	f.Helper()
	require.NoError(f, f.writer.ReplaceProjects(f.Context(), helpdesk, helpdeskUID, store.ProjectRead{
		Source: source, Projects: projects, IsWhole: isWhole, ReadAt: time.Now(),
	}))
}

// wantProjects holds the known projects of the connection, by id.
func (f connectionFixture) wantProjects(what string, want ...store.CachedProject) {
	f.Helper()
	got, err := f.server.CachedProjects(f.Context(), f.id)
	require.NoError(f, err)
	byID := cmpopts.SortSlices(func(a, b store.CachedProject) bool { return a.ID < b.ID })
	if diff := cmp.Diff(want, got, byID, cmpopts.EquateEmpty()); diff != "" {
		f.Errorf("projects %s (-want +got)\n%s", what, diff)
	}
}

func (f connectionFixture) observe(observations ...store.Observation) {
	f.Helper()
	require.NoError(f, f.server.StoreObservations(f.Context(), f.id, observations))
}

func (f connectionFixture) foldProjects(want int) {
	f.Helper()
	taken, err := f.writer.FoldProjectObservations(f.Context(), 100)
	require.NoError(f, err)
	if taken != want {
		f.Errorf("%d observations are folded, want %d", taken, want)
	}
}

func TestReplaceProjects(t *testing.T) {
	f := newConnectionFixture(t)
	move := store.CachedProject{ID: "41", Number: "PJT-1", Title: "Office move", Status: "Open"}
	docks := store.CachedProject{ID: "42", Number: "PJT-2", Title: "New docks", Status: "Open"}
	state, err := f.server.ReadProjectCache(t.Context(), f.id)
	require.NoError(t, err)
	if state != (store.ProjectCacheState{}) {
		t.Errorf("the state of what was never read is %+v", state)
	}
	f.replaceProjects("cloud", true, move, docks)
	f.wantProjects("that were read", move, docks)
	before := databaseContents(t, f.owner)["project_cache"]
	f.replaceProjects("cloud", true, move, docks)
	if diff := cmp.Diff(before, databaseContents(t, f.owner)["project_cache"]); diff != "" {
		t.Errorf("rows with their xmin after equal projects were read (-before +after)\n%s", diff)
	}
	if state, err = f.server.ReadProjectCache(t.Context(), f.id); err != nil || state.Source != "cloud" || state.Projects != 2 || time.Since(state.ReadAt) > time.Minute {
		t.Errorf("the state is %+v, %v", state, err)
	}
	move.Status = "Closed"
	f.replaceProjects("cloud", true, move)
	f.wantProjects("of which one changed and one is gone", move)
	f.replaceProjects("cloud", false, docks)
	f.wantProjects("of which the newest were read", move, docks)
	other := store.CachedProject{ID: "41", Number: "PJT-1", Title: "Another's"}
	f.observe(store.ObserveTask("41", "51", "Cables", map[string]string{"status": "Open"}, "anna"))
	f.foldProjects(1)
	f.replaceProjects("another", true, other)
	f.wantProjects("of another ServiceDesk Plus", other)
	if history, err := f.server.TaskHistory(t.Context(), f.id, "41", 10); err != nil || len(history) != 0 {
		t.Errorf("tasks of another ServiceDesk Plus have a history: %v, %v", history, err)
	}
	err = f.writer.ReplaceProjects(t.Context(), helpdesk, "another object", store.ProjectRead{Source: "cloud"})
	if !errors.Is(err, store.ErrConnectionGone) {
		t.Errorf("another object's projects: %v, want the connection gone", err)
	}
}

// TestFoldProjectObservations_OfProjects: what servers met comes beside what the controller read, never over it.
func TestFoldProjectObservations_OfProjects(t *testing.T) {
	f := newConnectionFixture(t)
	read := store.CachedProject{ID: "41", Number: "PJT-1", Title: "Office move", Status: "Open"}
	f.replaceProjects("cloud", false, read)
	f.observe(
		store.ObserveProject(store.CachedProject{ID: "41", Number: "PJT-1", Title: "Forged"}),
		store.ObserveProject(store.CachedProject{ID: "42", Number: "PJT-2", Title: "Old"}),
		store.ObserveProject(store.CachedProject{ID: "42", Number: "PJT-2", Title: "New docks", Status: "Open"}),
		store.Observation{Type: "groups", ID: "1", Name: "Network"},
	)
	f.foldProjects(3)
	met := store.CachedProject{ID: "42", Number: "PJT-2", Title: "New docks", Status: "Open", Observed: true}
	f.wantProjects("with one that was met", read, met)
	f.observe(store.ObserveProject(store.CachedProject{ID: "42", Number: "PJT-2", Title: "New docks", Status: "Closed"}))
	f.foldProjects(1)
	met.Status = "Closed"
	f.wantProjects("with what was met since", read, met)
	met.Status, met.Observed = "Open", false
	f.replaceProjects("cloud", false, met)
	f.wantProjects("that the controller read after all", read, met)
	f.foldProjects(0)
	if taken, err := f.writer.FoldObservations(t.Context(), 100); err != nil || taken != 1 {
		t.Errorf("%d names of lists are left to be folded, %v; want 1", taken, err)
	}
	require.NoError(t, f.writer.RemoveConnection(t.Context(), helpdesk, helpdeskUID))
	f.wantProjects("of a connection that is gone")
	f.observe(store.ObserveProject(met))
	f.foldProjects(1)
	f.wantProjects("of a connection that is gone, which a server had met before")
}

// TestFoldProjectObservations_OfTasks: a task has a history of what differed from what was known, and of what was written, with who did.
func TestFoldProjectObservations_OfTasks(t *testing.T) {
	f := newConnectionFixture(t)
	cables := func(actor string, fields map[string]string) store.Observation {
		return store.ObserveTask("41", "51", "Lay cables", fields, actor)
	}
	f.observe(cables("", map[string]string{"status": "Open", "percent": "0", "owner": "Nina"})) // is known from here on
	f.foldProjects(1)
	f.observe(
		cables("", map[string]string{"status": "Open", "percent": "0"}),                 // no news
		cables("", map[string]string{"status": "In Progress", "percent": "0"}),          // somebody else's
		cables("tom@example.org", map[string]string{"status": "Done", "owner": "Nina"}), // ours
		store.ObserveTask("41", "52", "Order the rack", map[string]string{"status": "Open"}, "tom@example.org"),
		store.ObserveTask("99", "53", "Of another project", map[string]string{"status": "Open"}, "tom@example.org"),
	)
	f.foldProjects(5)
	got, err := f.server.TaskHistory(t.Context(), f.id, "41", 10)
	require.NoError(t, err)
	text := func(s string) *string { return &s }
	want := []store.TaskChange{
		{TaskID: "52", Title: "Order the rack", Field: "title", After: "Order the rack", Actor: "tom@example.org"},
		{TaskID: "52", Title: "Order the rack", Field: "status", After: "Open", Actor: "tom@example.org"},
		{TaskID: "51", Title: "Lay cables", Field: "status", Before: text("In Progress"), After: "Done", Actor: "tom@example.org"},
		{TaskID: "51", Title: "Lay cables", Field: "status", Before: text("Open"), After: "In Progress"},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(store.TaskChange{}, "At")); diff != "" {
		t.Errorf("history (-want +got)\n%s", diff)
	}
	for name, detail := range map[string]map[string]string{
		"a field that no history has": {"secret": "x"}, "a field that is none": {"__proto__": "x", "": "y"}, "nothing": {},
	} {
		f.observe(store.Observation{Type: "task", ParentID: "41", ID: "54", Name: name, Detail: detail})
	}
	f.foldProjects(3)
	if after, err := f.server.TaskHistory(t.Context(), f.id, "41", 10); err != nil || len(after) != len(got) {
		t.Errorf("%d changes after what says nothing, %v; want %d", len(after), err, len(got))
	}
	conn := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	for _, detail := range []string{`[1]`, `"x"`, `{"x": "` + strings.Repeat("x", 5000) + `"}`} {
		if _, err := conn.Exec(t.Context(), "insert into sdp_observations (connection_id, type, external_id, name, detail) values ($1, 'task', '1', 'x', $2::jsonb)", f.id, detail); err == nil {
			t.Errorf("the detail %.20s is taken", detail)
		}
	}
}

func TestDeleteOldProjectRows(t *testing.T) {
	f := newConnectionFixture(t)
	f.replaceProjects("cloud", false, store.CachedProject{ID: "41", Title: "Office move"}, store.CachedProject{ID: "42", Title: "New docks"})
	f.observe(
		store.ObserveTask("41", "51", "Old", map[string]string{"status": "Open"}, "anna"),
		store.ObserveTask("41", "52", "New", map[string]string{"status": "Open"}, "anna"),
	)
	f.foldProjects(2)
	for _, title := range []string{"ended", "lives"} {
		claimed, err := f.server.ClaimProjectTitle(t.Context(), f.id, sha256.Sum256([]byte(title)), uuid.New())
		if err != nil || !claimed {
			t.Fatalf("%s: %t, %v", title, claimed, err)
		}
	}
	ended := sha256.Sum256([]byte("ended"))
	conn := pgtest.Connect(t, f.owner)
	for sql, argument := range map[string]any{
		"update task_history set changed_at = now() - interval '181 days' where task_id = $1":         "51",
		"update project_cache set seen_at = now() - interval '181 days' where external_id = $1":       "41",
		"update project_title_claims set expires_at = now() - interval '1 s' where title_digest = $1": ended[:],
	} {
		_, err := conn.Exec(t.Context(), sql, argument)
		require.NoError(t, err)
	}
	deleted, err := f.writer.DeleteOldProjectRows(t.Context(), 180*24*time.Hour, 100)
	require.NoError(t, err)
	f.wantProjects("that were seen lately", store.CachedProject{ID: "42", Title: "New docks"})
	history, err := f.server.TaskHistory(t.Context(), f.id, "41", 10)
	require.NoError(t, err)
	contents := databaseContents(t, f.owner)
	if len(history) != 2 || history[0].TaskID != "52" || len(contents["project_title_claims"]) != 1 || deleted != 2 {
		t.Errorf("%d deleted of one kind; left are the changes %v and %d claims", deleted, history, len(contents["project_title_claims"]))
	}
}

// TestClaimProjectTitle has many servers claim one title at once: one has it, until it gives it back or two minutes are over.
func TestClaimProjectTitle(t *testing.T) {
	f := newConnectionFixture(t)
	digest := sha256.Sum256([]byte("office move"))
	const callers = 8
	var all sync.WaitGroup
	var mu sync.Mutex
	var holders []uuid.UUID
	for range callers {
		s := openStore(t, pgtest.AsServerRole(t, f.owner))
		s.SetCallTimeout(time.Minute)
		all.Go(func() {
			claim := uuid.New()
			claimed, err := s.ClaimProjectTitle(t.Context(), f.id, digest, claim)
			if err != nil {
				t.Errorf("claim: %v", err)
			}
			if claimed {
				mu.Lock()
				holders = append(holders, claim)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(holders) != 1 {
		t.Fatalf("%d of %d callers have the title", len(holders), callers)
	}
	claim := func(title [32]byte, by uuid.UUID, want bool, when string) {
		t.Helper()
		if claimed, err := f.server.ClaimProjectTitle(t.Context(), f.id, title, by); err != nil || claimed != want {
			t.Errorf("%s: claimed %t, %v; want %t", when, claimed, err, want)
		}
	}
	other := uuid.New()
	claim(digest, holders[0], true, "by its holder again")
	claim(digest, other, false, "by another")
	claim(sha256.Sum256([]byte("another title")), other, true, "another title")
	require.NoError(t, f.server.ReleaseProjectTitle(t.Context(), f.id, digest, other))
	claim(digest, other, false, "after another released what is not theirs")
	require.NoError(t, f.server.ReleaseProjectTitle(t.Context(), f.id, digest, holders[0]))
	claim(digest, other, true, "after its holder released it")
	_, err := pgtest.Connect(t, f.owner).Exec(t.Context(), "update project_title_claims set expires_at = now() - interval '1 s'")
	require.NoError(t, err)
	claim(digest, uuid.New(), true, "after two minutes")
	thief := pgtest.Connect(t, pgtest.AsServerRole(t, f.owner))
	for _, call := range []string{
		"claim_project_title(0, $1, $2)", "claim_project_title(null, $1, $2)", "claim_project_title(" + fmt.Sprint(f.id) + ", '\\x00', $2::uuid)",
		"claim_project_title(" + fmt.Sprint(f.id) + ", null, $2)", "claim_project_title(" + fmt.Sprint(f.id) + ", $1, null)",
	} {
		arguments := []any{digest[:], other}
		sql := "select " + call + ", $1::bytea is null, $2::uuid is null"
		if _, err := thief.Exec(t.Context(), sql, arguments...); err == nil {
			t.Errorf("%s is taken", call)
		}
	}
}

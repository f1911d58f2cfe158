package servicedesk_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/server/servicedesk"
)

// statuses are what connection_status says.
type statuses struct {
	Connections []struct {
		ProjectCache string `json:"project_cache"`
	}
}

// TestProjectMemory: a server without a database reads the newest projects once, finds near titles among them, and has the history of what
// it saw itself.
func TestProjectMemory(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, nil)
	r := h.serve(func(c *servicedesk.Config) { c.Projects, c.Titles = servicedesk.NewProjectMemory(), nil })
	_, got := mustCall[projectRows](r, "list_projects", map[string]any{"query": "ofice mvoe"})
	wantCalls(t, fake, 2) // the newest hundred, and the list
	if diff := cmp.Diff([]string{officeMove}, got.numbers()); diff != "" {
		t.Error(diff)
	}
	_, made := mustCall[createdProject](r, "create_project", map[string]any{"title": "Ofice moves"})
	wantCalls(t, fake, 1)
	if made.Created || len(made.Similar) != 1 {
		t.Errorf("%+v", made)
	}
	_, made = mustCall[createdProject](r, "create_project", map[string]any{"title": "New docks"})
	if !made.Created {
		t.Errorf("%+v", made)
	}
	_, made = mustCall[createdProject](r, "create_project", map[string]any{"title": "New  docks!"})
	if made.Created || len(made.Similar) != 1 || made.Similar[0].Similarity != 1 {
		t.Errorf("%+v", made)
	}
	text, now := mustCall[statuses](r, "connection_status", nil)
	if said := now.Connections[0].ProjectCache; !strings.HasPrefix(said, "1 projects, read ") || !strings.HasSuffix(said, "in the memory of this process alone, as is the history of tasks") ||
		!strings.Contains(text, "project cache: "+said) {
		t.Errorf("it says %s", text)
	}
	_, tasks := mustCall[madeTasks](r, "create_tasks", map[string]any{"project_id": made.Similar[0].Number, "tasks": []any{map[string]any{"title": "Count desks"}}})
	mustCall[recordUpdate](r, "complete_task", map[string]any{"project_id": made.Similar[0].Number, "task_id": tasks.Tasks[0].ID})
	text, _ = mustCall[map[string]any](r, "get_project", map[string]any{"project_id": made.Similar[0].Number, "include": []string{"history"}})
	for _, words := range []string{"tech@example.org | status: Open → Completed", "percent: 0 → 100", "title: Count desks"} {
		if !strings.Contains(text, words) {
			t.Errorf("the history does not say %q: %s", words, text)
		}
	}
}

// TestProjects_WithoutCache: with the cache switched off equal titles are found, and near ones are not; no task has a history.
func TestProjects_WithoutCache(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connectToWrite(helpdesk, fake, nil)
	fake.Set("projects", fake.IDs("projects")[0], sdptest.Record{"created_time": time.Now().Add(-48 * time.Hour)})
	r := h.serve(func(c *servicedesk.Config) { c.Projects = nil })
	for title, isFound := range map[string]bool{"Office move": true, "Ofice move": false} {
		_, got := mustCall[createdProject](r, "create_project", map[string]any{"title": title, "dry_run": true})
		if len(got.Similar) == 1 != isFound {
			t.Errorf("%s: %+v, want it found: %t", title, got, isFound)
		}
	}
	fake.ForgetCalls()
	text, listed := mustCall[projectTitles](r, "list_projects", nil)
	if len(listed.Projects) != 1 || listed.Projects[0].Subject != "Office move" {
		t.Errorf("the projects are listed as %s", text)
	}
	wantCalls(t, fake, 1)
	for query, isFound := range map[string]bool{"office move": true, "ofice move": false} {
		if text, listed = mustCall[projectTitles](r, "list_projects", map[string]any{"query": query}); len(listed.Projects) == 1 != isFound {
			t.Errorf("a search for %q finds %s", query, text)
		}
	}
	text, _ = mustCall[map[string]any](r, "get_project", map[string]any{"project_id": officeMove, "include": []string{"history"}})
	if !strings.Contains(text, "this server keeps no history of tasks") {
		t.Error(text)
	}
	if text, _ = mustCall[statuses](r, "connection_status", nil); !strings.Contains(text, "project cache: off") {
		t.Error(text)
	}
}

// projectTitles is the structured result of a list of projects.
type projectTitles struct{ Projects []struct{ Subject string } }

package servicedesk_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// TestAddNote_Projects: comments are on the project, the milestone or the task that is named, below a project inside the ceilings.
func TestAddNote_Projects(t *testing.T) {
	writeTo(t, sdptest.Options{}, nil, func(w *writingDesk) {
		project, milestone, task := w.fake.IDs("projects")[0], w.fake.IDs("milestones")[0], w.fake.IDs("tasks")[0]
		number := fmt.Sprint(w.fake.Record("projects", project)["display_id"].(sdptest.Record)["display_value"])
		content := w.inEdition("comment", "content")
		sent := func(path, root, text string) string {
			return "POST " + path + ` {"` + w.inEdition(root, "comment") + `":{"` + content + `":"<p>` + text + `</p>\n<p>— tech@example.org through Lectern [mark]</p>"}}`
		}
		text, got := write[note](w, "add_note", map[string]any{"project_id": number, "text": "Keys are back"})
		w.wantCalls("GET /projects", "GET /projects/*", sent("/projects/*/comments", "project_comment", "Keys are back"))
		if got.NoteID == "" || got.Subject != "Office move" || !strings.Contains(text, "It is on project "+number) {
			t.Errorf("%+v %s", got, text)
		}
		_, got = write[note](w, "add_note", map[string]any{"project_id": number, "milestone_id": milestone, "text": "Half done"})
		w.wantCalls("GET /projects/*", "GET /projects/*/milestones/*", sent("/projects/*/milestones/*/comments", "milestone_comment", "Half done"))
		if got.Subject != "Cabling" {
			t.Errorf("%+v", got)
		}
		_, got = write[note](w, "add_note", map[string]any{"project_id": "id:" + project, "task_id": task, "text": "All done"})
		w.wantCalls("GET /projects/*", "GET /projects/*/tasks/*", sent("/projects/*/tasks/*/comments", "task_comment", "All done"))
		if got.Subject != "Lay cables" {
			t.Errorf("%+v", got)
		}
		_, spent := write[worklog](w, "add_worklog", map[string]any{"project_id": number, "task_id": task, "minutes": 45})
		w.wantCalls("GET /projects/*", "GET /projects/*/tasks/*", "POST /projects/*/tasks/*/worklogs …", "GET /projects/*/tasks/*/worklogs")
		if spent.TotalMinutes == nil || *spent.TotalMinutes != 45 || spent.Technician != "tech@example.org" {
			t.Errorf("%+v", spent)
		}
		w.wantRefusal("add_note", map[string]any{"project_id": number, "text": "x", "visible_to_requester": true}, "ValidationError", "go with")
		w.wantRefusal("add_note", map[string]any{"project_id": number, "task_id": "99999", "text": "x"}, "NotFoundError", "no such task")
		w.wantRefusal("add_worklog", map[string]any{"project_id": number, "minutes": 5}, "ValidationError", "project_id and task_id")
	})
}

// TestAddNote_ProjectPolicies: what is outside, not offered or not to be written is refused.
func TestAddNote_ProjectPolicies(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	project, milestone, task := fake.IDs("projects")[0], fake.IDs("milestones")[0], fake.IDs("tasks")[0]
	for name, change := range map[string]func(*store.ConnectionAccess){
		"outside": func(a *store.ConnectionAccess) { a.Projects = []string{"PJT-99"} },
		"toolset": func(a *store.ConnectionAccess) { a.Toolsets = []string{"requests"} },
		"no-field": func(a *store.ConnectionAccess) {
			a.Fields = map[string][]string{"project": {}, "milestone": {}, "task": {}}
		},
	} {
		h.connectToWrite(store.Key{Namespace: "support", Name: name}, fake, func(s *store.ConnectionSettings) { change(&s.Access) })
	}
	r := h.serve()
	for name, want := range map[string][2]string{
		"outside":  {"NotFoundError", "no such project"},
		"toolset":  {"ForbiddenError", "does not offer the toolset projects"},
		"no-field": {"ForbiddenError", "spec.access.fields"},
	} {
		w := &writingDesk{T: t, h: h, replica: r, fake: fake, key: store.Key{Namespace: "support", Name: name}}
		for _, given := range []map[string]any{{}, {"milestone_id": milestone}, {"task_id": task}} {
			given["project_id"], given["text"] = "id:"+project, "x"
			w.wantRefusal("add_note", given, want[0], want[1])
		}
		w.wantRefusal("add_worklog", map[string]any{"project_id": "id:" + project, "task_id": task, "minutes": 5}, want[0], want[1])
	}
}

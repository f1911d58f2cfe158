package servicedesk_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
)

// officeMove is the project that the fake begins with, by its number.
const officeMove = "PJT-1"

// projectLists are the lists that tools on projects look names up in.
var projectLists = []sdp.LookupType{sdp.ProjectStatuses, sdp.ProjectTypes, sdp.ProjectRoles, sdp.TaskStatuses}

// workOnProjects has a test work on projects of both editions.
func workOnProjects(t *testing.T, change func(*store.ConnectionSettings), test func(w *writingDesk)) {
	t.Helper()
	writeTo(t, sdptest.Options{}, change, func(w *writingDesk) {
		for _, list := range projectLists {
			w.h.storeLookup(w.key, w.fake, list)
		}
		w.nameRecords()
		test(w)
	})
}

// nameRecords has calls be shown with the names of what their ids are of.
func (w *writingDesk) nameRecords() {
	for _, list := range projectLists {
		for _, id := range w.fake.IDs(string(list)) {
			w.names[id] = fmt.Sprint(w.fake.Record(string(list), id)["name"])
		}
	}
	for table, field := range map[string]string{"users": "name", "projects": "title", "milestones": "title", "tasks": "title"} {
		for _, id := range w.fake.IDs(table) {
			w.names[id] = fmt.Sprint(w.fake.Record(table, id)[field])
		}
	}
}

func sortedTexts(texts []string) []string {
	slices.Sort(texts)
	return texts
}

// titled returns the id of a record with a title.
func (w *writingDesk) titled(table, title string) string {
	w.Helper()
	for _, id := range w.fake.IDs(table) {
		if w.fake.Record(table, id)["title"] == title {
			return id
		}
	}
	w.Fatalf("there is none of %s called %q", table, title)
	return ""
}

type projectRows struct {
	Projects []struct {
		ID, Number, Subject, Status, Owner, End string
		Percent                                 int
		Similarity                              *float64
	}
	Total      *int
	NextCursor string `json:"next_cursor"`
	More       bool
	Trust      string
}

func (p projectRows) numbers() []string {
	numbers := []string{}
	for _, row := range p.Projects {
		numbers = append(numbers, row.Number)
	}
	return numbers
}

// createdProject is the structured result of create_project.
type createdProject struct {
	Created             bool
	ID, Number, Subject string
	Similar             []struct {
		Number, Subject string
		Similarity      float64
	}
	Members, Failed []string
	Repeat          bool
	DryRun          bool `json:"dry_run"`
}

// recordUpdate is the structured result of tools that change a project, a milestone or a task.
type recordUpdate struct {
	ID, Of, Subject string
	Changed         map[string][]string
	Added, Failed   []string
	Repeat          bool
	DryRun          bool `json:"dry_run"`
	Trust           string
}

// signedByTech is the end of a text as it is sent.
const signedByTech = `\n<p>— tech@example.org through Lectern [mark]</p>`

const (
	findProject = "GET /projects"
	readProject = "GET /projects/*"
)

func TestListProjects(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		w.fake.Add("projects", sdptest.Record{"title": "New docks", "owner": "nina@example.org"})
		w.fake.Add("projects", sdptest.Record{"title": "Dock firmware", "owner": "tech@example.org", "status": "Closed"})
		text, got := write[projectRows](w, "list_projects", nil)
		w.wantCalls(findProject)
		if diff := cmp.Diff([]string{"PJT-1", "PJT-2", "PJT-3"}, sortedTexts(got.numbers())); diff != "" || *got.Total != 3 || got.Trust != "untrusted" {
			w.Errorf("%+v %s", got, diff)
		}
		if !strings.Contains(text, "PJT-1 | id:"+w.titled("projects", "Office move")+" | Office move | Open | 20% | Tom Tech | 20") {
			w.Errorf("text %s", text)
		}
		for arguments, want := range map[*map[string]any][]string{
			{"owner": "nina@example.org"}:       {"PJT-2"},
			{"owner": "me"}:                     {"PJT-1", "PJT-3"},
			{"status": "closed"}:                {"PJT-3"},
			{"query": "dock"}:                   {"PJT-2", "PJT-3"},
			{"query": "ofice mvoe"}:             {}, // no part of a title; the database knows of none yet
			{"query": "dock", "owner": "me"}:    {"PJT-3"},
			{"query": "Office   MOVE!"}:         {},
			{"query": "move", "status": "open"}: {"PJT-1"},
		} {
			_, got := write[projectRows](w, "list_projects", *arguments)
			w.wantCalls(findProject)
			if diff := cmp.Diff(want, sortedTexts(got.numbers())); diff != "" {
				w.Errorf("%v (-want +got)\n%s", *arguments, diff)
			}
		}
		w.foldProjects()
		_, got = write[projectRows](w, "list_projects", map[string]any{"query": "ofice mvoe"})
		if len(got.Projects) == 0 || got.Projects[0].Number != officeMove || *got.Projects[0].Similarity < 0.4 {
			w.Errorf("by a title with slips, of what servers met: %+v", got.Projects)
		}
		w.wantCalls(findProject)
		pages, cursor := []string{}, ""
		for range 4 {
			arguments := map[string]any{"limit": 1}
			if cursor != "" {
				arguments["cursor"] = cursor
			}
			_, page := write[projectRows](w, "list_projects", arguments)
			pages = append(pages, page.numbers()...)
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if diff := cmp.Diff([]string{"PJT-1", "PJT-2", "PJT-3"}, sortedTexts(pages)); diff != "" {
			w.Errorf("in pages of one (-want +got)\n%s", diff)
		}
	})
}

// foldProjects does what upkeep does.
func (w *writingDesk) foldProjects() {
	w.Helper()
	if _, err := w.h.writer.FoldProjectObservations(w.Context(), 1000); err != nil {
		w.Fatal(err)
	}
}

func TestGetProject(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		type part struct {
			Part, Error string
			Rows        []struct{ ID, Subject, Who, When, State, Text string }
		}
		type details struct {
			Number, Subject, Status, Owner, Text string
			Percent                              int
			Overdue                              bool
			Counts                               map[string]int
			Included                             []part
		}
		_, got := write[details](w, "get_project", map[string]any{"project_id": "1"})
		w.wantCalls(findProject, readProject, "GET /projects/*/tasks", "GET /projects/*/milestones")
		want := details{Number: officeMove, Subject: "Office move", Status: "Open", Owner: "Tom Tech", Text: "To the new building", Percent: 20, Counts: map[string]int{
			"milestones": 1, "tasks": 2, "tasks_read": 2, "tasks_open": 1, "tasks_overdue": 0, "tasks_percent": 50,
		}}
		if diff := cmp.Diff(want, got); diff != "" {
			w.Errorf("(-want +got)\n%s", diff)
		}
		text, got := write[details](w, "get_project", map[string]any{
			"project_id": "id:" + w.titled("projects", "Office move"), "include": []string{"members", "milestones", "tasks", "comments", "dependencies", "history"},
		})
		w.wantCalls(readProject, "GET /projects/*/tasks", "GET /projects/*/milestones", "GET /projects/*/comments", "GET /projects/*/task_dependencies",
			"GET /projects/*/"+w.inEdition("project_members", "members"))
		rows := map[string]int{}
		for _, p := range got.Included {
			rows[p.Part] = len(p.Rows)
			if p.Error != "" {
				w.Errorf("%s: %s", p.Part, p.Error)
			}
		}
		if diff := cmp.Diff(map[string]int{"members": 2, "milestones": 1, "tasks": 2, "comments": 1, "dependencies": 1, "history": 0}, rows); diff != "" {
			w.Errorf("rows of parts (-want +got)\n%s\n%s", diff, text)
		}
		for _, words := range []string{"Keys are at the desk", "waits for " + w.titled("tasks", "Order the rack"), "Team Member", "Lay cables", "Cabling"} {
			if !strings.Contains(text, words) {
				w.Errorf("the text does not say %q: %s", words, text)
			}
		}
	})
}

// TestCreateProject: what is named is found first, members by their ids, and the project has its description signed.
func TestCreateProject(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		arguments := map[string]any{
			"title": "New docks", "description": "For **all** desks", "type": "infrastructure", "priority": "high", "owner": "me", "start": "2031-03-30", "end": "2031-03-30",
			"members": []string{"nina@example.org", "Tom Tech"},
		}
		members := w.inEdition("project_members", "members")
		text, got := write[createdProject](w, "create_project", arguments)
		w.nameRecords()
		typeField, root := w.inEdition("project_type", "type"), w.inEdition("project_member", "member")
		created := `{"description":"<p>For <strong>all</strong> desks</p>` + signedByTech + `","owner":{"id":"Tom Tech"},"priority":{"id":"High"},`
		span := `"scheduled_end_time":{"value":"1932674399999"},"scheduled_start_time":{"value":"1932591600000"},"title":"New docks"`
		if typeField == "type" {
			span += `,"type":{"id":"Infrastructure"}`
		} else {
			created += `"project_type":{"id":"Infrastructure"},`
		}
		w.wantCalls("GET /users", "GET /users", "GET /users", findProject, `POST /projects {"project":`+created+span+`}}`,
			`POST /projects/*/`+members+` {"`+root+`":{"user":{"id":"Nina Net"}}}`, `POST /projects/*/`+members+` {"`+root+`":{"user":{"id":"Tom Tech"}}}`)
		if !got.Created || got.Number != "PJT-2" || got.ID != "id:"+w.titled("projects", "New docks") || len(got.Members) != 2 || len(got.Failed) != 0 {
			w.Errorf("%+v", got)
		}
		if !strings.Contains(text, "Project PJT-2 (") {
			w.Errorf("text %s", text)
		}
	})
}

// TestCreateProject_SimilarTitles: a title that is there, and near ones of those that are known, are answered instead of a second project.
func TestCreateProject_SimilarTitles(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		_, got := write[createdProject](w, "create_project", map[string]any{"title": "Office move"})
		w.wantCalls(findProject)
		if got.Created || len(got.Similar) != 1 || got.Similar[0].Number != officeMove || got.Similar[0].Similarity != 1 {
			w.Errorf("the same title: %+v", got)
		}
		w.foldProjects() // nothing was told of yet that was not read
		write[projectRows](w, "list_projects", nil)
		w.foldProjects()
		for title, isNear := range map[string]bool{
			"office  MOVE!": true, "Office-Move": true, "Offïce moves": true, "Ofice move": true, "Office moving plan": false, "Kitchen": false,
		} {
			w.fake.ForgetCalls()
			_, got := write[createdProject](w, "create_project", map[string]any{"title": title, "dry_run": true})
			w.wantCalls(findProject)
			if got.Created || !got.DryRun || len(got.Similar) == 1 != isNear {
				w.Errorf("%q: %+v, want it to be near: %t", title, got, isNear)
			}
		}
		text, got := write[createdProject](w, "create_project", map[string]any{"title": "Ofice move"})
		if got.Created || len(got.Similar) != 1 || !strings.Contains(text, "allow_duplicate") || !strings.Contains(text, "PJT-1 | ") {
			w.Errorf("%+v %s", got, text)
		}
		w.wantCalls(findProject)
		_, got = write[createdProject](w, "create_project", map[string]any{"title": "Ofice move", "allow_duplicate": true})
		if !got.Created || got.Number != "PJT-2" {
			w.Errorf("with allow_duplicate: %+v", got)
		}
		w.wantCalls("POST /projects…")
	})
}

func TestUpdateProject(t *testing.T) {
	workOnProjects(t, allowVisible, func(w *writingDesk) {
		text, got := write[recordUpdate](w, "update_project", map[string]any{
			"project_id": officeMove, "title": "Office move", "status": "closed", "percent": 100, "owner": "nina@example.org", "end": "2031-03-31", "start": nil,
			"add_members": []string{"ana@example.org"},
		})
		members, root := w.inEdition("project_members", "members"), w.inEdition("project_member", "member")
		w.wantCalls(findProject, readProject, "GET /users", "GET /users",
			`PUT /projects/* {"project":{"owner":{"id":"Nina Net"},"percentage_completion":"100","scheduled_end_time":{"value":"1932760799999"},"scheduled_start_time":null,"status":{"id":"Closed"}}}`,
			`POST /projects/*/`+members+` {"`+root+`":{"user":{"id":"Ana Lopez"}}}`)
		for name, want := range map[string]string{"status": "Open → Closed", "percent": "20 → 100", "owner": "Tom Tech → Nina Net"} {
			if strings.Join(got.Changed[name], " → ") != want || !strings.Contains(text, name+": "+want) {
				w.Errorf("%s: %v, want %s in %s", name, got.Changed[name], want, text)
			}
		}
		if got.Changed["end"][1] != "2031-03-31T23:59:59+02:00" || got.Changed["title"] != nil || got.Of != "project PJT-1" || got.Subject != "Office move" {
			w.Errorf("%+v", got)
		}
		text, got = write[recordUpdate](w, "update_project", map[string]any{"project_id": officeMove, "status": "Closed"})
		w.wantCalls(readProject)
		if len(got.Changed) != 0 {
			w.Errorf("what is so already is changed: %+v %s", got, text)
		}
		for arguments, want := range map[*map[string]any][2]string{
			{"project_id": officeMove}:                                             {"ValidationError", "nothing to change"},
			{"project_id": officeMove, "status": "Sky"}:                            {"ValidationError", `there is no "Sky" in the list project_statuses`},
			{"project_id": officeMove, "owner": "Nobody Here"}:                     {"ValidationError", "nobody is called"},
			{"project_id": officeMove, "start": "2031-02-02", "end": "2031-02-01"}: {"ValidationError", "before start"},
			{"project_id": "PJT-99", "percent": 1}:                                 {"NotFoundError", "no such project"},
			{"project_id": "Office move", "percent": 1}:                            {"NotFoundError", "no such project"},
		} {
			w.wantRefusal("update_project", *arguments, want[0], want[1])
		}
	})
}

func TestSaveMilestone(t *testing.T) {
	workOnProjects(t, nil, func(w *writingDesk) {
		_, got := write[recordUpdate](w, "save_milestone", map[string]any{"project_id": officeMove, "title": "Furniture", "owner": "nina@example.org", "end": "2031-01-15"})
		w.wantCalls(findProject, readProject, "GET /users",
			`POST /projects/*/milestones {"milestone":{"description":"<p>— tech@example.org through Lectern [mark]</p>","owner":{"id":"Nina Net"},"scheduled_end_time":{"value":"1926284399999"},"title":"Furniture"}}`)
		if got.ID != w.titled("milestones", "Furniture") || got.Of != "project PJT-1" || got.Subject != "Furniture" {
			w.Errorf("%+v", got)
		}
		_, got = write[recordUpdate](w, "create_milestone", map[string]any{"project_id": officeMove, "milestone_id": got.ID, "percent": 50, "title": "Furniture", "owner": nil})
		w.wantCalls(readProject, "GET /projects/*/milestones/*", `PUT /projects/*/milestones/* {"milestone":{"owner":null,"percentage_completion":"50"}}`)
		if diff := cmp.Diff(map[string][]string{"percent": {"0", "50"}, "owner": {"Nina Net", ""}}, got.Changed); diff != "" {
			w.Error(diff)
		}
		other := w.fake.Add("projects", sdptest.Record{"title": "Another"})
		foreign := w.fake.AddTo("projects", other, "milestones", sdptest.Record{"title": "Foreign"})
		w.wantRefusal("save_milestone", map[string]any{"project_id": officeMove}, "ValidationError", "is needed for a new milestone")
		w.wantRefusal("save_milestone", map[string]any{"project_id": officeMove, "milestone_id": foreign, "percent": 1}, "NotFoundError", "no such milestone")
	})
}

// TestProjects_Fields: a connection lets some fields be written, of each kind of record.
func TestProjects_Fields(t *testing.T) {
	workOnProjects(t, func(s *store.ConnectionSettings) {
		s.Access.Fields = map[string][]string{"project": {"status"}, "milestone": {}, "task": {"title", "percent"}}
	}, func(w *writingDesk) {
		cables := w.titled("tasks", "Lay cables")
		for arguments, want := range map[*map[string]any][2]string{
			{"project_id": officeMove, "percent": 1}:                               {"update_project", "field percent of a project"},
			{"project_id": officeMove, "add_members": []string{"ana@example.org"}}: {"update_project", "field members of a project"},
			{"title": "Anything"}:                           {"create_project", "field title of a project"},
			{"project_id": officeMove, "title": "Anything"}: {"save_milestone", "field title of a milestone"},
			{"project_id": officeMove, "tasks": []any{map[string]any{"title": "x", "end": "2031-01-01"}}}: {"create_tasks", "field end of a task"},
			{"project_id": officeMove, "task_id": cables, "complete": true}:                               {"update_task", "field status of a task"},
			{"project_id": officeMove, "task_id": cables, "depends_on": []string{"7"}}:                    {"update_task", "field depends_on of a task"},
		} {
			w.wantRefusal(want[0], *arguments, "ForbiddenError", want[1])
		}
		write[recordUpdate](w, "update_project", map[string]any{"project_id": officeMove, "status": "Closed"})
		write[recordUpdate](w, "update_task", map[string]any{"project_id": officeMove, "task_id": cables, "percent": 10})
	})
}

// TestProjects_Zones: dates are days of the zone of the connection, and times are shown in it.
func TestProjects_Zones(t *testing.T) {
	for zone, want := range map[string][2]string{
		"UTC": {"1932595200000", "1932681599999"}, "Asia/Tokyo": {"1932562800000", "1932649199999"}, "America/New_York": {"1932609600000", "1932695999999"},
		"Europe/Berlin": {"1932591600000", "1932674399999"}, // a day of 23 hours
	} {
		t.Run(zone, func(t *testing.T) {
			h := newHouse(t)
			fake := startFake(t, sdptest.Options{})
			h.connectToWrite(helpdesk, fake, func(s *store.ConnectionSettings) { s.TimeZone = zone })
			r := h.serve()
			_, got := mustCall[recordUpdate](r, "save_milestone", map[string]any{"project_id": officeMove, "title": "Day", "start": "2031-03-30", "end": "2031-03-30"})
			var sent sdptest.Record
			for _, c := range fake.Calls(func(c sdptest.Call) bool { return c.Method == "POST" && strings.HasSuffix(c.Path, "/milestones") }) {
				sent, _ = c.Input["milestone"].(sdptest.Record)
			}
			start, _ := sent["scheduled_start_time"].(sdptest.Record)
			end, _ := sent["scheduled_end_time"].(sdptest.Record)
			if start["value"] != want[0] || end["value"] != want[1] {
				t.Errorf("%s: %v to %v is sent, want %v", zone, start, end, want)
			}
			location, err := time.LoadLocation(zone)
			if err != nil {
				t.Fatal(err)
			}
			if shown := time.Date(2031, 3, 30, 23, 59, 59, 0, location).Format(time.RFC3339); got.Changed["end"][1] != shown {
				t.Errorf("%s: the end is shown as %s, want %s", zone, got.Changed["end"][1], shown)
			}
		})
	}
}

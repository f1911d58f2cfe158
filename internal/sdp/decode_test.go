package sdp

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// withoutRaw compares what is decoded; FuzzDecode holds what is kept raw.
var withoutRaw = cmpopts.IgnoreTypes(Raw{})

func mustParse(t *testing.T, text string) Raw {
	t.Helper()
	parsed, err := ParseRaw([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func shownAt(ms int64, display string) Time { return Time{time.UnixMilli(ms).UTC(), display} }

var tom = Ref{ID: "100000000000090020", Name: "Tom Tech"}

func TestDecode_Fixtures(t *testing.T) {
	t.Parallel()
	open := Status{Ref: Ref{ID: "100000000000006657", Name: "Open"}, InternalName: "Open", InProgress: new(true)}
	created, noon := shownAt(1760000000000, "Oct 9, 2025 08:53 AM"), shownAt(1760003600000, "Oct 9, 2025 09:53 AM")
	due := shownAt(1760086400000, "Oct 10, 2025 08:53 AM")
	ana := Ref{"100000000000090001", "Ana Lopez", "ana@example.org"}
	for name, tc := range map[string]struct{ got, want any }{
		"a row of requests": {decodeRequest(mustParse(t, fixtureRequestRow)), Request{
			ID: "100000000000031001", DisplayID: "31", Subject: "Laptop will not dock", Status: open, Requester: ana,
			Template: Ref{ID: "100000000000006655", Name: "Default Request"}, CreatedTime: created,
		}},
		"a request": {decodeRequest(mustParse(t, fixtureRequest).Object("request")), Request{
			ID: "100000000000031001", DisplayID: "31", Subject: "Laptop will not dock", DescriptionHTML: "<p>No picture on the external screen</p>", Status: open,
			Requester: ana, CreatedBy: Ref{"100000000000090009", "API User", "api@example.org"}, Group: Ref{ID: "100000000000006683", Name: "Service desk"},
			Priority: Ref{ID: "100000000000006803", Name: "Normal"}, RequestType: Ref{ID: "100000000000008391", Name: "Incident"},
			Template: Ref{ID: "100000000000006655", Name: "Default Request"}, Category: Ref{ID: "100000000000006689", Name: "Hardware"},
			Subcategory: Ref{ID: "100000000000006712", Name: "Docking station"}, CreatedTime: created, DueByTime: due, IsOverdue: new(false), IsTrashed: new(false),
		}},
		"a note of the cloud": {requestNoteRecord.decode(mustParse(t, fixtureCloudNotes).Objects("notes")[0]), Note{
			ID: "100000000000032001", TextHTML: "<p>Rang the user</p>", AddedBy: tom, AddedTime: noon,
		}},
		"a note of a list on premises": {requestNoteRecord.decode(mustParse(t, fixtureOnPremisesNotes).Objects("notes")[0]), Note{
			ID: "41", AddedBy: Ref{ID: "5", Name: "Tom Tech"}, AddedTime: noon,
		}},
		"a note on premises": {requestNoteRecord.decode(mustParse(t, fixtureOnPremisesNote).Object("note")), Note{
			ID: "41", TextHTML: "<p>Rang the user</p>", AddedBy: Ref{ID: "5", Name: "Tom Tech"},
		}},
		"a worklog of the cloud": {worklogRecord.decode(mustParse(t, fixtureCloudWorklog).Object("worklog")), Worklog{
			ID: "100000000000033001", DescriptionHTML: "Remote session", Owner: Ref{"100000000000090020", "Tom Tech", "tech@example.org"},
			Type: Ref{ID: "100000000000033900", Name: "Remote"}, StartTime: created, EndTime: shownAt(1760001800000, "Oct 9, 2025 09:23 AM"),
			Spent: Effort(30 * time.Minute), OwnerCost: "0.00", OtherCost: "0.00", TotalCost: "0.00", RecordedTime: shownAt(1760001900000, "Oct 9, 2025 09:25 AM"),
		}},
		"a worklog on premises": {worklogRecord.decode(mustParse(t, fixtureOnPremisesWorklog).Object("worklog")), Worklog{
			ID: "12", DescriptionHTML: "Remote session", Owner: Ref{ID: "5", Name: "Tom Tech"}, Type: Ref{ID: "1", Name: "Remote"},
			Spent: Effort(30 * time.Minute), OwnerCost: "0.00", OtherCost: "0.00", TotalCost: "0.00",
		}},
		"a task": {decodeTask(mustParse(t, fixtureTask).Object("task")), Task{
			ID: "100000000000034001", Title: "Replace dock", Status: Status{Ref: Ref{ID: "100000000000006657", Name: "Open"}},
			Owner: Ref{"100000000000090020", "Tom Tech", "tech@example.org"}, Template: Ref{Name: "Default Task"}, Estimate: Effort(time.Hour), ScheduledEnd: due,
			CreatedBy: Ref{ID: "100000000000090009", Name: "API User"}, CreatedTime: created, Index: "1", Project: Ref{ID: "100000000000401001", Name: "Office move"},
		}},
		"an approval level": {approvalLevelRecord.decode(mustParse(t, fixtureApprovalLevel).Object("approval_level")), ApprovalLevel{
			ID: "100000000000035001", Level: 1, Status: Ref{Name: "Pending Approval"},
		}},
		"an approval": {approvalRecord.decode(mustParse(t, fixtureApproval).Object("approval")), Approval{
			ID: "100000000000035101", Approver: Ref{"100000000000090030", "Mia Boss", "mia@example.org"}, Status: Ref{Name: "Pending Approval"},
		}},
		"a member": {memberRecord.decode(mustParse(t, fixtureMembers).Objects("project_members")[0]), Member{
			ID: "100000000000402001", User: tom, Role: Ref{ID: "100000000000402900", Name: "Team Member"}, IsActive: true,
		}},
		"a comment": {taskCommentRecord.decode(mustParse(t, fixtureTaskComment).Object("task_comment")), Comment{
			ID: "100000000000455001", TextHTML: "<p>Cabling done</p>", CreatedBy: tom, CreatedTime: noon,
		}},
		"a project": {decodeProject(mustParse(t, fixtureProject).Object("project")), Project{
			ID: "100000000000401001", Number: "12", DisplayID: "PJT-12", Title: "Office move", DescriptionHTML: "<p>…</p>", Code: "MOVE-25",
			Status: Status{Ref: Ref{ID: "100000000000401801", Name: "Open"}, InProgress: new(true)}, Type: Ref{ID: "100000000000401701", Name: "Infrastructure"},
			Priority: Ref{ID: "100000000000006803", Name: "Normal"}, Owner: Ref{"100000000000090020", "Tom Tech", "tech@example.org"},
			ScheduledStart: shownAt(1760000000000, "Oct 9, 2025"), ScheduledEnd: shownAt(1765000000000, "Dec 6, 2025"), Percent: 20,
			CreatedTime: shownAt(1759990000000, "Oct 9, 2025 06:06 AM"),
		}},
		"an asset": {decodeAsset(mustParse(t, fixtureAsset).Object("asset")), Asset{
			ID: "100000000000700001", Name: "LT-0142", Tag: "A-0142", SerialNumber: "SN-EXAMPLE", Product: Ref{ID: "100000000000710001", Name: "Laptop 14"},
			ProductType: Ref{Name: "Computer"}, State: Ref{Name: "In Use"}, User: Ref{ID: "100000000000090001", Name: "Ana Lopez"},
		}},
		"a user": {userRecord.decode(mustParse(t, fixtureUser).Object("user")), Person{
			ID: "100000000000090020", Name: "Tom Tech", Email: "tech@example.org", IsTechnician: new(true), Department: Ref{ID: "100000000000090500", Name: "IT"},
		}},
		"a status": {decodeLookupEntry(mustParse(t, fixtureLookupRows[0])), LookupEntry{
			ID: "100000000000006660", Name: "On Hold", InternalName: "Onhold", Color: "#ff9900", InProgress: new(true), StopTimer: true,
		}},
		"a subcategory": {decodeLookupEntry(mustParse(t, fixtureLookupRows[1])), LookupEntry{
			ID: "100000000000006712", Name: "Docking station", Parent: Ref{ID: "100000000000006689", Name: "Hardware"},
		}},
		"a department": {decodeLookupEntry(mustParse(t, fixtureLookupRows[4])), LookupEntry{
			ID: "100000000000090500", Name: "IT", Parent: Ref{ID: "100000000000090510", Name: "Main office"},
		}},
	} {
		if diff := cmp.Diff(tc.want, tc.got, withoutRaw); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestRaw_AnyShape(t *testing.T) {
	t.Parallel()
	r := mustParse(t, `{"number":100000000000031001,"text":"x","yes":"TRUE","no":false,"null":null,"array":["a",1,{"id":2}],"object":{"value":17,"display_value":"d"},
		"bare":1760000000000,"far":{"value":"99999999999999999"},"word":"Incident","nested":{"value":{"value":1}},"dup":1,"dup":2,"big":1e3,"effort":{"value":90000},"over":{"hours":"99999999999999999999"}}`)
	for name, tc := range map[string]struct{ got, want any }{
		"an id of a number keeps its digits": {r.Text("number"), "100000000000031001"},
		"the first name that is there":       {r.Text("absent", "null", "text"), "x"},
		"null is no text":                    {r.Text("null"), ""},
		"an array is no text":                {r.Text("array"), ""},
		"an object's value is":               {r.Text("object"), "17"},
		"but one level only":                 {r.Text("nested"), ""},
		"a number as it is written":          {r.Text("big"), "1e3"},
		"a boolean in words":                 {r.Bool("yes"), new(true)},
		"a boolean":                          {r.Bool("no"), new(false)},
		"no boolean":                         {r.Bool("text"), (*bool)(nil)},
		"a bare time":                        {r.Time("bare"), Time{At: time.UnixMilli(1760000000000).UTC()}},
		"a time beyond years":                {r.Time("far"), Time{}},
		"a reference by a bare name":         {r.Ref("word"), Ref{Name: "Incident"}},
		"texts of an array":                  {r.Texts("array"), []string{"a", "1"}},
		"a text is an array of one":          {r.Texts("text"), []string{"x"}},
		"objects of an array":                {r.Objects("array")[0].Text("id"), "2"},
		"an object is an array of one":       {len(r.Objects("object")), 1},
		"the last of two":                    {r.Text("dup"), "2"},
		"an effort of milliseconds":          {r.Effort("effort"), Effort(time.Minute)},
		"an effort beyond numbers":           {r.Effort("over"), Effort(0)},
		"null is there":                      {r.Has("null"), true},
		"absent is not":                      {r.Has("absent"), false},
	} {
		if diff := cmp.Diff(tc.want, tc.got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	for _, text := range []string{"", "null", "[]", `"x"`, "{", `{"secret`} {
		if parsed, err := ParseRaw([]byte(text)); err == nil || !parsed.IsZero() || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if none, err := json.Marshal(Raw{}); err != nil || string(none) != "null" {
		t.Errorf("%s %v", none, err)
	}
}

func TestValues_AreWrittenAsSDPTakesThem(t *testing.T) {
	t.Parallel()
	written, err := encodeInput(Fields{
		"by_id": Ref{ID: "1", Name: "n", Email: "e"}, "by_email": ByEmail("e@example.org"), "by_name": ByName("<n>"), "none": Ref{}, "cleared": nil,
		"at": At(time.UnixMilli(1760000000001)), "no_time": Time{}, "effort": Effort(95 * time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := `{"at":{"value":"1760000000001"},"by_email":{"email_id":"e@example.org"},"by_id":{"id":"1"},"by_name":{"name":"\u003cn\u003e"},"cleared":null,` +
		`"effort":{"hours":"1","minutes":"35"},"no_time":null,"none":null}`
	if diff := cmp.Diff(want, string(written)); diff != "" {
		t.Error(diff)
	}
}

// decodeEverything decodes an object as every kind of record, and returns what is kept raw of each, and the ids that were read of it.
func decodeEverything(r Raw) (raws []Raw, ids []string) {
	keep := func(raw Raw, id string) { raws, ids = append(raws, raw), append(ids, id) }
	request, remark, comment, mail, worklog, task := decodeRequest(r), requestNoteRecord.decode(r), taskCommentRecord.decode(r), conversationRecord.decode(r), worklogRecord.decode(r), decodeTask(r)
	keep(request.Raw, request.ID)
	keep(remark.Raw, remark.ID)
	keep(comment.Raw, comment.ID)
	keep(mail.Raw, mail.ID)
	keep(worklog.Raw, worklog.ID)
	keep(task.Raw, task.ID)
	dependency, file, level, approval := dependencyRecord.decode(r), decodeAttachment(r), approvalLevelRecord.decode(r), approvalRecord.decode(r)
	keep(dependency.Raw, dependency.ID)
	keep(file.Raw, file.ID)
	keep(level.Raw, level.ID)
	keep(approval.Raw, approval.ID)
	project, member, milestone, problem, change := decodeProject(r), memberRecord.decode(r), milestoneRecord.decode(r), decodeProblem(r), decodeChange(r)
	keep(project.Raw, project.ID)
	keep(member.Raw, member.ID)
	keep(milestone.Raw, milestone.ID)
	keep(problem.Raw, problem.ID)
	keep(change.Raw, change.ID)
	solution, topic, asset, person, entry := solutionRecord.decode(r), topicRecord.decode(r), decodeAsset(r), userRecord.decode(r), decodeLookupEntry(r)
	keep(solution.Raw, solution.ID)
	keep(topic.Raw, topic.ID)
	keep(asset.Raw, asset.ID)
	keep(person.Raw, person.ID)
	keep(entry.Raw, entry.ID)
	link := requestLinkRecord.decode(mustHold("linked_request", r))
	ids = append(ids, link.Request.ID, decodeRequest(mustHold("requester", r)).Requester.ID)
	return append(raws, resolutionRecord.decode(r).Raw), ids
}

// mustHold returns an object with another in a field.
func mustHold(name string, inner Raw) Raw {
	outer, err := ParseRaw([]byte(`{"` + name + `":` + string(inner.text) + `}`))
	if err != nil {
		panic(err)
	}
	return outer
}

// asTree reads JSON with the standard library alone, numbers as they are written.
func asTree(text []byte) (tree any, err error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	err = decoder.Decode(&tree)
	return tree, err
}

// idIn returns the id of an object as the standard library reads it.
func idIn(tree any) string {
	object, _ := tree.(map[string]any)
	switch id := object["id"].(type) {
	case string:
		return id
	case json.Number:
		return id.String()
	}
	return ""
}

// FuzzDecode: no answer makes anything panic, every name and scalar of an object is found again in the raw part of each record, and
// an id has all its digits, however many, whether it came as a string or as a number.
func FuzzDecode(f *testing.F) {
	for _, fixture := range fixtures() {
		f.Add([]byte(fixture))
	}
	for _, tc := range failures {
		f.Add([]byte(tc.body))
	}
	f.Add([]byte(`{"id":9007199254740993,"status":{"id":123456789012345678901},"list_info":{"has_more_rows":true}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, status := range []int{200, 401, 429, 500} {
			got := readAnswer(status, nil, text, time.UnixMilli(0))
			for _, isWrite := range []bool{false, true} {
				if kind := got.classify(isWrite); kind != "" {
					if failed := got.failure("x", kind, nil); len(failed.Messages) > maxMessages || len(failed.Fields) > maxFields || strings.ContainsAny(failed.Error(), "\n\x00") {
						t.Errorf("not bounded: %q", failed)
					}
				}
			}
		}
		r, err := ParseRaw(text)
		if err != nil {
			return
		}
		want, err := asTree(text)
		if err != nil {
			t.Fatalf("an object that is no JSON: %v", err)
		}
		page := readPage(answer{body: r}, 1, []string{"notes", "requests"}, func(row Raw) Raw { return row })
		if page.Next < 0 || page.Total < -1 || page.Next > 0 && len(page.Items) == 0 {
			t.Errorf("a page that cannot be: %+v", page)
		}
		for _, name := range r.Names() {
			if inner := r.Object(name); !inner.IsZero() {
				decodeEverything(inner)
			}
		}
		raws, ids := decodeEverything(r)
		if digits := idIn(want); digits != "" {
			for i, id := range ids {
				if id != digits {
					t.Errorf("id %d is %q, not %q", i, id, digits)
				}
			}
		}
		for i, raw := range raws {
			rebuilt := map[string]any{}
			for _, name := range raw.Names() {
				value, err := asTree(raw.fields[name])
				if err != nil {
					t.Fatal(err)
				}
				rebuilt[name] = value
			}
			if diff := cmp.Diff(want, any(rebuilt)); diff != "" {
				t.Fatalf("record %d lost something: %s", i, diff)
			}
			again, err := json.Marshal(raw)
			if err != nil {
				t.Fatal(err)
			}
			if tree, err := asTree(again); err != nil || !cmp.Equal(want, tree) {
				t.Fatalf("record %d is encoded as %s", i, again)
			}
		}
	})
}

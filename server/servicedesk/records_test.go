package servicedesk_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// recordPage is the structured result of search_records.
type recordPage struct {
	Module  string
	Records []struct {
		ID, Subject, Status, Owner, Due string
	}
	Total      *int
	NextCursor string `json:"next_cursor"`
	Trust      string
}

func (p recordPage) subjects() []string {
	subjects := []string{}
	for _, r := range p.Records {
		subjects = append(subjects, r.Subject)
	}
	return subjects
}

// withRecords has a connection offer problems, changes and assets.
func withRecords(s *store.ConnectionSettings) {
	s.Access.Toolsets = append(s.Access.Toolsets, "problems-and-changes", "assets")
}

// TestSearchRecords: each kind of record is found by words, status and owner, with one call of ServiceDesk Plus.
func TestSearchRecords(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		fake.Add("problems", sdptest.Record{"title": "VPN drops on Mondays", "description": "<p>The gateway restarts.</p>", "priority": "High", "group": "Network"})
		closed := fake.Add("problems", sdptest.Record{"title": "Old docks", "status": "Closed"})
		fake.Add("changes", sdptest.Record{"title": "Replace the gateway", "change_owner": "tech@example.org"})
		h.connect(helpdesk, fake, withRecords)
		h.storeLookup(helpdesk, fake, sdp.ChangeStatuses)
		h.storeLookup(helpdesk, fake, sdp.AssetStates)
		r := h.serve()
		fake.ForgetCalls()
		for name, tc := range map[string]struct {
			arguments map[string]any
			want      []string
		}{
			"all problems, the newest first":   {map[string]any{"module": "problem"}, []string{"Old docks", "VPN drops on Mondays", "Docks drop video after firmware 4.1"}},
			"words of the text":                {map[string]any{"module": "problem", "query": "gateway VPN"}, []string{"VPN drops on Mondays"}},
			"words that are nowhere together":  {map[string]any{"module": "problem", "query": "gateway docks"}, []string{}},
			"a status":                         {map[string]any{"module": "problem", "status": "closed"}, []string{"Old docks"}},
			"an owner by address":              {map[string]any{"module": "problem", "owner": "tech@example.org"}, []string{"Docks drop video after firmware 4.1"}},
			"the caller's own":                 {map[string]any{"module": "problem", "owner": "me"}, []string{"Docks drop video after firmware 4.1"}},
			"changes of an owner":              {map[string]any{"module": "change", "owner": "Tom Tech"}, []string{"Replace the gateway"}},
			"changes by status":                {map[string]any{"module": "change", "status": "In Submission", "query": "firmware"}, []string{"Update dock firmware"}},
			"assets by tag":                    {map[string]any{"module": "asset", "query": "a-0142"}, []string{"LT-0142"}},
			"assets by state":                  {map[string]any{"module": "asset", "status": "In Use"}, []string{"LT-0142"}},
			"assets of a user":                 {map[string]any{"module": "asset", "owner": "ana@example.org"}, []string{"LT-0142"}},
			"assets that nobody has by a word": {map[string]any{"module": "asset", "query": "0142", "owner": "ben@example.org"}, []string{}},
		} {
			text, found := mustCall[recordPage](r, "search_records", tc.arguments)
			if diff := cmp.Diff(tc.want, found.subjects()); diff != "" {
				t.Errorf("%s: %s: (-want +got)\n%s", site, name, diff)
			}
			if found.Trust != "untrusted" || len(checkFraming(text)) > 0 || found.Total == nil || *found.Total != len(tc.want) {
				t.Errorf("%s: %s: %+v %s", site, name, found, text)
			}
			wantCalls(t, fake, 1)
		}
		if _, found := mustCall[recordPage](r, "search_records", map[string]any{"module": "problem", "status": "Closed"}); found.Records[0].ID != closed {
			t.Errorf("%s: the id is %s, want %s", site, found.Records[0].ID, closed)
		}
		unknown := r.call("search_records", map[string]any{"module": "asset", "status": "In Used"})
		if !unknown.IsError || unknown.Details.Kind != "ValidationError" || !strings.Contains(strings.Join(unknown.Details.Allowed, " "), "In Use") {
			t.Errorf("%s: an unknown status: %+v", site, unknown)
		}
	}
}

// TestSearchRecords_Pages: a list that is longer than a page goes on at a cursor.
func TestSearchRecords_Pages(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for i := range 40 {
		fake.Add("assets", sdptest.Record{"name": fmt.Sprintf("PC-%03d %s", i, strings.Repeat("x", 100)), "product": "Laptop 14"})
	}
	h.connect(helpdesk, fake, withRecords)
	r := h.serve()
	seen := map[string]bool{}
	arguments := map[string]any{"module": "asset", "query": "PC-", "limit": 15}
	for page := 1; ; page++ {
		text, found := mustCall[recordPage](r, "search_records", arguments)
		if *found.Total != 40 || len(text) > 2000*4 {
			t.Errorf("page %d: %d of %d in %d characters", page, len(found.Records), *found.Total, len(text))
		}
		for _, row := range found.Records {
			if seen[row.ID] {
				t.Errorf("page %d has %s again", page, row.ID)
			}
			seen[row.ID] = true
		}
		if found.NextCursor == "" {
			break
		}
		if !strings.Contains(text, "More: cursor="+found.NextCursor) {
			t.Errorf("page %d does not say how it goes on: %.300s", page, text)
		}
		arguments["cursor"] = found.NextCursor
	}
	if len(seen) != 40 {
		t.Errorf("%d records in all pages, want 40", len(seen))
	}
	arguments["query"] = "PC"
	if got := r.call("search_records", arguments); !got.IsError {
		t.Error("a cursor of another search was taken")
	}
}

// recordDetails is the structured result of get_record.
type recordDetails struct {
	ID, Subject, Status, Owner, Group, Site, Due, Module string
	Fields                                               map[string]string
	Included                                             []struct {
		Part, Error string
		Rows        []struct{ ID, Subject, Who, When, State, Text string }
	}
}

// TestGetRecord: a record is read with one call of ServiceDesk Plus, and one more for each part.
func TestGetRecord(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		problem := fake.Add("problems", sdptest.Record{
			"title": "VPN drops on Mondays", "description": "<p>The gateway restarts.</p>", "priority": "High", "group": "Network", "status": "Open",
			"technician": "nina@example.org", "workaround_details": sdptest.Record{"workaround_details_description": "<p>Use <b>TCP</b>.</p>"},
		})
		fake.AddTo("problems", problem, "problem_notes", sdptest.Record{"description": "<p>Asked the vendor.</p>", "created_by": "tech@example.org", "created_time": time.Now()})
		fake.AddTo("problems", problem, "tasks", sdptest.Record{"title": "Read the logs"})
		h.connect(helpdesk, fake, withRecords)
		r := h.serve()
		fake.ForgetCalls()
		text, got := mustCall[recordDetails](r, "get_record", map[string]any{"module": "problem", "record_id": problem, "include": []string{"notes", "tasks", "worklogs", "approvals"}})
		if got.Subject != "VPN drops on Mondays" || got.Fields["priority"] != "High" || got.Group != "Network" || !strings.Contains(got.Owner, "nina@example.org") {
			t.Errorf("%s: %+v", site, got)
		}
		parts := map[string]string{}
		for _, part := range got.Included {
			parts[part.Part] = part.Error
			for _, row := range part.Rows {
				parts[part.Part] += row.Text + row.Subject
			}
		}
		want := map[string]string{
			"description": "The gateway restarts.", "workaround": "Use TCP.", "notes": "Asked the vendor.", "tasks": "Read the logs", "worklogs": "", "approvals": "",
		}
		if diff := cmp.Diff(want, parts); diff != "" {
			t.Errorf("%s: the parts (-want +got)\n%s\n%s", site, diff, text)
		}
		wantCalls(t, fake, 5)
		change := fake.IDs("changes")[0]
		if _, got := mustCall[recordDetails](r, "get_record", map[string]any{"module": "change", "record_id": "id:" + change}); got.Fields["stage"] != "Submission" || got.Included[0].Part != "roll-out plan" {
			t.Errorf("%s: a change: %+v", site, got)
		}
		wantCalls(t, fake, 1)
		asset := fake.IDs("assets")[0]
		if _, got := mustCall[recordDetails](r, "get_record", map[string]any{"module": "asset", "record_id": asset}); got.Fields["tag"] != "A-0142" || got.Fields["product"] != "Laptop 14" {
			t.Errorf("%s: an asset: %+v", site, got)
		}
		wantCalls(t, fake, 1)
		for what, arguments := range map[string]map[string]any{
			"an id that does not exist":      {"module": "problem", "record_id": "999999999999999999"},
			"what is no id":                  {"module": "problem", "record_id": "PB-1"},
			"an id of another kind":          {"module": "change", "record_id": asset},
			"parts of an asset, it has none": {"module": "asset", "record_id": asset, "include": []string{"notes"}},
		} {
			if got := r.call("get_record", arguments); !got.IsError || got.Details.Kind != "NotFoundError" && got.Details.Kind != "ValidationError" {
				t.Errorf("%s: %s: %+v", site, what, got)
			}
		}
	}
}

// TestRecords_Toolsets: the argument module has what the connection offers and the client wants, and nothing else is answered.
func TestRecords_Toolsets(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	for name, tc := range map[string]struct {
		toolsets []string
		query    string
		want     []any // nil: the tools are not there
	}{
		"both":                     {[]string{"requests", "problems-and-changes", "assets"}, "", []any{"problem", "change", "asset"}},
		"problems and changes":     {[]string{"requests", "problems-and-changes"}, "", []any{"problem", "change"}},
		"assets":                   {[]string{"requests", "assets"}, "", []any{"asset"}},
		"neither":                  {[]string{"requests"}, "", nil},
		"both, and assets wanted":  {[]string{"problems-and-changes", "assets"}, "?toolsets=assets", []any{"asset"}},
		"both, and neither wanted": {[]string{"requests", "problems-and-changes", "assets"}, "?toolsets=requests", nil},
	} {
		h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = tc.toolsets })
		r := h.serve()
		tools := r.list("/mcp" + tc.query)
		for _, tool := range []string{"search_records", "get_record"} {
			listed, is := tools[tool]
			if is != (tc.want != nil) {
				t.Errorf("%s: %s is listed: %t", name, tool, is)
			}
			if !is {
				continue
			}
			var schema struct {
				Properties map[string]struct{ Enum []any }
			}
			require.NoError(t, json.Unmarshal(listed.InputSchema, &schema))
			if diff := cmp.Diff(tc.want, schema.Properties["module"].Enum); diff != "" {
				t.Errorf("%s: %s: (-want +got)\n%s", name, tool, diff)
			}
			if _, has := schema.Properties["connection"]; has {
				t.Errorf("%s: %s asks for a connection, of which there is one", name, tool)
			}
		}
		for _, module := range []string{"problem", "asset"} {
			if tc.want == nil {
				continue // TestNarrowing has what is not there
			}
			got := r.callAt("/mcp"+tc.query, "search_records", map[string]any{"module": module})
			if got.IsError == slices.Contains(tc.want, any(module)) {
				t.Errorf("%s: search_records of %s: %+v", name, module, got)
			}
		}
	}
}

// TestRecords_Ceilings: what belongs to another group or site is neither found nor read; assets belong to no group.
func TestRecords_Ceilings(t *testing.T) {
	h := newHouse(t)
	for site, edition := range editions {
		fake := startFake(t, sdptest.Options{Edition: edition})
		ids := map[string]string{}
		for _, r := range [][3]string{{"problems", "inside", "Network"}, {"problems", "outside", "Service desk"}, {"problems", "nobody's", ""}, {"changes", "inside", "Network"}, {"changes", "outside", "Service desk"}} {
			fields := sdptest.Record{"title": "Ceiling " + r[1], "site": "Branch north"}
			if r[2] != "" {
				fields["group"] = r[2]
			}
			ids[r[0]+" "+r[1]] = fake.Add(r[0], fields)
		}
		ids["problems elsewhere"] = fake.Add("problems", sdptest.Record{"title": "Ceiling elsewhere", "group": "Network", "site": "Main office"})
		for _, where := range []string{"Branch north", "Main office"} {
			ids["assets "+where] = fake.Add("assets", sdptest.Record{"name": "Ceiling " + where, "product": "Laptop 14", "site": where})
		}
		h.connect(helpdesk, fake, withRecords, func(s *store.ConnectionSettings) {
			s.Access.Groups, s.Access.Sites = []string{"Network"}, []string{"Branch north"}
		})
		r := h.serve()
		for module, want := range map[string][]string{"problem": {"Ceiling inside"}, "change": {"Ceiling inside"}, "asset": {"Ceiling Branch north"}} {
			if _, found := mustCall[recordPage](r, "search_records", map[string]any{"module": module, "query": "ceiling"}); !cmp.Equal(want, found.subjects()) {
				t.Errorf("%s: %ss: %v, want %v", site, module, found.subjects(), want)
			}
		}
		refused := map[string]string{}
		for name, id := range ids {
			table, what, _ := strings.Cut(name, " ")
			got := r.call("get_record", map[string]any{"module": strings.TrimSuffix(table, "s"), "record_id": id})
			if isInside := what == "inside" || what == "Branch north"; got.IsError == isInside {
				t.Errorf("%s: %s: %+v", site, name, got)
			}
			if got.IsError {
				refused[table] = got.Text
			}
		}
		for table, text := range refused {
			unknown := r.call("get_record", map[string]any{"module": strings.TrimSuffix(table, "s"), "record_id": "999999999999999999"})
			if unknown.Text != text {
				t.Errorf("%s: %s: outside says %q, unknown %q", site, table, text, unknown.Text)
			}
		}
		h.connect(helpdesk, fake, withRecords, func(s *store.ConnectionSettings) { s.Access.Sites = []string{} })
		r = h.serve()
		fake.ForgetCalls()
		if _, found := mustCall[recordPage](r, "search_records", map[string]any{"module": "asset"}); len(found.Records) > 0 {
			t.Errorf("%s: no site is inside, and there are %v", site, found.subjects())
		}
		wantCalls(t, fake, 0)
	}
}

package sdptest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// numbered fills an empty desk with requests "1" to "n", a minute apart.
func numbered(x *caller, n int) {
	x.t.Helper()
	for i := range n {
		x.server.Add("requests", Record{"subject": fmt.Sprint(i + 1), "created_time": morning.Add(time.Duration(i) * time.Minute)})
	}
}

func (x *caller) list(path, info string) *response {
	x.t.Helper()
	return x.get(path, `{"list_info":{`+info+`}}`)
}

// wantSubjects compares the subjects of a list of requests, in order.
func (r *response) wantSubjects(want ...string) *response {
	r.t.Helper()
	r.want(200, 2000)
	if diff := cmp.Diff(append([]string{}, want...), r.rows("requests", "subject")); diff != "" {
		r.t.Errorf("subjects (-want +got):\n%s", diff)
	}
	return r
}

var (
	empty     = Options{Empty: true}
	byCreated = `"sort_field":"created_time","sort_order":"asc"`
)

// TestListInfo holds every key of list_info.
func TestListInfo(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"2.4 row_count: 10 by default, 100 at most": {options: empty, assert: func(x *caller) {
			numbered(x, 101)
			x.get("/requests", "").wantAt("list_info", map[string]any{"has_more_rows": true, "start_index": 1.0, "row_count": 10.0})
			x.list("/requests", `"row_count":100`).wantAt("list_info.row_count", 100.0)
			x.list("/requests", `"row_count":101`).want(400, 4014, "row_count")
			x.list("/requests", `"row_count":0`).want(400, 4014, "row_count")
			x.list("/requests", `"row_count":true`).want(400, 4021, "row_count")
		}},
		"2.4 row_count: capped": {options: Options{Empty: true, Guesses: Guesses{RowCountCapped: true}}, assert: func(x *caller) {
			numbered(x, 101)
			x.list("/requests", `"row_count":500`).want(200, 2000).wantAt("list_info.row_count", 100.0)
		}},
		"2.4 start_index begins at 1, and 0 is 1": {options: empty, assert: func(x *caller) {
			numbered(x, 5)
			x.list("/requests", byCreated+`,"row_count":2,"start_index":1`).wantSubjects("1", "2")
			x.list("/requests", byCreated+`,"row_count":2,"start_index":0`).wantSubjects("1", "2").wantAt("list_info.start_index", 1.0)
			x.list("/requests", byCreated+`,"row_count":2,"start_index":3`).wantSubjects("3", "4").wantAt("list_info.has_more_rows", true)
			x.list("/requests", byCreated+`,"row_count":2,"start_index":5`).wantSubjects("5").wantAt("list_info.has_more_rows", false).wantAt("list_info.row_count", 1.0)
			x.list("/requests", byCreated+`,"row_count":2,"start_index":6`).wantSubjects().wantAt("list_info.has_more_rows", false)
		}},
		"2.4 start_index 0 is refused": {options: Options{Guesses: Guesses{StartIndexZero: ZeroRefused}}, assert: func(x *caller) {
			x.list("/requests", `"start_index":0`).want(400, 4014, "start_index")
		}},
		"2.4 page": {options: empty, assert: func(x *caller) {
			numbered(x, 5)
			x.list("/requests", byCreated+`,"row_count":2,"page":2`).wantSubjects("3", "4").wantAt("list_info.page", 2.0).wantAt("list_info.start_index", 3.0)
		}},
		"2.4 sort_field and sort_order": {options: empty, assert: func(x *caller) {
			numbered(x, 3)
			x.list("/requests", `"sort_field":"created_time"`).wantSubjects("1", "2", "3").wantAt("list_info.sort_order", "asc")
			x.list("/requests", `"sort_field":"created_time","sort_order":"desc"`).wantSubjects("3", "2", "1").wantAt("list_info.sort_field", "created_time")
			x.list("/requests", `"sort_field":"description"`).want(400, 4001, "sort_field")
			x.list("/requests", `"sort_field":"created_time","sort_order":"up"`).want(400, 4021)
		}},
		"2.4 sort_fields": {options: empty, assert: func(x *caller) {
			numbered(x, 3)
			x.list("/requests", `"sort_fields":[{"field":"created_time","order":"desc"}]`).wantSubjects("3", "2", "1")
		}},
		"2.4 sort_fields are refused": {options: Options{Guesses: Guesses{SortFieldsRefused: true}}, assert: func(x *caller) {
			x.list("/requests", `"sort_fields":[{"field":"created_time","order":"desc"}]`).want(400, 4001, "sort_fields")
		}},
		"2.4 get_total_count": {options: empty, assert: func(x *caller) {
			numbered(x, 12)
			x.get("/requests", "").wantAt("list_info.total_count", nil)
			x.list("/requests", `"get_total_count":true`).wantAt("list_info.total_count", 12.0)
		}},
		"2.4 search_fields": {assert: func(x *caller) {
			x.list("/requests", `"search_fields":{"subject":"vpn","status.name":"Open"}`).wantSubjects("VPN client asks for an update")
		}},
		"2.4 filter_by, by name and id": {assert: func(x *caller) {
			want := []string{"Where do I ask for a second screen?", "VPN client asks for an update", "Cannot open the budget workbook", "Printer on floor 2 prints blank pages"}
			got := x.list("/requests", `"filter_by":{"name":"Unassigned_Requests"},"sort_field":"created_time","sort_order":"desc"`).wantSubjects(want...)
			if len(got.rows("requests", "id")) != 4 {
				x.t.Error(got.text)
			}
			id := x.server.IDOf("list_views", "Unassigned_Requests")
			x.list("/requests", `"filter_by":{"id":"`+id+`"},"sort_field":"created_time","sort_order":"desc"`).wantSubjects(want...)
			x.list("/requests", `"filter_by":{"name":"Nothing"}`).want(400, 4001, "filter_by")
		}},
		"2.4 filter_by with criteria works on requests, not on users": {assert: func(x *caller) {
			criteria := `,"search_criteria":{"field":"id","condition":"is not","value":"1"}`
			x.list("/requests", `"filter_by":{"name":"Overdue_Requests"}`+criteria).wantSubjects("VPN drops every few minutes")
			x.list("/users", `"filter_by":{"name":"AllUsers"}`+criteria).want(400, 4001, "filter_by")
			x.list("/users", `"filter_by":{"name":"AllUsers"}`).want(200, 2000)
		}},
		"2.4 fields_required, inside and beside": {assert: func(x *caller) {
			keys := func(r *response) []string {
				row := r.at("requests.0").(map[string]any)
				all := []string{}
				for _, name := range []string{"id", "subject", "priority", "status"} {
					if _, is := row[name]; is {
						all = append(all, name)
					}
				}
				return all
			}
			for _, input := range []string{`{"list_info":{"fields_required":["priority","subject"]}}`, `{"list_info":{},"fields_required":["priority","subject"]}`, `{"fields_required":["priority","subject"]}`} {
				if diff := cmp.Diff([]string{"id", "subject", "priority"}, keys(x.get("/requests", input).want(200, 2000))); diff != "" {
					x.t.Errorf("%s (-want +got):\n%s", input, diff)
				}
			}
			x.list("/requests", `"fields_required":["colour"]`).want(400, 4001, "colour")
		}},
		"2.4 unknown fields_required are taken": {options: Options{Guesses: Guesses{UnknownFieldsTaken: true}}, assert: func(x *caller) {
			x.list("/requests", `"fields_required":["colour","subject"]`).want(200, 2000)
		}},
		"2.4 response_status is an array in lists, an object otherwise": {assert: func(x *caller) {
			x.get("/requests", "").wantAt("response_status", []any{map[string]any{"status_code": 2000.0, "status": "success"}})
			x.get("/requests/"+x.request1(), "").wantAt("response_status", map[string]any{"status_code": 2000.0, "status": "success"})
		}},
	})
}

// TestViews holds the saved views.
func TestViews(t *testing.T) {
	t.Parallel()
	mine := func(x *caller) {
		x.t.Helper()
		for subject, status := range map[string]string{"mine": "Open", "late": "Open", "held": "On Hold", "over": "Closed"} {
			fields := Record{"subject": subject, "technician": "api@example.org", "status": status}
			if subject == "late" {
				fields["due_by_time"] = morning.Add(-time.Minute)
			}
			x.server.Add("requests", fields)
		}
		x.server.Add("requests", Record{"subject": "theirs", "technician": "tech@example.org", "due_by_time": morning.Add(time.Hour)})
	}
	views := map[string][]string{
		"All_Requests": {"held", "late", "mine", "over", "theirs"}, "Open_Requests": {"held", "late", "mine", "theirs"},
		"Overdue_Requests": {"late"}, "Requests_Due_Today": {"late", "theirs"}, "Unassigned_Requests": {},
		"My_Open_Requests": {"held", "late", "mine"}, "My_Pending_Requests": {"held"}, "My_Overdue_Requests": {"late"},
		"My_Requests_Due_Today": {"late"}, "My_Closed_Requests": {"over"}, "Requests_Pending_Approval": {},
		"Waiting_For_My_Update": {"held"}, "Updated_By_Me": {}, "Open_System": {"held", "late", "mine", "theirs"}, "All_User": {"held", "late", "mine", "over", "theirs"},
	}
	cases := map[string]paragraph{
		"2.4 My_ views return closed requests": {options: Options{Empty: true, Site: Site{MyViewsReturnClosed: true}}, assert: func(x *caller) {
			mine(x)
			x.list("/requests", `"sort_field":"subject","filter_by":{"name":"My_Open_Requests"}`).wantSubjects("held", "late", "mine", "over")
		}},
		"6 views are ignored": {options: Options{Empty: true, Site: Site{IgnoreFilterBy: true}}, assert: func(x *caller) {
			mine(x)
			x.list("/requests", `"sort_field":"subject","filter_by":{"name":"My_Closed_Requests"}`).wantSubjects("held", "late", "mine", "over", "theirs")
		}},
	}
	for name, want := range views {
		cases["2.4 "+name] = paragraph{options: empty, assert: func(x *caller) {
			mine(x)
			x.list("/requests", `"sort_field":"subject","filter_by":{"name":"`+name+`"}`).wantSubjects(want...)
		}}
	}
	run(t, cases)
}

// TestCriteria holds every condition with its short forms, groups, and what is compared.
func TestCriteria(t *testing.T) {
	t.Parallel()
	x := start(t, empty)
	for _, r := range []Record{
		{"subject": "alpha", "priority": "High", "status": "Open", "technician": "tech@example.org", "due_by_time": morning.Add(time.Hour), "group": "Network"},
		{"subject": "beta", "priority": "Low", "status": "Open", "due_by_time": morning.Add(2 * time.Hour), "udf_fields": Record{"udf_sline_101": "B-204"}},
		{"subject": "gamma", "priority": "High", "status": "Closed", "technician": "nina@example.org"},
		{"subject": "Alphabet", "status": "On Hold", "due_by_time": morning.Add(3 * time.Hour)},
	} {
		x.server.Add("requests", r)
	}
	hour := func(n int) string { return fmt.Sprint(morning.Add(time.Duration(n) * time.Hour).UnixMilli()) }
	ids := x.server.IDs("requests")
	for name, tc := range map[string]struct{ criteria, want string }{
		"is":                          {`{"field":"subject","condition":"is","value":"ALPHA"}`, "alpha"},
		"is, eq":                      {`{"field":"subject","condition":"eq","value":"alpha"}`, "alpha"},
		"is, =":                       {`{"field":"subject","condition":"=","value":"alpha"}`, "alpha"},
		"is, several values":          {`{"field":"subject","condition":"is","values":["alpha","beta"]}`, "alpha beta"},
		"is not":                      {`{"field":"subject","condition":"is not","value":"alpha"}`, "Alphabet beta gamma"},
		"is not, neq":                 {`{"field":"subject","condition":"neq","value":"alpha"}`, "Alphabet beta gamma"},
		"is not, !=":                  {`{"field":"subject","condition":"!=","value":"alpha"}`, "Alphabet beta gamma"},
		"greater than":                {`{"field":"due_by_time","condition":"greater than","value":"` + hour(2) + `"}`, "Alphabet"},
		"greater than, gt":            {`{"field":"due_by_time","condition":"gt","value":"` + hour(2) + `"}`, "Alphabet"},
		"greater or equal":            {`{"field":"due_by_time","condition":"greater or equal","value":"` + hour(2) + `"}`, "Alphabet beta"},
		"greater or equal, gte":       {`{"field":"due_by_time","condition":"gte","value":` + hour(2) + `}`, "Alphabet beta"},
		"lesser than":                 {`{"field":"due_by_time","condition":"lesser than","value":"` + hour(2) + `"}`, "alpha"},
		"lesser than, lt":             {`{"field":"due_by_time.value","condition":"lt","value":"` + hour(2) + `"}`, "alpha"},
		"lesser or equal":             {`{"field":"due_by_time","condition":"lesser or equal","value":"` + hour(2) + `"}`, "alpha beta"},
		"lesser or equal, lte":        {`{"field":"due_by_time","condition":"lte","value":"` + hour(2) + `"}`, "alpha beta"},
		"between":                     {`{"field":"due_by_time","condition":"between","values":["` + hour(2) + `","` + hour(3) + `"]}`, "Alphabet beta"},
		"not between":                 {`{"field":"due_by_time","condition":"not between","values":["` + hour(2) + `","` + hour(3) + `"]}`, "alpha"},
		"contains":                    {`{"field":"subject","condition":"contains","value":"PHA"}`, "Alphabet alpha"},
		"not contains":                {`{"field":"subject","condition":"not contains","value":"pha"}`, "beta gamma"},
		"starts with":                 {`{"field":"subject","condition":"starts with","value":"alpha"}`, "Alphabet alpha"},
		"ends with":                   {`{"field":"subject","condition":"ends with","value":"ta"}`, "beta"},
		"an id":                       {`{"field":"id","condition":"is","value":"` + ids[1] + `"}`, "beta"},
		"a display_id":                {`{"field":"display_id","condition":"is","value":"3"}`, "gamma"},
		"dotted name":                 {`{"field":"status.name","condition":"is","value":"open"}`, "alpha beta"},
		"dotted flag":                 {`{"field":"status.in_progress","condition":"is","value":false}`, "gamma"},
		"dotted address":              {`{"field":"technician.email_id","condition":"is","value":"tech@example.org"}`, "alpha"},
		"dotted id":                   {`{"field":"group.id","condition":"is","value":"` + x.server.IDOf("groups", "Network") + `"}`, "alpha"},
		"dotted, user-defined":        {`{"field":"udf_fields.udf_sline_101","condition":"is","value":"B-204"}`, "beta"},
		"a reference by objects":      {`{"field":"status","condition":"is","values":[{"name":"Open"},{"name":"Closed"}]}`, "alpha beta gamma"},
		"a reference by id":           {`{"field":"priority","condition":"is","value":{"id":"` + x.server.IDOf("priorities", "Low") + `"}}`, "beta"},
		"empty by no value":           {`{"field":"technician","condition":"is"}`, "Alphabet beta"},
		"empty by no values":          {`{"field":"priority.name","condition":"is","values":[]}`, "Alphabet"},
		"empty by null":               {`{"field":"technician","condition":"is","value":null}`, "Alphabet beta"},
		"not empty":                   {`{"field":"technician","condition":"is not"}`, "alpha gamma"},
		"AND":                         {`[{"field":"subject","condition":"contains","value":"a"},{"field":"priority.name","condition":"is","value":"High","logical_operator":"AND"}]`, "alpha gamma"},
		"AND by default":              {`[{"field":"priority.name","condition":"is","value":"High"},{"field":"status.name","condition":"is","value":"Open"}]`, "alpha"},
		"or in any case":              {`[{"field":"subject","condition":"is","value":"beta"},{"field":"subject","condition":"is","value":"gamma","logical_operator":"or"}]`, "beta gamma"},
		"the first operator says nil": {`[{"field":"subject","condition":"is","value":"beta","logical_operator":"OR"}]`, "beta"},
		"from left to right":          {`[{"field":"subject","condition":"is","value":"beta"},{"field":"priority.name","condition":"is","value":"High","logical_operator":"OR"},{"field":"status.name","condition":"is","value":"Open","logical_operator":"AND"}]`, "alpha beta"},
		"A AND (B OR C)":              {`[{"field":"status.name","condition":"is","value":"Open"},{"field":"subject","condition":"is","value":"alpha","logical_operator":"AND","children":[{"field":"subject","condition":"is","value":"gamma","logical_operator":"OR"}]}]`, "alpha"},
		"A OR (B AND C)":              {`[{"field":"subject","condition":"is","value":"beta"},{"field":"priority.name","condition":"is","value":"High","logical_operator":"OR","children":[{"field":"status.name","condition":"is","value":"Closed","logical_operator":"AND"}]}]`, "beta gamma"},
	} {
		t.Run("2.5 "+name, func(t *testing.T) {
			t.Parallel()
			y := *x
			y.t = t
			y.list("/requests", `"sort_field":"subject","search_criteria":`+tc.criteria).wantSorted(strings.Fields(tc.want)...)
		})
	}
	for name, tc := range map[string]struct {
		criteria string
		code     int
	}{
		"an unknown field":              {`{"field":"colour","condition":"is","value":"x"}`, 4001},
		"an unknown field of another":   {`{"field":"status.colour","condition":"is","value":"x"}`, 4001},
		"an unknown condition":          {`{"field":"subject","condition":"less than","value":"x"}`, 4001},
		"an unknown operator":           {`[{"field":"subject","condition":"is","value":"x"},{"field":"subject","condition":"is","value":"x","logical_operator":"XOR"}]`, 4001},
		"a reference by a bare string":  {`{"field":"status","condition":"is","value":"Open"}`, 4021},
		"a range of one":                {`{"field":"due_by_time","condition":"between","values":["1"]}`, 4001},
		"no criteria":                   {`"x"`, 4021},
		"the shape of long ago":         {`{"criteria":[{"field_name":"subject"}]}`, 4001},
		"an operator that is no string": {`[{"field":"subject","condition":"is","value":"x","logical_operator":1}]`, 4021},
	} {
		t.Run("2.5 refused: "+name, func(t *testing.T) {
			t.Parallel()
			y := *x
			y.t = t
			y.list("/requests", `"search_criteria":`+tc.criteria).want(400, tc.code)
		})
	}
}

// wantSorted compares subjects by the order of bytes, which no collation decides.
func (r *response) wantSorted(want ...string) {
	r.t.Helper()
	r.want(200, 2000)
	got := r.rows("requests", "subject")
	byBytes := cmp.Transformer("sorted", sortedStrings)
	if diff := cmp.Diff(want, got, byBytes); diff != "" {
		r.t.Errorf("subjects (-want +got):\n%s", diff)
	}
}

// TestCriteria_Switches holds what sites and guesses change of criteria.
func TestCriteria_Switches(t *testing.T) {
	t.Parallel()
	alpha := func(x *caller) {
		x.server.Add("requests", Record{"subject": "alpha", "due_by_time": morning})
		x.server.Add("requests", Record{"subject": "Alpha"})
	}
	run(t, map[string]paragraph{
		"2.5 names in the same case": {options: Options{Empty: true, Guesses: Guesses{CaseSensitiveNames: true}}, assert: func(x *caller) {
			alpha(x)
			x.list("/requests", `"search_criteria":{"field":"subject","condition":"is","value":"alpha"}`).wantSubjects("alpha")
		}},
		"2.5 no dates beside others": {options: Options{Edition: OnPremises, Empty: true, Site: Site{MixedDateCriteriaRefused: true}}, assert: func(x *caller) {
			alpha(x)
			date, subject := `{"field":"due_by_time","condition":"gt","value":"0"}`, `{"field":"subject","condition":"is","value":"alpha"}`
			x.list("/requests", `"search_criteria":[`+date+`]`).wantSubjects("alpha")
			x.list("/requests", `"search_criteria":[`+date+`,`+subject+`]`).want(400, 4001, "search_criteria")
		}},
		"6 criteria are ignored": {options: Options{Empty: true, Site: Site{IgnoreCriteria: true}}, assert: func(x *caller) {
			alpha(x)
			x.list("/requests", `"sort_field":"id","search_criteria":{"field":"subject","condition":"is","value":"nothing"}`).wantSubjects("alpha", "Alpha")
			x.list("/requests", `"sort_field":"id","search_fields":{"subject":"nothing"}`).wantSubjects("alpha", "Alpha")
		}},
	})
}

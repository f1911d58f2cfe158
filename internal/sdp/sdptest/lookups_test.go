package sdptest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestLookups holds every list in both editions: the path, the list key, names and extra keys.
func TestLookups(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]struct {
		names string // separated by |; the first ones when it ends in |…
		keys  string
	}{
		"priorities":         {"Low|Normal|Medium|High", "color description deleted"},
		"statuses":           {"Open|On Hold|In Progress|Resolved|Closed|Cancelled", "internal_name in_progress stop_timer color"},
		"categories":         {"Hardware|Software|Network|General", "description deleted"},
		"subcategories":      {"Laptop|Docking station|…", "category"},
		"items":              {"Defect|Configuration|…", "subcategory"},
		"urgencies":          {"Low|Normal|High|Urgent", ""},
		"impacts":            {"Affects User|Affects Group|Affects Department|Affects Business", ""},
		"levels":             {"Tier 1|Tier 2|Tier 3|Tier 4", ""},
		"modes":              {"E-Mail|Phone Call|Web Form", ""},
		"request_types":      {"Incident|Request For Information", ""},
		"request_templates":  {"Default Request|…", "is_service_template service_category inactive"},
		"groups":             {"Service desk|Network|Branch support", "site deleted"},
		"sites":              {"Main office|Branch north", ""},
		"departments":        {"IT|Finance|Sales", "site"},
		"regions":            {"Europe", ""},
		"service_categories": {"Hardware requests", ""},
		"closure_codes":      {"success|failure", ""},
		"project_statuses":   {"Open|Onhold|Closed|Canceled", "in_progress color index internal_name deleted"},
		"project_types":      {"Business|Infrastructure|Maintenance|Research", "color index deleted"},
		"project_roles":      {"Project Admin|Project Manager|Team Leader|Team Member", ""},
		"task_statuses":      {"Open|In Progress|Onhold|Completed|Closed|Canceled", "in_progress"},
		"task_types":         {"Implementation|…", ""},
		"worklog_types":      {"Remote|On site", ""},
		"change_types":       {"Minor|Standard|Major|Significant", ""},
		"change_stages":      {"Submission|Planning|Approval|Implementation|UAT|Release|Review|Close", ""},
		"change_statuses":    {"In Submission|…", "stage"},
		"risks":              {"Low|Medium|High", ""},
		"reasons_for_change": {"Upgrade|Defect", ""},
		"products":           {"Laptop 14|Dock 2", "product_type"},
		"product_types":      {"Computer|Docking station|Printer", ""},
		"asset_states":       {"In Store|In Use|In Repair|Expired|Disposed", ""},
		"vendors":            {"Example Hardware Ltd", ""},
		"locations":          {"Store room", ""},
	} {
		for edition, o := range map[string]Options{"cloud": {}, "on-premises": onPremises} {
			t.Run("3.9 "+path+", "+edition, func(t *testing.T) {
				t.Parallel()
				x := start(t, o)
				got := x.list("/"+path, `"row_count":100`).want(200, 2000)
				names := got.rows(path, "name")
				wanted, open := strings.CutSuffix(want.names, "|…")
				list := strings.Split(wanted, "|")
				if open {
					names = names[:len(list)]
				}
				if diff := cmp.Diff(list, names); diff != "" {
					t.Errorf("names (-want +got):\n%s", diff)
				}
				row := got.at(path + ".0").(map[string]any)
				for _, k := range append(strings.Fields(want.keys), "id", "name") {
					if _, is := row[k]; !is {
						t.Errorf("no key %s in %v", k, row)
					}
				}
				one := singularOf(path)
				x.get("/"+path+"/"+got.string(path+".0.id"), "").want(200, 2000).wantAt(one+".name", list[0])
			})
		}
	}
}

// TestLookups_Paths holds by which paths lists are read.
func TestLookups_Paths(t *testing.T) {
	t.Parallel()
	run(t, map[string]paragraph{
		"3.9 setup.READ, else 401": {assert: func(x *caller) {
			x.header.Set("Authorization", "Zoho-oauthtoken "+x.server.AccessToken("SDPOnDemand.requests.ALL"))
			for _, path := range []string{"/priorities", "/statuses", "/request_templates", "/project_statuses", "/asset_states"} {
				x.get(path, "").want(401, 4002)
			}
		}},
		"3.9 subcategories of a category": {assert: func(x *caller) {
			got := x.get("/categories/"+x.server.IDOf("categories", "Network")+"/subcategories", "").want(200, 2000)
			if diff := cmp.Diff([]string{"VPN", "Wi-Fi", "DNS"}, got.rows("subcategories", "name")); diff != "" {
				x.t.Error(diff)
			}
			got.wantAt("subcategories.0.category.name", "Network")
		}},
		"3.9 items of a subcategory": {assert: func(x *caller) {
			got := x.get("/subcategories/"+x.server.IDOf("subcategories", "DNS")+"/items", "").want(200, 2000)
			if diff := cmp.Diff([]string{"Defect", "Configuration"}, got.rows("items", "name")); diff != "" {
				x.t.Error(diff)
			}
		}},
		"3.9 a template's layout": {assert: func(x *caller) {
			x.server.SetMandatory("New laptop", "site")
			got := x.get("/request_templates/"+x.server.IDOf("request_templates", "New laptop"), "").want(200, 2000)
			mandatory := map[string]bool{}
			for _, f := range got.at("request_template.layouts.0.sections.0.fields").([]any) {
				entry := f.(map[string]any)
				mandatory[entry["name"].(string)] = entry["mandatory"].(bool)
			}
			if !mandatory["subject"] || !mandatory["site"] || mandatory["group"] {
				x.t.Errorf("mandatory: %v", mandatory)
			}
		}},
		"3.9 groups are missing": {options: Options{Edition: OnPremises, Site: Site{Absent: []string{"GET /groups"}}}, assert: func(x *caller) {
			x.get("/groups", "").want(404, 4007)
			x.get("/support_groups", "").want(200, 2000).wantAt("support_groups.0.name", "Service desk")
		}},
		"3.9 statuses are missing": {options: Options{Edition: OnPremises, Site: Site{Absent: []string{"GET /statuses"}}}, assert: func(x *caller) {
			x.get("/statuses", "").want(404, 4007)
		}},
		"7.4 groups in the cloud: 401": {options: Options{Guesses: Guesses{CloudGroups: AnswersUnauthorized}}, assert: func(x *caller) {
			x.get("/groups", "").want(401, 4002)
		}},
		"7.4 groups in the cloud: 404": {options: Options{Guesses: Guesses{CloudGroups: AnswersNotFound}}, assert: func(x *caller) {
			x.get("/groups", "").want(404, 4007)
		}},
		"3.9 a new, a renamed and a deleted entry": {assert: func(x *caller) {
			low, made := x.server.IDOf("priorities", "Low"), x.server.Add("priorities", Record{"name": "Urgent", "color": "#ff00ff"})
			x.server.Set("priorities", low, Record{"name": "Lowest"})
			x.server.Set("priorities", x.server.IDOf("priorities", "Medium"), Record{"deleted": true})
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"name":"Urgent"}}}`).want(200, 2000).wantAt("request.priority.id", made)
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"id":"`+low+`"}}}`).want(200, 2000).wantAt("request.priority.name", "Lowest")
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"name":"Low"}}}`).want(400, 4001, "priority")
			x.put("/requests/"+x.request1(), `{"request":{"priority":{"name":"Medium"}}}`).want(400, 4001, "priority")
			x.get("/priorities", "").wantAt("priorities.2.deleted", true)
		}},
	})
}

// TestPeople holds users, requesters and technicians.
func TestPeople(t *testing.T) {
	t.Parallel()
	technicians := []string{"API User", "Tom Tech", "Nina Net", "Omar Ops"}
	run(t, map[string]paragraph{
		"3.8 users, requesters, technicians": {assert: func(x *caller) {
			if n := len(x.get("/users", "").want(200, 2000).rows("users", "id")); n != 8 {
				x.t.Errorf("%d users", n)
			}
			if diff := cmp.Diff(technicians, x.get("/technicians", "").want(200, 2000).rows("technicians", "name")); diff != "" {
				x.t.Error(diff)
			}
			if n := len(x.get("/requesters", "").want(200, 2000).rows("requesters", "id")); n != 4 {
				x.t.Errorf("%d requesters", n)
			}
		}},
		"3.8 technicians by criteria": {assert: func(x *caller) {
			for _, value := range []string{"true", `"true"`} {
				got := x.list("/users", `"search_criteria":{"field":"is_technician","condition":"is","value":`+value+`}`)
				if diff := cmp.Diff(technicians, got.rows("users", "name")); diff != "" {
					x.t.Error(diff)
				}
			}
		}},
		"3.8 /technicians answers 401": {options: Options{Guesses: Guesses{CloudTechnicians: AnswersUnauthorized}}, assert: func(x *caller) {
			x.get("/technicians", "").want(401, 4002)
		}},
		"3.8 /technicians answers 404": {options: Options{Guesses: Guesses{CloudTechnicians: AnswersNotFound}}, assert: func(x *caller) {
			x.get("/technicians", "").want(404, 4007)
		}},
		"3.8 one person": {assert: func(x *caller) {
			id := x.server.IDOf("users", "tech@example.org")
			got := x.get("/users/"+id, "").want(200, 2000)
			got.wantAt("user.name", "Tom Tech").wantAt("user.email_id", "tech@example.org").wantAt("user.is_technician", true).wantAt("user.cost_per_hour", "0.00")
			got.wantAt("user.department", map[string]any{"id": x.server.IDOf("departments", "IT"), "name": "IT"}).wantAt("user.is_vip_user", false)
		}},
		"3.8 on-premises has more keys": {options: onPremises, assert: func(x *caller) {
			got := x.get("/users/"+x.server.IDOf("users", "tech@example.org"), "").want(200, 2000)
			got.wantAt("user.is_vipuser", false).wantAt("user.is_vip_user", nil).wantAt("user.purchase_approver", false)
		}},
		"3.8 absences": {assert: func(x *caller) {
			x.get("/unavailability", "").want(200, 2000).wantAt("unavailability.0.technician.name", "Omar Ops")
		}},
	})
}

package sdp_test

import (
	"context"
	"slices"
	"testing"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestContract_Lookups holds each list that there is.
func TestContract_Lookups(t *testing.T) {
	t.Parallel()
	entries := map[sdp.LookupType][]string{
		sdp.Priorities: {"Low", "Normal", "Medium", "High"}, sdp.Statuses: {"Open", "On Hold", "In Progress", "Resolved", "Closed", "Cancelled"},
		sdp.Categories: {"Hardware", "Software", "Network", "General"}, sdp.Subcategories: {"Laptop", "Docking station", "Printer"}, sdp.Items: {"Defect", "Configuration"},
		sdp.Urgencies: {"Low", "Normal", "High", "Urgent"}, sdp.Impacts: {"Affects User", "Affects Group", "Affects Department", "Affects Business"},
		sdp.Levels: {"Tier 1", "Tier 2", "Tier 3", "Tier 4"}, sdp.Modes: {"E-Mail", "Phone Call", "Web Form"}, sdp.RequestTypes: {"Incident", "Request For Information"},
		sdp.RequestTemplates: {"Default Request"}, sdp.Groups: {"Service desk"}, sdp.Sites: {"Main office"}, sdp.Departments: {"IT"}, sdp.Regions: {"Europe"},
		sdp.ServiceCategories: {"Hardware requests"}, sdp.ClosureCodes: {"success", "failure"}, sdp.ProjectStatuses: {"Open", "Onhold", "Closed", "Canceled"},
		sdp.ProjectTypes: {"Business", "Infrastructure", "Maintenance", "Research"}, sdp.ProjectRoles: {"Project Admin", "Project Manager", "Team Leader", "Team Member"},
		sdp.TaskStatuses: {"Open", "In Progress", "Onhold"}, sdp.TaskTypes: {"Implementation"}, sdp.WorklogTypes: {"Remote"}, sdp.ChangeTypes: {"Minor"},
		sdp.ChangeStages: {"Submission", "Planning"}, sdp.ChangeStatuses: {"In Submission"}, sdp.Risks: {"Low"}, sdp.ReasonsForChange: {"Upgrade"},
		sdp.Products: {"Laptop 14"}, sdp.ProductTypes: {"Computer"}, sdp.AssetStates: {"In Store", "In Use", "In Repair", "Expired", "Disposed"},
		sdp.Vendors: {"Example Hardware Ltd"}, sdp.Locations: {"Store room"},
	}
	for _, of := range sdp.LookupTypes() {
		want := entries[of]
		if want == nil {
			t.Errorf("no case for %s", of)
		}
		assertParagraphs(t, map[string]paragraph{"3.9 " + string(of): {assert: func(s *site) {
			page, err := s.client.ListLookup(s.t.Context(), of, sdp.ListOptions{Rows: sdp.MaxRows})
			s.wantSuccess(err)
			var names []string
			for i, entry := range page.Items {
				names = append(names, entry.Name)
				s.wantEqual([]any{entry.ID, entry.IsDeleted}, []any{s.fake.IDs(string(of))[i], false})
			}
			s.wantEqual(names[:min(len(want), len(names))], want)
			s.wantCalls(1, "GET", "/"+string(of))
		}}})
	}
	if len(entries) != len(sdp.LookupTypes()) {
		t.Errorf("%d cases for %d lookups", len(entries), len(sdp.LookupTypes()))
	}
}

// TestContract_LookupEntries holds the notes of that table.
func TestContract_LookupEntries(t *testing.T) {
	t.Parallel()
	only := func(s *site, of sdp.LookupType, name string) sdp.LookupEntry {
		s.t.Helper()
		page, err := s.client.ListLookup(s.t.Context(), of, sdp.ListOptions{Where: sdp.Where("name", sdp.Is, name)})
		s.wantSuccess(err)
		if len(page.Items) != 1 {
			s.t.Fatalf("%d entries", len(page.Items))
		}
		return page.Items[0]
	}
	assertParagraphs(t, map[string]paragraph{
		"3.9 a status": {assert: func(s *site) {
			held := only(s, sdp.Statuses, "On Hold")
			s.wantEqual([]any{held.InternalName, held.InProgress, held.StopTimer, held.Color}, []any{"Onhold", new(true), true, "#ff9900"})
			s.wantEqual(only(s, sdp.ProjectStatuses, "Canceled").InProgress, new(false))
		}},
		"3.9 parents": {assert: func(s *site) {
			s.wantEqual(only(s, sdp.Subcategories, "Wi-Fi").Parent.Name, "Network")
			s.wantEqual(only(s, sdp.Departments, "Sales").Parent.Name, "Branch north")
			s.wantEqual(only(s, sdp.Groups, "Branch support").Parent.Name, "Branch north")
			children, err := s.client.ListChildren(s.t.Context(), sdp.Subcategories, s.fake.IDOf("categories", "Network"), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]any{len(children.Items), children.Items[0].Name}, []any{3, "VPN"})
			items, err := s.client.ListChildren(s.t.Context(), sdp.Items, children.Items[0].ID, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]any{len(items.Items), items.Items[0].Parent.Name}, []any{2, "VPN"})
		}},
		"3.9 what is deleted is listed and cannot be used": {assert: func(s *site) {
			s.fake.Set("priorities", s.fake.IDOf("priorities", "High"), sdptest.Record{"deleted": true})
			s.wantEqual(only(s, sdp.Priorities, "High").IsDeleted, true)
			s.wantError(s.update(sdp.Fields{"priority": sdp.ByName("High")}), sdp.KindRejected, 4001, "priority")
			s.fake.Set("request_templates", s.fake.IDOf("request_templates", "New laptop"), sdptest.Record{"inactive": true})
			s.wantEqual(only(s, sdp.RequestTemplates, "New laptop").IsDeleted, true)
		}},
		"3.9 without setup.READ": {in: inCloud, assert: func(s *site) {
			s.tokens.current = s.fake.AccessToken("SDPOnDemand.requests.ALL")
			_, err := s.client.ListLookup(s.t.Context(), sdp.Priorities, sdp.ListOptions{})
			s.wantError(err, sdp.KindForbidden, 4002)
			s.wantEqual(s.tokens.refused, 0)
		}},
		"3.9 statuses that some builds lack": {in: onPremises, options: sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /statuses", "GET /task_statuses"}}}, assert: func(s *site) {
			_, err := s.client.ListLookup(s.t.Context(), sdp.TaskStatuses, sdp.ListOptions{})
			s.wantError(err, sdp.KindNotFound, 4007)
		}},
		"3.9 task statuses may be those of requests": {options: sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /task_statuses"}}}, assert: func(s *site) {
			for range 2 {
				page, err := s.client.ListLookup(s.t.Context(), sdp.TaskStatuses, sdp.ListOptions{})
				s.wantSuccess(err)
				s.wantEqual(page.Items[1].Name, "On Hold")
			}
			s.wantCalls(1, "GET", "/task_statuses") // asked for once
		}},
		"3.9 a list of several pages": {options: sdptest.Options{Empty: true}, assert: func(s *site) {
			for i := range 250 {
				s.fake.Add("categories", sdptest.Record{"name": "category " + string(rune('a'+i/26)) + string(rune('a'+i%26))})
			}
			list := func(ctx context.Context, o sdp.ListOptions) (sdp.Page[sdp.LookupEntry], error) {
				return s.client.ListLookup(ctx, sdp.Categories, o)
			}
			all, complete, err := sdp.Collect(s.t.Context(), list, sdp.ListOptions{Sort: "id"}, 5000)
			s.wantSuccess(err)
			s.wantEqual([]any{len(all), complete}, []any{254, true})
			s.wantCalls(3, "GET", "/categories")
		}},
	})
}

// TestContract_People holds users, requesters and technicians.
func TestContract_People(t *testing.T) {
	t.Parallel()
	technicians := func(s *site) []string {
		s.t.Helper()
		page, err := s.client.ListTechnicians(s.t.Context(), sdp.ListOptions{Sort: "name"})
		s.wantSuccess(err)
		var names []string
		for _, each := range page.Items {
			names = append(names, each.Name)
			if each.IsTechnician == nil || !*each.IsTechnician {
				s.t.Errorf("%s is no technician", each.Name)
			}
		}
		return names
	}
	all := []string{"API User", "Nina Net", "Omar Ops", "Tom Tech"}
	assertParagraphs(t, map[string]paragraph{
		"3.8 a person": {assert: func(s *site) {
			page, err := s.client.Users().List(s.t.Context(), sdp.ListOptions{Where: sdp.Where("email_id", sdp.Is, "tech@example.org")})
			s.wantSuccess(err)
			tom := page.Items[0]
			s.wantEqual([]any{tom.Name, tom.Email, tom.IsTechnician, tom.Department.Name, tom.Status.Name}, []any{"Tom Tech", "tech@example.org", new(true), "IT", "Active"})
			same, err := s.client.Users().Get(s.t.Context(), tom.ID)
			s.wantSuccess(err)
			s.wantEqual(same.Name, tom.Name)
		}},
		"3.8 requesters": {assert: func(s *site) {
			page, err := s.client.Requesters().List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(slices.ContainsFunc(page.Items, func(p sdp.Person) bool { return p.Name == "Ana Lopez" }), true)
		}},
		"3.8 technicians": {assert: func(s *site) {
			s.wantEqual(technicians(s), all)
			s.wantCalls(1, "GET", "/technicians")
		}},
		"3.8 technicians of a cloud that answers 401": {in: inCloud, options: sdptest.Options{Guesses: sdptest.Guesses{CloudTechnicians: sdptest.AnswersUnauthorized}}, assert: func(s *site) {
			s.wantEqual(technicians(s), all)
			s.wantEqual(technicians(s), all)
			s.wantEqual([]int{s.fake.Count(sdptest.To("GET", "/technicians")), s.fake.Count(sdptest.To("GET", "/users"))}, []int{1, 2})
			s.wantEqual(s.tokens.refused, 0)
		}},
		"3.8 or 404": {in: inCloud, options: sdptest.Options{Guesses: sdptest.Guesses{CloudTechnicians: sdptest.AnswersNotFound}}, assert: func(s *site) {
			s.wantEqual(technicians(s), all)
		}},
		"3.8 absences": {assert: func(s *site) {
			page, err := s.client.Unavailability().List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(page.Items[0].Ref("technician").Name, "Omar Ops")
		}},
	})
}

package sdptest

import "time"

// seed fills a new fake with people and lookups and, unless it is to be empty, with a small helpdesk.
func (s *Server) seed() {
	s.seedPlaces()
	s.seedLookups()
	s.seedCategories()
	s.seedPeople()
	for _, name := range viewNames() {
		s.insert("list_views", "", Record{"name": name, "module": "request"})
	}
	if s.options.Empty {
		return
	}
	s.seedRequests()
	s.seedProjects()
	s.seedSolutions()
}

func (s *Server) seedNames(table string, names ...string) {
	for _, name := range names {
		s.insert(table, "", Record{"name": name})
	}
}

func (s *Server) seedPlaces() {
	s.seedNames("sites", "Main office", "Branch north")
	s.seedNames("regions", "Europe")
	s.insert("departments", "", Record{"name": "IT", "site": "Main office"})
	s.insert("departments", "", Record{"name": "Finance", "site": "Main office"})
	s.insert("departments", "", Record{"name": "Sales", "site": "Branch north"})
}

func (s *Server) seedLookups() {
	for _, p := range [][2]string{{"Low", "#808080"}, {"Normal", "#00aa00"}, {"Medium", "#ff9900"}, {"High", "#ff0000"}} {
		s.insert("priorities", "", Record{"name": p[0], "color": p[1]})
	}
	for _, of := range []struct {
		name, internal, color string
		inProgress, stops     bool
	}{
		{"Open", "Open", "#0066ff", true, false},
		{"On Hold", "Onhold", "#ff9900", true, true},
		{"In Progress", "In Progress", "#00aaff", true, false},
		{"Resolved", "Resolved", "#00cc66", false, true},
		{"Closed", "Closed", "#006600", false, true},
		{"Cancelled", "Cancelled", "#999999", false, true},
	} {
		s.insert("statuses", "", Record{"name": of.name, "internal_name": of.internal, "color": of.color, "in_progress": of.inProgress, "stop_timer": of.stops})
	}
	s.seedNamedLookups()
	for i, p := range []struct {
		name       string
		inProgress bool
	}{{"Open", true}, {"Onhold", true}, {"Closed", false}, {"Canceled", false}} {
		s.insert("project_statuses", "", Record{"name": p.name, "internal_name": p.name, "color": "#0066ff", "in_progress": p.inProgress, "index": string(rune('1' + i))})
	}
	for i, p := range []struct {
		name       string
		inProgress bool
	}{{"Open", true}, {"In Progress", true}, {"Onhold", true}, {"Completed", false}, {"Closed", false}, {"Canceled", false}} {
		s.insert("task_statuses", "", Record{"name": p.name, "internal_name": p.name, "color": "#0066ff", "in_progress": p.inProgress, "index": string(rune('1' + i))})
	}
	s.insert("request_templates", "", Record{"name": "Default Request"})
	s.insert("request_templates", "", Record{"name": "New laptop", "is_service_template": true, "service_category": "Hardware requests"})
	s.insert("products", "", Record{"name": "Laptop 14", "product_type": "Computer"})
	s.insert("products", "", Record{"name": "Dock 2", "product_type": "Docking station"})
	for _, stage := range changeStages() {
		s.insert("change_statuses", "", Record{"name": "In " + stage, "stage": stage})
		s.insert("change_statuses", "", Record{"name": stage + " completed", "stage": stage})
	}
}

// seedNamedLookups makes those that are names alone.
func (s *Server) seedNamedLookups() {
	s.seedNames("urgencies", "Low", "Normal", "High", "Urgent")
	s.seedNames("impacts", "Affects User", "Affects Group", "Affects Department", "Affects Business")
	s.seedNames("levels", "Tier 1", "Tier 2", "Tier 3", "Tier 4")
	s.seedNames("modes", "E-Mail", "Phone Call", "Web Form")
	s.seedNames("request_types", "Incident", "Request For Information")
	s.seedNames("service_categories", "Hardware requests")
	s.seedNames("closure_codes", "success", "failure")
	s.seedNames("project_types", "Business", "Infrastructure", "Maintenance", "Research")
	s.seedNames("project_roles", "Project Admin", "Project Manager", "Team Leader", "Team Member")
	s.seedNames("task_types", "Implementation", "Review")
	s.seedNames("task_templates", "Default Task")
	s.seedNames("worklog_types", "Remote", "On site")
	s.seedNames("change_types", "Minor", "Standard", "Major", "Significant")
	s.seedNames("change_stages", changeStages()...)
	s.seedNames("release_types", "Minor", "Major")
	s.seedNames("release_stages", "Submission", "Planning", "Development", "Testing", "Deployment", "Close")
	s.seedNames("release_statuses", "Requested", "In Progress", "Completed", "Closed")
	s.seedNames("risks", "Low", "Medium", "High")
	s.seedNames("reasons_for_change", "Upgrade", "Defect")
	s.seedNames("workflows", "General Change Workflow")
	s.seedNames("product_types", "Computer", "Docking station", "Printer")
	s.seedNames("asset_states", "In Store", "In Use", "In Repair", "Expired", "Disposed")
	s.seedNames("vendors", "Example Hardware Ltd")
	s.seedNames("locations", "Store room")
}

// changeStages are in the order of the workflow.
func changeStages() []string {
	return []string{"Submission", "Planning", "Approval", "Implementation", "UAT", "Release", "Review", "Close"}
}

func (s *Server) seedCategories() {
	for _, category := range []struct {
		name string
		in   []string
	}{
		{name: "Hardware", in: []string{"Laptop", "Docking station", "Printer", "Other"}},
		{name: "Software", in: []string{"Office suite", "VPN client", "Browser", "Other"}},
		{name: "Network", in: []string{"VPN", "Wi-Fi", "DNS"}},
		{name: "General", in: []string{"Question"}},
	} {
		id := s.insert("categories", "", Record{"name": category.name}).id
		for _, name := range category.in {
			subcategory := s.insert("subcategories", "", Record{"name": name, "category": id}).id
			for _, item := range []string{"Defect", "Configuration"} {
				s.insert("items", "", Record{"name": item, "subcategory": subcategory})
			}
		}
	}
}

func (s *Server) seedPeople() {
	for _, p := range []struct {
		name, email, department string
		technician              bool
	}{
		{"API User", "api@example.org", "IT", true},
		{"Tom Tech", "tech@example.org", "IT", true},
		{"Nina Net", "nina@example.org", "IT", true},
		{"Omar Ops", "omar@example.org", "IT", true},
		{"Ana Lopez", "ana@example.org", "Finance", false},
		{"Ben Okafor", "ben@example.org", "Sales", false},
		{"Chloe Martin", "chloe@example.org", "Sales", false},
		{"Mia Boss", "mia@example.org", "Finance", false},
	} {
		made := s.insert("users", "", Record{
			"name": p.name, "email_id": p.email, "department": p.department, "is_technician": p.technician, "cost_per_hour": "0.00", "status": "Active",
		})
		if s.apiUser == "" {
			s.apiUser = made.id
		}
	}
	for _, g := range []struct {
		name, site string
		members    []string
	}{
		{"Service desk", "", []string{"api@example.org", "tech@example.org", "nina@example.org"}},
		{"Network", "", []string{"nina@example.org", "omar@example.org"}},
		{"Branch support", "Branch north", []string{"omar@example.org"}},
	} {
		fields := Record{"name": g.name}
		if g.site != "" {
			fields["site"] = g.site
		}
		s.setMembers(s.insert("groups", "", fields), g.members)
	}
	now := s.now()
	s.insert("unavailability", "", Record{"technician": "omar@example.org", "from": now.Add(24 * time.Hour), "to": now.Add(72 * time.Hour), "reason": "Leave"})
}

package sdptest

import "time"

// seedProjects makes one project with everything a project has, a problem, a change and two assets.
func (s *Server) seedProjects() {
	now := s.now()
	s.seedNames("project_templates", "Office project")
	project := s.insert("projects", "", Record{
		"title": "Office move", "description": "<p>To the new building</p>", "code": "MOVE-25", "type": "Infrastructure", "priority": "Normal",
		"owner": "tech@example.org", "percentage_completion": "20", "scheduled_start_time": now.Add(-72 * time.Hour), "scheduled_end_time": now.Add(60 * 24 * time.Hour),
	})
	of := key("projects", project.id)
	s.insert("members", of, Record{"user": "tech@example.org", "role": "Project Manager"})
	s.insert("members", of, Record{"user": "nina@example.org", "role": "Team Member"})
	milestone := s.insert("milestones", of, Record{"title": "Cabling", "owner": "nina@example.org", "scheduled_end_time": now.Add(20 * 24 * time.Hour)})
	cables := s.insert("tasks", of, Record{"title": "Lay cables", "owner": "nina@example.org", "milestone": milestone.id, "scheduled_end_time": now.Add(10 * 24 * time.Hour)})
	rack := s.insert("tasks", of, Record{"title": "Order the rack", "owner": "tech@example.org", "status": "Completed", "percentage_completion": "100"})
	s.insert("task_dependencies", of, Record{"parent_task": rack.id, "child_task": cables.id})
	s.insert("comments", of, Record{"text": "<p>Keys are at the desk</p>"})
	s.insert("comments", key("tasks", cables.id), Record{"text": "<p>Cabling done</p>"})

	s.insert("problems", "", Record{"title": "Docks drop video after firmware 4.1", "priority": "High", "technician": "tech@example.org", "root_cause": Record{"root_cause_description": "<p>Vendor bug</p>"}})
	s.insert("changes", "", Record{"title": "Update dock firmware", "change_type": "Minor", "risk": "Low", "scheduled_start_time": now.Add(10 * 24 * time.Hour), "roll_out_plan": Record{"roll_out_plan_description": "<p>Pilot then all</p>"}})
	s.insert("releases", "", Record{"title": "Dock firmware 4.2", "release_type": "Minor"})
	s.insert("assets", "", Record{"name": "LT-0142", "asset_tag": "A-0142", "product": "Laptop 14", "product_type": "Computer", "asset_state": "In Use", "user": "ana@example.org", "serial_number": "SN-EXAMPLE"})
	s.insert("assets", "", Record{"name": "DK-0007", "asset_tag": "A-0007", "product": "Dock 2", "product_type": "Docking station"})
}

package sdptest

import "time"

// seedRequests makes the queue of a morning: several groups and sites, some without either, some late,
// some done.
func (s *Server) seedRequests() {
	now := s.now()
	for _, q := range []struct {
		subject, requester, group, site, technician, status, priority, category, subcategory string
		age, due                                                                             time.Duration // before and after now
	}{
		{"Laptop will not dock", "ana@example.org", "Service desk", "Main office", "tech@example.org", "Open", "Normal", "Hardware", "Docking station", 5 * time.Hour, 19 * time.Hour},
		{"VPN drops every few minutes", "ben@example.org", "Network", "Branch north", "nina@example.org", "In Progress", "High", "Network", "VPN", 26 * time.Hour, -2 * time.Hour},
		{"Printer on floor 2 prints blank pages", "chloe@example.org", "Branch support", "Branch north", "", "Open", "Low", "Hardware", "Printer", 3 * time.Hour, 45 * time.Hour},
		{"Cannot open the budget workbook", "mia@example.org", "Service desk", "Main office", "", "Open", "Medium", "Software", "Office suite", 2 * time.Hour, 6 * time.Hour},
		{"Guest Wi-Fi has no address", "ben@example.org", "Network", "", "nina@example.org", "On Hold", "Medium", "Network", "Wi-Fi", 50 * time.Hour, 30 * time.Hour},
		{"Where do I ask for a second screen?", "ana@example.org", "", "", "", "Open", "", "General", "Question", time.Hour, 0},
		{"VPN client asks for an update", "chloe@example.org", "", "Branch north", "", "Open", "", "Software", "VPN client", 90 * time.Minute, 0},
		{"Mail signature is cut off", "mia@example.org", "Service desk", "Main office", "tech@example.org", "Resolved", "Low", "Software", "Office suite", 72 * time.Hour, -24 * time.Hour},
		{"New starter needs an account", "ana@example.org", "Service desk", "Main office", "tech@example.org", "Closed", "Normal", "General", "Question", 200 * time.Hour, -150 * time.Hour},
		{"Test, please ignore", "ben@example.org", "Service desk", "Main office", "", "Cancelled", "Low", "General", "Question", 100 * time.Hour, 0},
	} {
		fields := Record{
			"subject": q.subject, "description": "<p>" + q.subject + ". It began this week.</p>", "requester": q.requester, "status": q.status,
			"category": q.category, "created_time": now.Add(-q.age),
		}
		for name, value := range map[string]string{"group": q.group, "site": q.site, "technician": q.technician, "priority": q.priority, "subcategory": q.subcategory} {
			if value != "" {
				fields[name] = value
			}
		}
		if q.due != 0 {
			fields["due_by_time"] = now.Add(q.due)
		}
		s.insert("requests", "", fields)
	}
	first := s.table("requests").rows[0]
	s.insert("notes", key("requests", first.id), Record{"description": "<p>Rang the user, no answer</p>", "created_by": "tech@example.org", "created_time": now.Add(-time.Hour)})
	first.fields["has_notes"] = true
	mail := s.insert("conversations", key("requests", first.id), Record{
		"type": "REQREPLY", "subject": "Re: Laptop will not dock", "from": "ana@example.org", "sent_time": now.Add(-30 * time.Minute),
		"content": "<p>It still shows no picture.</p>",
	})
	mail.fields["content_url"] = "/api/v3/requests/" + first.id + "/notifications/" + mail.id
}

func (s *Server) seedSolutions() {
	s.seedNames("topics", "Hardware", "Network")
	for _, a := range [][4]string{
		{"Dock shows no picture", "Update the dock's firmware to 4.2 and replug it.", "Hardware", "dock, display"},
		{"VPN drops behind hotel Wi-Fi", "Switch the client to TCP port 443.", "Network", "vpn, wifi"},
	} {
		s.insert("solutions", "", Record{
			"title": a[0], "description": "<p>" + a[1] + "</p>", "topic": a[2], "keywords": a[3], "is_public": true, "approval_status": Record{"name": "Approved"},
			"owner": "tech@example.org", "created_by": "tech@example.org", "created_time": s.now(), "no_of_hits": "3",
		})
	}
}

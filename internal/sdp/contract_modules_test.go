package sdp_test

import (
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestContract_Requests holds each operation on requests, and what is under them.
func TestContract_Requests(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"3.1 create, with what a request can be given": {assert: func(s *site) {
			made, err := s.client.Requests().Create(s.t.Context(), sdp.Fields{
				"subject": "Laptop will not dock", "description": "<p>No picture</p>", "requester": sdp.ByEmail("ana@example.org"), "request_type": sdp.ByName("Incident"),
				"priority": sdp.ByName("Normal"), "urgency": sdp.ByName("Normal"), "impact": sdp.ByName("Affects User"), "level": sdp.ByName("Tier 1"),
				"mode": sdp.ByName("Web Form"), "category": sdp.ByName("Hardware"), "subcategory": sdp.ByName("Docking station"), "item": sdp.ByName("Defect"),
				"group": sdp.ByName("Service desk"), "technician": sdp.ByEmail("tech@example.org"), "due_by_time": sdp.At(morning.Add(time.Hour)),
			})
			s.wantSuccess(err)
			s.wantEqual(
				[]string{made.Requester.Email, made.RequestType.Name, made.Priority.Name, made.Urgency.Name, made.Impact.Name, made.Level.Name, made.Mode.Name, made.Category.Name, made.Subcategory.Name, made.Item.Name, made.Group.Name, made.Technician.Name, made.Template.Name},
				[]string{"ana@example.org", "Incident", "Normal", "Normal", "Affects User", "Tier 1", "Web Form", "Hardware", "Docking station", "Defect", "Service desk", "Tom Tech", "Default Request"},
			)
			s.wantEqual([]any{made.DisplayID, made.DueByTime.At, made.AssignedTime.At, made.IsServiceRequest}, []any{"11", morning.Add(time.Hour), morning, false})
		}},
		"3.1 assign wants the group's technician": {assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			s.wantError(requests.Assign(ctx, id, sdp.ByName("Network"), sdp.ByEmail("tech@example.org")), sdp.KindRejected, 4001, "technician")
			s.wantSuccess(requests.Assign(ctx, id, sdp.ByName("Network"), sdp.ByEmail("nina@example.org")))
			s.wantEqual(s.mustRead(id).Group.Name, "Network")
		}},
		"3.1 assign without a category": {options: sdptest.Options{Site: sdptest.Site{AssignNeedsCategory: true}}, assert: func(s *site) {
			s.wantSuccess(s.update(sdp.Fields{"category": nil, "subcategory": nil}))
			s.wantError(s.client.Requests().Assign(s.t.Context(), s.request1(), sdp.ByName("Service desk"), sdp.Ref{}), sdp.KindRejected, 4012, "category")
		}},
		"3.1 merge": {assert: func(s *site) {
			ids := s.fake.IDs("requests")
			s.wantSuccess(s.client.Requests().Merge(s.t.Context(), ids[1], ids[0]))
			_, err := s.client.Requests().Get(s.t.Context(), ids[0])
			s.wantError(err, sdp.KindNotFound, 4007)
			notes, err := s.client.Requests().Notes(ids[1]).List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(len(notes.Items), 1)
		}},
		"3.1 links": {assert: func(s *site) {
			requests, ids, ctx := s.client.Requests(), s.fake.IDs("requests"), s.t.Context()
			s.wantSuccess(requests.Link(ctx, ids[0], ids[1:3], "same dock"))
			links, err := requests.Links(ids[0]).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]any{len(links.Items), links.Items[0].Request.ID, links.Items[0].Comments}, []any{2, ids[1], "same dock"})
			s.wantSuccess(requests.Unlink(ctx, ids[0], ids[1:2]))
			links, err = requests.Links(ids[0]).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]any{len(links.Items), links.Items[0].Request.ID}, []any{1, ids[2]})
		}},
		"3.1 summary": {assert: func(s *site) {
			summary, err := s.client.Requests().Summary(s.t.Context(), s.request1())
			s.wantSuccess(err)
			s.wantEqual(summary.Text("note_count"), "1")
		}},
		"3.1 resolution": {assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			added, err := requests.AddResolution(ctx, id, "<p>Updated</p>", false)
			s.wantSuccess(err)
			s.wantEqual([]any{added.ContentHTML, added.SubmittedBy.Name, added.SubmittedOn.At}, []any{"<p>Updated</p>", "API User", morning})
			_, err = requests.ReplaceResolution(ctx, id, "<p>Again</p>", false)
			s.wantSuccess(err)
			read, err := requests.Resolution(ctx, id)
			s.wantSuccess(err)
			s.wantEqual([]string{read.ContentHTML, s.mustRead(id).ResolutionHTML}, []string{"<p>Again</p>", "<p>Again</p>"})
		}},
		"3.1 notes: on premises a list has no text": {assert: func(s *site) {
			notes, ctx := s.client.Requests().Notes(s.request1()), s.t.Context()
			page, err := notes.List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			row := page.Items[0]
			s.wantEqual([]any{row.TextHTML, row.AddedBy.Name}, []any{inEdition(s, "<p>Rang the user, no answer</p>", ""), "Tom Tech"})
			whole, err := notes.Get(ctx, row.ID)
			s.wantSuccess(err)
			s.wantEqual(whole.TextHTML, "<p>Rang the user, no answer</p>")
			changed, err := notes.Update(ctx, row.ID, sdp.Fields{"description": "<p>Reached</p>"})
			s.wantSuccess(err)
			s.wantEqual(changed.TextHTML, "<p>Reached</p>")
			s.wantSuccess(notes.Delete(ctx, row.ID))
			_, err = notes.Get(ctx, row.ID)
			s.wantError(err, sdp.KindNotFound, 4007)
		}},
		"3.1 conversations": {assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			page, err := requests.Conversations(id).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			mail := page.Items[0]
			s.wantEqual([]any{mail.Type, mail.From.Name, mail.SentTime.At}, []any{"REQREPLY", "Ana Lopez", morning.Add(-30 * time.Minute)})
			text, err := requests.ConversationText(ctx, id, mail)
			s.wantSuccess(err)
			s.wantEqual(text, "<p>It still shows no picture.</p>")
			drafts, err := requests.Drafts(id).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(len(drafts.Items), 0)
		}},
		"3.1 conversations that a site lacks": {options: sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /requests/*/conversations"}}}, assert: func(s *site) {
			_, err := s.client.Requests().Conversations(s.request1()).List(s.t.Context(), sdp.ListOptions{})
			s.wantError(err, sdp.KindNotFound, 4007)
		}},
		"3.1 worklogs": {assert: func(s *site) {
			worklogs := s.client.Requests().Worklogs(s.request1())
			_, err := worklogs.Create(s.t.Context(), sdp.WorklogInput{DescriptionHTML: "x"}.Fields())
			if s.isOnPremises() {
				s.wantSuccess(err)
			} else {
				s.wantError(err, sdp.KindRejected, 4012, "owner")
			}
			made, err := worklogs.Create(s.t.Context(), sdp.WorklogInput{
				Owner: sdp.ByEmail("tech@example.org"), DescriptionHTML: "Remote session", StartTime: sdp.At(morning), EndTime: sdp.At(morning.Add(30 * time.Minute)),
				IncludeNonOperational: true, FirstResponse: true, Type: sdp.ByName("Remote"),
			}.Fields())
			s.wantSuccess(err)
			s.wantEqual([]any{made.DescriptionHTML, made.Spent, made.OwnerCost, made.OtherCost, made.TotalCost}, []any{"Remote session", sdp.Effort(30 * time.Minute), "0.00", "0.00", "0.00"})
			s.wantEqual([]time.Time{made.StartTime.At, made.EndTime.At}, []time.Time{morning, morning.Add(30 * time.Minute)})
			_, err = worklogs.Create(s.t.Context(), sdp.Fields{"owner": sdp.ByEmail("tech@example.org"), "is_billable": true})
			s.wantError(err, sdp.KindRejected, 4001, "is_billable")
		}},
		"3.1 tasks, their worklogs and dependencies": {assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			tasks := requests.Tasks(id)
			_, err := tasks.Create(ctx, sdp.Fields{"description": "x"})
			s.wantError(err, sdp.KindRejected, 4012, "title")
			first, err := tasks.Create(ctx, sdp.Fields{"title": "Replace dock", "owner": sdp.ByEmail("tech@example.org"), "scheduled_end_time": sdp.At(morning.Add(-time.Hour)), "estimated_effort": sdp.Effort(time.Hour)})
			s.wantSuccess(err)
			s.wantEqual([]any{first.Owner.Name, first.IsOverdue, first.Status.Name, first.Estimate}, []any{"Tom Tech", true, "Open", sdp.Effort(time.Hour)})
			second, err := tasks.Create(ctx, sdp.Fields{"title": "Test it"})
			s.wantSuccess(err)
			_, err = requests.TaskDependencies(id).Add(ctx, first.ID, second.ID)
			s.wantSuccess(err)
			dependencies, err := requests.TaskDependencies(id).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]string{dependencies.Items[0].Parent.Name, dependencies.Items[0].Child.Name}, []string{"Replace dock", "Test it"})
			_, err = tasks.Worklogs(first.ID).Create(ctx, sdp.WorklogInput{Owner: sdp.ByEmail("tech@example.org"), Spent: sdp.Effort(time.Minute)}.Fields())
			s.wantSuccess(err)
			done, err := tasks.Update(ctx, first.ID, sdp.Fields{"status": sdp.ByName("Completed"), "percentage_completion": "100", "actual_end_time": sdp.At(morning)})
			s.wantSuccess(err)
			s.wantEqual([]any{done.Percent, done.Status.InProgress, done.IsOverdue}, []any{100, new(false), false})
		}},
		"3.1 approvals": {assert: assertApprovals},
		"3.1 associations": {assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			for kind, table := range map[sdp.Association]string{
				sdp.AssociatedProblem: "problems", sdp.AssociatedInitiatedChange: "changes", sdp.AssociatedCausedByChange: "changes", sdp.AssociatedProject: "projects",
			} {
				other := s.fake.IDs(table)[0]
				s.wantSuccess(requests.Associate(ctx, id, kind, other))
				flag := map[sdp.Association]string{sdp.AssociatedProblem: "has_problem", sdp.AssociatedInitiatedChange: "has_request_initiated_change", sdp.AssociatedProject: "has_project"}[kind]
				if flag != "" {
					s.wantEqual(s.mustRead(id).Raw.IsTrue(flag), true)
				}
				s.wantSuccess(requests.Dissociate(ctx, id, kind, other))
				if flag != "" {
					s.wantEqual(s.mustRead(id).Raw.IsTrue(flag), false)
				}
				s.wantError(requests.Associate(ctx, id, kind, "999"), sdp.KindRejected, 4001, table[:len(table)-1])
			}
		}},
	})
}

// assertApprovals holds levels, approvals, and that a decision follows a notification.
func assertApprovals(s *site) {
	ctx, id := s.t.Context(), s.request1()
	levels := s.client.Requests().ApprovalLevels(id)
	fields := sdp.Fields{}
	if s.isOnPremises() {
		_, err := levels.Create(ctx, fields)
		s.wantError(err, sdp.KindRejected, 4012, "approvals")
		fields["approvals"] = []sdp.Fields{{"approver": sdp.ByEmail("mia@example.org")}}
	}
	level, err := levels.Create(ctx, fields)
	s.wantSuccess(err)
	s.wantEqual([]any{level.Level, level.Status.Name}, []any{1, "Pending Approval"})
	approvals := levels.Approvals(level.ID)
	if !s.isOnPremises() {
		_, err = approvals.Create(ctx, sdp.Fields{"approver": sdp.ByEmail("mia@example.org")})
		s.wantSuccess(err)
	}
	page, err := approvals.List(ctx, sdp.ListOptions{})
	s.wantSuccess(err)
	approval := page.Items[0]
	s.wantEqual([]any{approval.Approver.Name, approval.Status.Name, approval.SentOn}, []any{"Mia Boss", "Pending Approval", sdp.Time{}})
	s.wantError(approvals.Approve(ctx, approval.ID, "ok"), sdp.KindRejected, 4009, "status")
	content, err := approvals.NotificationContent(ctx)
	s.wantSuccess(err)
	s.wantEqual(content.Text("subject"), "Approval required")
	s.wantSuccess(approvals.SendNotification(ctx, approval.ID))
	s.wantSuccess(approvals.Approve(ctx, approval.ID, "ok"))
	approval, err = approvals.Get(ctx, approval.ID)
	s.wantSuccess(err)
	s.wantEqual([]any{approval.Status.Name, approval.Comments, approval.ApprovedTime.At}, []any{"Approved", "ok", morning})
	s.wantError(approvals.Reject(ctx, approval.ID, "no"), sdp.KindRejected, 4009, "status")
}

// TestContract_Projects holds projects, with members, milestones, tasks and comments.
func TestContract_Projects(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"3.2 projects": {assert: func(s *site) {
			projects, ctx := s.client.Projects(), s.t.Context()
			_, err := projects.Create(ctx, sdp.Fields{"description": "x"})
			s.wantError(err, sdp.KindRejected, 4012, "title")
			made, err := projects.Create(ctx, sdp.Fields{"title": "Office move", "type": sdp.ByName("Infrastructure"), "owner": sdp.ByEmail("tech@example.org")})
			s.wantSuccess(err) // titles are not unique
			s.wantEqual([]any{made.Status.Name, made.Percent, made.Owner.Name, made.DisplayID, made.CreatedTime.At}, []any{"Open", 0, "Tom Tech", "PJT-2", morning})
			same, err := projects.List(ctx, sdp.ListOptions{Where: sdp.Where("title", sdp.Is, "Office move")})
			s.wantSuccess(err)
			s.wantEqual(len(same.Items), 2)
			byType, err := projects.List(ctx, sdp.ListOptions{Where: sdp.Where("type.name", sdp.Is, "Infrastructure"), Sort: "code", Fields: []string{"title", "type"}})
			s.wantSuccess(err)
			s.wantEqual([]any{len(byType.Items), byType.Items[0].Type.Name}, []any{2, "Infrastructure"})
			s.wantSuccess(projects.Delete(ctx, made.ID))
		}},
		"3.2 members": {assert: func(s *site) {
			members, ctx := s.client.Projects().Members(s.fake.IDs("projects")[0]), s.t.Context()
			if s.isOnPremises() {
				_, err := members.Create(ctx, sdp.MemberFields(sdp.ByEmail("omar@example.org"), sdp.ByName("Team Member")))
				s.wantError(err, sdp.KindRejected, 4001, "user")
			}
			omar := sdp.ByID(s.fake.IDOf("users", "omar@example.org"))
			made, err := members.Create(ctx, sdp.MemberFields(omar, sdp.ByName("Team Member")))
			s.wantSuccess(err)
			s.wantEqual([]any{made.User.Name, made.Role.Name, made.IsActive}, []any{"Omar Ops", "Team Member", true})
			_, err = members.Update(ctx, made.ID, sdp.Fields{"user": sdp.ByEmail("tech@example.org")})
			s.wantError(err, sdp.KindRejected, 4009, "user")
			s.wantSuccess(members.Delete(ctx, made.ID))
		}},
		"3.2 milestones, tasks, comments and dependencies": {assert: func(s *site) {
			projects, project, ctx := s.client.Projects(), s.fake.IDs("projects")[0], s.t.Context()
			milestone, err := projects.Milestones(project).Create(ctx, sdp.Fields{"title": "Power", "scheduled_end_time": sdp.At(morning.Add(24 * time.Hour))})
			s.wantSuccess(err)
			s.wantEqual([]string{milestone.Title, milestone.Index, milestone.Project.Name}, []string{"Power", "2", "Office move"})
			inMilestone := projects.Milestones(project).Tasks(milestone.ID)
			_, err = inMilestone.Create(ctx, sdp.Fields{"title": "x", "owner": sdp.ByEmail("omar@example.org")})
			s.wantError(err, sdp.KindRejected, 4001, "owner") // no member
			task, err := inMilestone.Create(ctx, sdp.Fields{"title": "Plugs", "owner": sdp.ByEmail("nina@example.org")})
			s.wantSuccess(err)
			s.wantEqual([]string{task.Milestone.Name, task.Project.Name, task.Template.Name}, []string{"Power", "Office move", "Default Task"})
			all, err := projects.Tasks(project).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(len(all.Items), 3)
			_, err = projects.TaskDependencies(project).Add(ctx, s.fake.IDOf("tasks", "Lay cables"), task.ID)
			s.wantSuccess(err)
			for _, comments := range []sdp.Collection[sdp.Comment]{
				projects.Comments(project), projects.Milestones(project).Comments(milestone.ID), projects.Tasks(project).Comments(task.ID), inMilestone.Comments(task.ID),
			} {
				made, err := comments.Create(ctx, sdp.CommentFields("<p>x</p>", sdp.Ref{}))
				s.wantSuccess(err)
				reply, err := comments.Create(ctx, sdp.CommentFields("<p>y</p>", sdp.ByID(made.ID)))
				s.wantSuccess(err)
				s.wantEqual([]any{reply.TextHTML, reply.Parent.ID, reply.CreatedBy.Name, reply.CreatedTime.At}, []any{"<p>y</p>", made.ID, "API User", morning})
				listed, err := comments.List(ctx, sdp.ListOptions{Rows: 100})
				s.wantSuccess(err)
				s.wantEqual(listed.Items[len(listed.Items)-1].TextHTML, "<p>y</p>")
			}
			_, err = inMilestone.Worklogs(task.ID).Create(ctx, sdp.WorklogInput{Owner: sdp.ByEmail("nina@example.org"), Spent: sdp.Effort(time.Minute)}.Fields())
			s.wantSuccess(err)
		}},
	})
}

// TestContract_Modules holds problems, changes, assets and solutions.
func TestContract_Modules(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"3.3 problems": {assert: func(s *site) {
			problems, ctx := s.client.Problems(), s.t.Context()
			made, err := problems.Create(ctx, sdp.Fields{"title": "Docks", "priority": sdp.ByName("High"), "root_cause": sdp.Fields{"root_cause_description": "<p>Bug</p>"}, "known_error_details": sdp.Fields{"is_known_error": true}})
			s.wantSuccess(err)
			s.wantEqual([]any{made.Priority.Name, made.RootCauseHTML, made.IsKnownError, made.ReportedTime.At}, []any{"High", "<p>Bug</p>", true, morning})
			s.wantSuccess(problems.Close(ctx, made.ID, nil))
			closed, err := problems.Get(ctx, made.ID)
			s.wantSuccess(err)
			s.wantEqual([]any{closed.Status.Name, closed.ClosedTime.At}, []any{"Closed", morning})
			_, err = problems.List(ctx, sdp.ListOptions{Sort: "reported_time", Descending: true})
			s.wantSuccess(err)
			s.wantSuccess(problems.Delete(ctx, made.ID))
		}},
		"3.4 changes move along their workflow": {assert: func(s *site) {
			changes, ctx := s.client.Changes(), s.t.Context()
			made, err := changes.Create(ctx, sdp.Fields{"title": "Firmware", "change_type": sdp.ByName("Minor"), "risk": sdp.ByName("Low"), "roll_out_plan": sdp.Fields{"roll_out_plan_description": "<p>Pilot</p>"}})
			s.wantSuccess(err)
			s.wantEqual([]string{made.Stage.Name, made.Type.Name, made.Risk.Name, made.RollOutHTML}, []string{"Submission", "Minor", "Low", "<p>Pilot</p>"})
			_, err = changes.Update(ctx, made.ID, sdp.Fields{"stage": sdp.ByName("Close"), "status": sdp.ByName("Close completed"), "comment": "x"})
			s.wantError(err, sdp.KindRejected, 4014, "stage")
			moved, err := changes.Update(ctx, made.ID, sdp.Fields{"stage": sdp.ByName("Planning"), "status": sdp.ByName("In Planning"), "comment": "x"})
			s.wantSuccess(err)
			s.wantEqual([]string{moved.Stage.Name, moved.Status.Name}, []string{"Planning", "In Planning"})
			s.wantSuccess(changes.Trash(ctx, made.ID))
			s.wantSuccess(changes.Restore(ctx, made.ID))
			s.wantEqual(s.mustList(changes.Reader).Items[0].Title, "Update dock firmware") // oldest first
		}},
		"3.6 assets": {assert: func(s *site) {
			assets, ctx := s.client.Assets(), s.t.Context()
			made, err := assets.Create(ctx, sdp.Fields{"name": "LT-9", "product": sdp.ByID(s.fake.IDOf("products", "Laptop 14")), "user": sdp.ByEmail("ana@example.org")})
			s.wantSuccess(err)
			s.wantEqual([]string{made.Name, made.Product.Name, made.ProductType.Name, made.State.Name, made.User.Name}, []string{"LT-9", "Laptop 14", "Computer", "In Store", "Ana Lopez"})
			workstations, err := s.client.Workstations().List(ctx, sdp.ListOptions{Where: sdp.Where("name", sdp.Is, "LT-0142")})
			s.wantSuccess(err)
			s.wantEqual([]string{workstations.Items[0].Tag, workstations.Items[0].SerialNumber}, []string{"A-0142", "SN-EXAMPLE"})
			one, err := s.client.Workstations().Get(ctx, workstations.Items[0].ID)
			s.wantSuccess(err)
			s.wantEqual(one.Name, "LT-0142")
			s.wantSuccess(assets.Delete(ctx, made.ID))
		}},
		"3.6 computers under the other path": {in: inCloud, options: sdptest.Options{Site: sdptest.Site{Absent: []string{"GET /asset_workstations", "GET /asset_workstations/*"}}}, assert: func(s *site) {
			page, err := s.client.Workstations().List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			_, err = s.client.Workstations().Get(s.t.Context(), page.Items[0].ID)
			s.wantSuccess(err)
			s.wantEqual([]int{s.fake.Count(sdptest.To("GET", "/asset_workstations")), s.fake.Count(sdptest.To("GET", "/asset_workstations/*"))}, []int{1, 0})
		}},
		"3.7 solutions": {assert: func(s *site) {
			solutions, ctx := s.client.Solutions(), s.t.Context()
			_, err := solutions.Create(ctx, sdp.Fields{"title": "x"})
			s.wantError(err, sdp.KindRejected, 4012, "description", "topic")
			made, err := solutions.Create(ctx, sdp.Fields{"title": "Dock", "description": "<p>4.2</p>", "topic": sdp.ByName("Hardware"), "keywords": "dock, display", "is_public": true})
			s.wantSuccess(err)
			s.wantEqual([]any{made.TextHTML, made.Topic.Name, made.Keywords, made.IsPublic, made.ApprovalStatus.Name}, []any{"<p>4.2</p>", "Hardware", "dock, display", true, "UnApproved"})
			s.fake.Set("solutions", made.ID, sdptest.Record{"approval_status": sdptest.Record{"name": "Approved"}})
			approved, err := solutions.List(ctx, sdp.ListOptions{View: "ApprovedSolutions", Where: sdp.Where("title", sdp.Is, "Dock")})
			s.wantSuccess(err)
			s.wantEqual([]any{len(approved.Items), approved.Items[0].TextHTML}, []any{1, ""})
			s.wantError(solutions.Delete(ctx, made.ID), sdp.KindRejected, 4017)
			s.wantSuccess(solutions.Trash(ctx, made.ID))
			s.wantSuccess(solutions.Delete(ctx, made.ID))
		}},
		"3.7 topics": {assert: func(s *site) {
			topics := s.client.Topics()
			made, err := topics.Create(s.t.Context(), sdp.Fields{"name": "Docks", "parent": sdp.ByName("Hardware")})
			s.wantSuccess(err)
			s.wantEqual(made.Parent.Name, "Hardware")
		}},
	})
}

// mustList returns the first page of a list.
func (s *site) mustList(changes sdp.Reader[sdp.Change]) sdp.Page[sdp.Change] {
	s.t.Helper()
	page, err := changes.List(s.t.Context(), sdp.ListOptions{})
	s.wantSuccess(err)
	return page
}

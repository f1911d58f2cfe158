package sdp_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/egress"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

// TestContract_URLs holds how API keys are sent, and what URLs are.
func TestContract_URLs(t *testing.T) {
	t.Parallel()
	at := func(s *site, portal string) error {
		_, err := s.newClient(func(c *sdp.Config) { c.Portal = portal }).Requests().List(s.t.Context(), sdp.ListOptions{})
		return err
	}
	assertParagraphs(t, map[string]paragraph{
		"2.1 the root, with and without a portal": {assert: func(s *site) {
			s.wantSuccess(at(s, inEdition(s, "itdesk", "")))
			s.wantSuccess(at(s, ""))
		}},
		"2.1 a portal that is not there": {assert: func(s *site) { s.wantError(at(s, "hr"), sdp.KindNotSDP, 0) }},
		"1.10 several instances on one server": {in: onPremises, options: sdptest.Options{Portal: "hr"}, assert: func(s *site) {
			s.wantSuccess(at(s, "hr"))
			s.wantError(at(s, "itdesk"), sdp.KindNotSDP, 0)
		}},
		"1.10 a certificate of its own": {options: sdptest.Options{TLSNames: []string{"127.0.0.1"}}, assert: func(s *site) {
			s.mustRead(s.request1())
			before := len(s.fake.IDs("requests"))
			s.fake.Fail(sdptest.DropAfterWrite().To("POST", "/requests"))
			s.wantError(s.create(sdp.Fields{"subject": "x"}), sdp.KindIndeterminate, 0)
			s.wantEqual(len(s.fake.IDs("requests")), before+1)
			s.wantCalls(1, "POST", "/requests")
			_, err := s.untrusting().Requests().Get(s.t.Context(), s.request1())
			s.wantError(err, sdp.KindUnavailable, 0)
			s.wantEqual(strings.Contains(err.Error(), "certificate"), true)
			s.wantCalls(0, "GET", "/requests/*")
		}},
		"1.10 keys expire": {in: onPremises, assert: func(s *site) {
			s.fake.AddAPIKey("another-key", "nina@example.org", morning.Add(time.Hour))
			s.tokens.current = "another-key"
			made, err := s.client.Requests().Create(s.t.Context(), sdp.Fields{"subject": "x"})
			s.wantSuccess(err)
			s.wantEqual(made.CreatedBy.Name, "Nina Net")
			s.clock.Advance(time.Hour)
			_, err = s.client.Requests().Get(s.t.Context(), made.ID)
			s.wantError(err, sdp.KindTokenRefused, 4022)
		}},
		"2.1 actions and deletions": {assert: func(s *site) {
			ctx, id := s.t.Context(), s.request1()
			s.wantSuccess(s.client.Requests().Assign(ctx, id, sdp.ByName("Network"), sdp.ByEmail("omar@example.org")))
			s.wantSuccess(s.client.Requests().Close(ctx, id, sdp.Closure{}))
			s.wantSuccess(s.client.Requests().Trash(ctx, id))
			for pattern, n := range map[string][2]int{"PUT /requests/*/_close": {1, 0}, "PUT /requests/*/close": {0, 1}, "PUT /requests/*/_assign": {1, 0}, "PUT /requests/*/assign": {0, 1}, "DELETE /requests/*": {1, 0}, "DELETE /requests/*/move_to_trash": {0, 1}} {
				method, path, _ := strings.Cut(pattern, " ")
				if got := s.fake.Count(sdptest.To(method, path)); got != inEdition(s, n[0], n[1]) {
					s.t.Errorf("%d calls of %s", got, pattern)
				}
			}
		}},
	})
}

// untrusting returns a client that does not know the certificate of the fake.
func (s *site) untrusting() *sdp.Client {
	rules, err := egress.ParseRules([]string{s.fake.URL()})
	s.wantSuccess(err)
	sender, err := egress.NewClient(egress.Options{Rules: rules})
	s.wantSuccess(err)
	s.t.Cleanup(sender.CloseIdleConnections)
	return s.newClient(func(c *sdp.Config) { c.HTTP = sender })
}

// TestContract_Values holds each kind of value, written and read.
func TestContract_Values(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"2.3 ids, booleans and scalars": {assert: func(s *site) {
			read := s.mustRead(s.request1())
			s.wantEqual([]any{read.ID, read.DisplayID, read.IsOverdue, read.HasNotes}, []any{s.request1(), "1", new(false), true})
			made, err := s.client.Projects().Tasks(s.fake.IDs("projects")[0]).Create(s.t.Context(), sdp.Fields{"title": "x", "percentage_completion": "30"})
			s.wantSuccess(err)
			s.wantEqual(made.Percent, 30)
		}},
		"2.3 times": {assert: func(s *site) {
			due := sdp.At(morning.Add(90*time.Minute + time.Millisecond))
			s.wantSuccess(s.update(sdp.Fields{"due_by_time": due}))
			read := s.mustRead(s.request1())
			s.wantEqual([]time.Time{read.DueByTime.At, read.LastUpdatedTime.At}, []time.Time{due.At, morning})
			s.wantSuccess(s.update(sdp.Fields{"due_by_time": nil}))
			s.wantEqual(s.mustRead(s.request1()).DueByTime, sdp.Time{})
			s.wantError(s.update(sdp.Fields{"due_by_time": "2025-10-09T08:53:20Z"}), sdp.KindRejected, 4021, "due_by_time")
		}},
		"2.3 references": {assert: func(s *site) {
			s.wantSuccess(s.update(sdp.Fields{"technician": sdp.ByEmail("nina@example.org"), "group": sdp.ByName("Network"), "site": sdp.ByID(s.fake.IDOf("sites", "Branch north"))}))
			read := s.mustRead(s.request1())
			s.wantEqual(read.Technician, sdp.Ref{ID: s.fake.IDOf("users", "nina@example.org"), Name: "Nina Net", Email: "nina@example.org"})
			s.wantEqual([]string{read.Group.Name, read.Site.Name}, []string{"Network", "Branch north"})
			s.wantSuccess(s.update(sdp.Fields{"site": sdp.Ref{}}))
			s.wantEqual(s.mustRead(s.request1()).Site, sdp.Ref{})
		}},
		"2.3 colours": {assert: func(s *site) {
			page, err := s.client.ListLookup(s.t.Context(), sdp.Priorities, sdp.ListOptions{Where: sdp.Where("name", sdp.Is, "High")})
			s.wantSuccess(err)
			s.wantEqual(page.Items[0].Color, "#ff0000")
		}},
		"2.3 display_id of a project": {assert: func(s *site) {
			project, err := s.client.Projects().Get(s.t.Context(), s.fake.IDs("projects")[0])
			s.wantSuccess(err)
			s.wantEqual([]string{project.Number, project.DisplayID}, []string{"1", "PJT-1"})
		}},
		"2.3 durations": {assert: func(s *site) {
			made, err := s.client.Requests().Worklogs(s.request1()).Create(s.t.Context(), sdp.WorklogInput{Owner: sdp.ByEmail("tech@example.org"), Spent: sdp.Effort(90 * time.Minute), Type: sdp.ByName("Remote")}.Fields())
			s.wantSuccess(err)
			s.wantEqual([]any{made.Spent, made.Type.Name, made.Owner.Name}, []any{sdp.Effort(90 * time.Minute), "Remote", "Tom Tech"})
		}},
		"2.3 fields of the site": {assert: func(s *site) {
			s.wantSuccess(s.update(sdp.Fields{"udf_fields": sdp.Fields{"udf_sline_101": "B-204", "udf_date_103": sdp.At(morning)}}))
			s.wantEqual(s.mustRead(s.request1()).UDF.Text("udf_sline_101"), "B-204")
			metainfo, err := s.client.Requests().Metainfo(s.t.Context())
			s.wantSuccess(err)
			s.wantEqual(metainfo.Object("fields").Object("udf_fields").Object("fields").Object("udf_sline_101").Text("display_name"), "Room")
		}},
		"2.2 worklogs are lost in the query, so they go by the form": {options: sdptest.Options{Site: sdptest.Site{WorklogsMisparsedInQuery: true}}, assert: func(s *site) {
			made, err := s.client.Requests().Worklogs(s.request1()).Create(s.t.Context(), sdp.WorklogInput{Owner: sdp.ByEmail("tech@example.org"), Spent: sdp.Effort(time.Hour)}.Fields())
			s.wantSuccess(err)
			s.wantEqual(made.Spent, sdp.Effort(time.Hour))
			s.wantEqual(s.fake.Calls(sdptest.To("POST", "/requests/*/worklogs"))[0].InQuery, false)
		}},
	})
}

// TestContract_Lists holds each key of list_info.
func TestContract_Lists(t *testing.T) {
	t.Parallel()
	hundred := func(s *site) {
		for range 110 {
			s.fake.Add("requests", sdptest.Record{"subject": "x"})
		}
	}
	assertParagraphs(t, map[string]paragraph{
		"2.4 rows, start and total": {options: sdptest.Options{Empty: true}, assert: func(s *site) {
			hundred(s)
			requests, ctx := s.client.Requests(), s.t.Context()
			page, err := requests.List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual([]int{len(page.Items), page.Next, page.Total}, []int{10, 11, -1})
			page, err = requests.List(ctx, sdp.ListOptions{Rows: 100, Start: 51, CountAll: true})
			s.wantSuccess(err)
			s.wantEqual([]int{len(page.Items), page.Next, page.Total}, []int{60, 0, 110})
			s.wantEqual(page.ListInfo.Text("row_count"), "60")
			s.fake.ForgetCalls()
			all, complete, err := sdp.Collect(ctx, requests.List, sdp.ListOptions{Sort: "id"}, 1000)
			s.wantSuccess(err)
			s.wantEqual([]any{len(all), complete}, []any{110, true})
			s.wantCalls(2, "GET", "/requests")
		}},
		"2.4 sorted, both ways": {assert: func(s *site) {
			up, down := s.listed(sdp.ListOptions{Rows: 100, Sort: "subject"}), s.listed(sdp.ListOptions{Rows: 100, Sort: "subject", Descending: true})
			s.wantEqual([]string{up[0], down[0], up[9]}, []string{"Cannot open the budget workbook", "Where do I ask for a second screen?", "Where do I ask for a second screen?"})
			_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{Sort: "requester.name"})
			s.wantError(err, sdp.KindRejected, 4001, "sort_field")
		}},
		"2.4 views": {assert: func(s *site) {
			for _, view := range []string{"All_Requests", "Open_Requests", "Overdue_Requests", "Unassigned_Requests", "My_Open_Requests"} {
				s.listed(sdp.ListOptions{View: view})
			}
			s.wantEqual(s.listed(sdp.ListOptions{View: "Overdue_Requests", Where: sdp.Where("group.name", sdp.Is, "Network")}), []string{"VPN drops every few minutes"})
			_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{View: "no such view"})
			s.wantError(err, sdp.KindRejected, 4001, "filter_by")
			_, err = s.client.Users().List(s.t.Context(), sdp.ListOptions{View: "AllUsers", Where: sdp.Where("name", sdp.Contains, "a")})
			s.wantError(err, sdp.KindRejected, 4001, "filter_by")
		}},
		"2.4 fields_required is where the edition reads it": {assert: func(s *site) {
			_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{Fields: []string{"priority"}})
			s.wantSuccess(err)
			_, isBeside := s.fake.Calls(sdptest.To("GET", "/requests"))[0].Input["fields_required"]
			s.wantEqual(isBeside, s.isOnPremises())
		}},
	})
}

// TestContract_Codes holds each code, as reads and writes.
func TestContract_Codes(t *testing.T) {
	t.Parallel()
	for code, want := range map[int][2]sdp.Kind{
		3000: {sdp.KindNotPerformed, sdp.KindNotPerformed}, 4001: {sdp.KindRejected, sdp.KindRejected}, 4002: {sdp.KindForbidden, sdp.KindForbidden},
		4004: {sdp.KindUnavailable, sdp.KindIndeterminate}, 4005: {sdp.KindRejected, sdp.KindRejected}, 4007: {sdp.KindNotFound, sdp.KindNotFound},
		4008: {sdp.KindRejected, sdp.KindRejected}, 4009: {sdp.KindRejected, sdp.KindRejected}, 4012: {sdp.KindRejected, sdp.KindRejected},
		4014: {sdp.KindRejected, sdp.KindRejected}, 4015: {sdp.KindThrottled, sdp.KindThrottled}, 4016: {sdp.KindRejected, sdp.KindRejected},
		4017: {sdp.KindRejected, sdp.KindRejected}, 4021: {sdp.KindRejected, sdp.KindRejected}, 4022: {sdp.KindTokenRefused, sdp.KindTokenRefused},
		7001: {sdp.KindRejected, sdp.KindRejected},
	} {
		for name, fault := range map[string]sdptest.Fault{"usual": sdptest.Refused(code, "subject"), "with HTTP 200": sdptest.FailureWithOK(code)} {
			t.Run(strconv.Itoa(code)+" "+name, func(t *testing.T) {
				t.Parallel()
				s := startSite(t, sdptest.Options{})
				s.fake.Fail(fault.Times(-1))
				var fields []string
				if name == "usual" {
					fields = []string{"subject"}
				}
				_, err := s.client.Requests().Get(t.Context(), s.request1())
				s.wantError(err, want[0], code, fields...)
				s.wantError(s.update(sdp.Fields{"subject": "x"}), want[1], code, fields...)
				if n := s.fake.Count(sdptest.To("PUT", "/requests/*")); code != 4015 && n != 1 {
					t.Errorf("a write was sent %d times", n)
				}
			})
		}
	}
	assertParagraphs(t, map[string]paragraph{
		"2.7 as a site comes to them": {assert: func(s *site) {
			ctx := s.t.Context()
			start, end := sdp.At(morning), sdp.At(morning.Add(-time.Hour))
			s.wantError(s.update(sdp.Fields{"scheduled_start_time": start, "scheduled_end_time": end}), sdp.KindRejected, 4016, "scheduled_end_time")
			s.wantError(s.update(sdp.Fields{"display_id": "7"}), sdp.KindRejected, 4009, "display_id")
			s.wantError(s.update(sdp.Fields{"subject": sdp.Fields{}}), sdp.KindRejected, 4021, "subject")
			s.wantError(s.update(sdp.Fields{"priority": sdp.ByID("x")}), sdp.KindRejected, 4001, "priority")
			_, err := s.client.Topics().Create(ctx, sdp.Fields{"name": "Hardware"})
			s.wantError(err, sdp.KindRejected, 4008, "name")
			s.wantError(s.client.Topics().Delete(ctx, s.fake.IDOf("topics", "Hardware")), sdp.KindRejected, 4005)
			_, err = s.client.Requests().Notes(s.request1()).Get(ctx, "1")
			s.wantError(err, sdp.KindNotFound, 4007)
		}},
		"2.6 success is any 2xx": {options: sdptest.Options{Guesses: sdptest.Guesses{CreatedStatus: 200}}, assert: func(s *site) {
			s.wantSuccess(s.create(sdp.Fields{"subject": "x"}))
		}},
	})
}

// TestContract_Throttled holds how too many calls are refused.
func TestContract_Throttled(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"2.8 a write that was throttled is sent again": {assert: func(s *site) {
			for _, status := range []int{429, 400} {
				s.fake.ForgetCalls()
				s.fake.Fail(sdptest.Throttled(status).Times(2))
				s.wantSuccess(s.update(sdp.Fields{"subject": "x"}))
				s.wantCalls(3, "PUT", "/requests/*")
			}
		}},
		"2.8 a Retry-After beyond patience is an error that says when": {assert: func(s *site) {
			s.fake.Fail(sdptest.Throttled(429).RetryAfter(time.Minute))
			_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{})
			s.wantError(err, sdp.KindThrottled, 4015)
			s.wantEqual(strings.HasSuffix(err.Error(), "; try again in 1m0s"), true)
			s.wantCalls(1, "GET", "/requests")
		}},
		"2.8 a URL that is blocked": {in: onPremises, options: sdptest.Options{Limits: sdptest.Limits{RequestsPerMinute: 2}}, assert: func(s *site) {
			for range 2 {
				s.mustRead(s.request1())
			}
			_, err := s.client.Requests().Get(s.t.Context(), s.request1())
			s.wantError(err, sdp.KindThrottled, 4015)
			s.clock.Advance(time.Minute)
			s.mustRead(s.request1())
		}},
		"2.8 keys that are refused too often": {in: onPremises, options: sdptest.Options{Limits: sdptest.Limits{AuthFailuresPerMinute: 1}}, assert: func(s *site) {
			s.tokens.current = "no-such-key"
			_, err := s.client.Requests().Get(s.t.Context(), s.request1())
			s.wantError(err, sdp.KindTokenRefused, 4022)
			_, err = s.client.Requests().Get(s.t.Context(), s.request1())
			s.wantError(err, sdp.KindThrottled, 4015)
		}},
		"2.8 an outage is waited for by reads alone": {assert: func(s *site) {
			s.fake.Fail(sdptest.ServerError(500), sdptest.ServerError(502))
			s.mustRead(s.request1())
			s.wantCalls(3, "GET", "/requests/*")
			s.fake.Fail(sdptest.ServerError(503))
			s.wantError(s.update(sdp.Fields{"subject": "x"}), sdp.KindIndeterminate, 0)
			s.wantCalls(1, "PUT", "/requests/*")
		}},
	})
}

// withoutAccept sends what does not ask for the new shape.
type withoutAccept struct{ next http.RoundTripper }

func (w withoutAccept) RoundTrip(r *http.Request) (*http.Response, error) {
	r.Header.Del("Accept")
	return w.next.RoundTrip(r)
}

// TestContract_Shapes holds each name that differs: what is read is the same in the cloud's shape, and in both on premises.
func TestContract_Shapes(t *testing.T) {
	t.Parallel()
	assertShapes := func(s *site) {
		ctx, id, project := s.t.Context(), s.request1(), s.fake.IDs("projects")[0]
		read, err := s.client.Projects().Get(ctx, project)
		s.wantSuccess(err)
		s.wantEqual([]string{read.Code, read.Type.Name, read.Title}, []string{"MOVE-25", "Infrastructure", "Office move"})
		notes := s.client.Requests().Notes(id)
		note, err := notes.Get(ctx, s.fake.IDs("notes")[0])
		s.wantSuccess(err)
		s.wantEqual([]any{note.TextHTML, note.AddedBy.Name, note.AddedTime.At}, []any{"<p>Rang the user, no answer</p>", "Tom Tech", morning.Add(-time.Hour)})
		worklog, err := s.client.Requests().Worklogs(id).Get(ctx, s.fake.AddTo("requests", id, "worklogs", sdptest.Record{"owner": "tech@example.org", "time_spent": 90 * time.Minute, "type": "Remote", "other_charge": "2.50"}))
		s.wantSuccess(err)
		s.wantEqual([]any{worklog.Owner.Name, worklog.Spent, worklog.Type.Name, worklog.OtherCost}, []any{"Tom Tech", sdp.Effort(90 * time.Minute), "Remote", "2.50"})
		tasks := s.newClient(nil).Projects().Tasks(project)
		made, err := tasks.Create(ctx, sdp.Fields{"title": "x", "type": sdp.ByName("Review"), "estimated_effort": sdp.Effort(26*time.Hour + 30*time.Minute)})
		s.wantSuccess(err)
		task, err := s.client.Projects().Tasks(project).Get(ctx, made.ID)
		s.wantSuccess(err)
		s.wantEqual([]any{task.Estimate, task.Type.Name, task.CreatedTime.At}, []any{sdp.Effort(26*time.Hour + 30*time.Minute), "Review", morning})
	}
	assertParagraphs(t, map[string]paragraph{
		"2.9 as asked for": {assert: assertShapes},
		"2.9 the old shape": {in: onPremises, assert: func(s *site) {
			s.client = s.newClient(func(c *sdp.Config) { c.HTTP = &http.Client{Transport: withoutAccept{s.sender.Transport}} })
			assertShapes(s)
		}},
	})
}

// TestContract_Names asks lists for each field that the editions call otherwise, by its name on premises.
func TestContract_Names(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{"2.9 names in lists": {assert: func(s *site) {
		id, project := s.request1(), s.fake.IDs("projects")[0]
		s.fake.AddTo("requests", id, "worklogs", sdptest.Record{"owner": "tech@example.org"})
		wantFields(s, s.client.Requests().Reader, "cancel_requested", "reason_for_cancel")
		wantFields(s, s.client.Projects().Reader, "code", "type", "requester", "projected_end_time")
		wantFields(s, s.client.Requests().Notes(id).Reader, "added_by", "added_time")
		wantFields(s, s.client.Requests().Worklogs(id).Reader, "owner", "time_spent", "type", "other_cost", "owner_cost", "total_cost")
		wantFields(s, s.client.Projects().Comments(project).Reader, "content", "created_by")
		wantFields(s, s.client.Topics().Reader, "name", "parent")
		wantFields(s, s.client.Users(), "is_vipuser", "email_id")
		wantFields(s, s.client.Requesters(), "is_vipuser")
		people, err := s.client.ListTechnicians(s.t.Context(), sdp.ListOptions{Fields: []string{"is_vipuser"}})
		s.wantSuccess(err)
		s.wantEqual(len(people.Items), 4)
	}}})
}

// wantFields holds that a list takes the names, each at the first call.
func wantFields[T any](s *site, list sdp.Reader[T], names ...string) {
	s.t.Helper()
	s.fake.ForgetCalls()
	page, err := list.List(s.t.Context(), sdp.ListOptions{Fields: names})
	s.wantSuccess(err)
	if n := s.fake.Count(nil); len(page.Items) == 0 || n != 1 {
		s.t.Errorf("%d rows after %d calls", len(page.Items), n)
	}
}

// TestContract_Attachments holds attachments, whose size is text in one shape.
func TestContract_Attachments(t *testing.T) {
	t.Parallel()
	assertParagraphs(t, map[string]paragraph{
		"3.1 a file is attached, listed, read and deleted": {assert: func(s *site) {
			ctx, content := s.t.Context(), []byte("a\x00<b>\r\n")
			for _, files := range []sdp.Attachments{s.client.Requests().Attachments(s.request1()), s.client.Projects().Attachments(s.fake.IDs("projects")[0])} {
				made, err := files.Upload(ctx, "shot 1.png", content)
				s.wantSuccess(err)
				s.wantEqual([]any{made.Name, made.Size}, []any{"shot 1.png", int64(len(content))})
				page, err := files.List(ctx, sdp.ListOptions{})
				s.wantSuccess(err)
				s.wantEqual([]any{len(page.Items), page.Items[0].ID}, []any{1, made.ID})
				read, _, err := files.Download(ctx, made.ID)
				s.wantSuccess(err)
				s.wantEqual(string(read), string(content))
				s.wantSuccess(files.Delete(ctx, made.ID))
				_, _, err = files.Download(ctx, made.ID)
				s.wantError(err, sdp.KindNotFound, 4007)
			}
		}},
	})
}

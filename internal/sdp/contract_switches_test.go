package sdp_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/oauth"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
)

type guesses = sdptest.Guesses

func guess(g guesses) sdptest.Options { return sdptest.Options{Guesses: g} }

// TestContract_Guesses runs what the reference marks as inferred, open or disputed the other way than the fake does by itself, which
// all other cases hold. The first word of a name is the switch.
func TestContract_Guesses(t *testing.T) {
	t.Parallel()
	elevenRefreshes := func(s *site) {
		refreshToken := s.fake.RefreshToken()
		for range 10 {
			_, err := s.refresh(refreshToken)
			s.wantOutcome(err, oauth.OK)
		}
		_, err := s.refresh(refreshToken)
		s.wantOutcome(err, oauth.AccessDenied)
	}
	spelled := func(s *site) {
		requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
		for range 2 { // what was understood once is sent first
			s.wantSuccess(requests.Pickup(ctx, id))
			_, err := requests.Attachments(id).Upload(ctx, "a.txt", []byte("x"))
			s.wantSuccess(err)
			s.wantSuccess(requests.Trash(ctx, id))
			s.wantSuccess(requests.Restore(ctx, id))
		}
		if n := s.fake.Count(func(c sdptest.Call) bool { return !c.Wrote }); n > 3 {
			s.t.Errorf("%d calls were not understood", n)
		}
		change := s.fake.IDs("changes")[0]
		s.wantSuccess(s.client.Changes().Trash(ctx, change))
		s.wantSuccess(s.client.Changes().Restore(ctx, change))
		s.wantError(requests.Pickup(ctx, "999"), sdp.KindNotFound, 4007)
	}
	trashed := func(s *site) {
		article := s.fake.IDs("solutions")[0]
		s.wantSuccess(s.client.Solutions().Trash(s.t.Context(), article))
		s.wantSuccess(s.client.Solutions().Delete(s.t.Context(), article))
	}
	unlinked := func(s *site) {
		requests, ids, ctx := s.client.Requests(), s.fake.IDs("requests"), s.t.Context()
		s.wantSuccess(requests.Link(ctx, ids[0], ids[1:3], ""))
		s.wantSuccess(requests.Unlink(ctx, ids[0], ids[1:2]))
		s.wantSuccess(requests.Unlink(ctx, ids[0], ids[2:3]))
		links, err := requests.Links(ids[0]).List(ctx, sdp.ListOptions{})
		s.wantSuccess(err)
		s.wantEqual(len(links.Items), 0)
		for _, kind := range []sdp.Association{sdp.AssociatedProblem, sdp.AssociatedCausedByChange} {
			other := s.fake.IDs(map[sdp.Association]string{sdp.AssociatedProblem: "problems", sdp.AssociatedCausedByChange: "changes"}[kind])[0]
			s.wantSuccess(requests.Associate(ctx, ids[0], kind, other))
			s.wantSuccess(requests.Dissociate(ctx, ids[0], kind, other))
		}
	}
	editClosed := func(s *site) error {
		s.wantSuccess(s.client.Requests().Close(s.t.Context(), s.request1(), sdp.Closure{}))
		return s.update(sdp.Fields{"priority": sdp.ByName("High")})
	}
	listed := func(s *site) error {
		_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{})
		return err
	}
	groups := func(s *site) error {
		_, err := s.client.ListLookup(s.t.Context(), sdp.Groups, sdp.ListOptions{})
		return err
	}
	elsewhere := func(s *site) error {
		_, err := s.newClient(func(c *sdp.Config) { c.Portal = "hr" }).Requests().List(s.t.Context(), sdp.ListOptions{})
		return err
	}
	cases := map[string]paragraph{
		"AccessDeniedStatus":   {in: inCloud, options: guess(guesses{AccessDeniedStatus: 200}), assert: elevenRefreshes},
		"FailedRefreshesCount": {in: inCloud, options: guess(guesses{FailedRefreshesCount: true}), assert: assertFailedRefreshesCount},
		"SlidingWindow":        {in: inCloud, options: guess(guesses{SlidingWindow: true}), assert: assertTenRefreshes},
		"MillisecondExpiry": {in: inCloud, options: guess(guesses{MillisecondExpiry: true}), assert: func(s *site) {
			token, err := s.refresh(s.fake.RefreshToken())
			s.wantOutcome(err, oauth.OK)
			s.wantEqual(token.Lifetime, time.Hour)
		}},
		"OmitScope": {in: inCloud, options: guess(guesses{OmitScope: true}), assert: func(s *site) {
			token, err := s.refresh(s.fake.RefreshToken())
			s.wantOutcome(err, oauth.OK)
			s.wantEqual(len(token.Scopes), 0)
		}},
		"RevokeStatusFailure": {in: inCloud, options: guess(guesses{RevokeStatusFailure: true}), assert: func(s *site) {
			s.wantOutcome(oauth.Revoke(s.t.Context(), s.sender, s.accounts(), s.oauthClient().Secret), oauth.InvalidToken)
		}},
		"InvalidToken without SDP's body": {in: inCloud, options: guess(guesses{InvalidToken: sdptest.InvalidTokenOAuth}), assert: func(s *site) {
			s.fake.KillAccessTokens()
			s.wantError(listed(s), sdp.KindTokenRefused, 0)
			s.wantEqual(s.tokens.refused, 1)
		}},
		"InvalidToken in HTML": {in: inCloud, options: guess(guesses{InvalidToken: sdptest.InvalidTokenHTML}), assert: func(s *site) {
			s.fake.KillAccessTokens()
			s.wantError(listed(s), sdp.KindNotSDP, 0)
			s.wantEqual(s.tokens.refused, 0)
		}},
		"ScopeStatus": {in: inCloud, options: guess(guesses{ScopeStatus: 403}), assert: func(s *site) {
			s.tokens.current = s.fake.AccessToken("SDPOnDemand.setup.READ")
			s.wantError(listed(s), sdp.KindForbidden, 4002)
			s.wantEqual(s.tokens.refused, 0)
		}},
		"UsersScope": {in: inCloud, options: guess(guesses{UsersScope: "setup"}), assert: func(s *site) {
			s.tokens.current = s.fake.AccessToken("SDPOnDemand.users.READ")
			_, err := s.client.Users().List(s.t.Context(), sdp.ListOptions{})
			s.wantError(err, sdp.KindForbidden, 4002)
			s.tokens.current = s.fake.AccessToken("SDPOnDemand.setup.READ")
			_, err = s.client.Users().List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
		}},
		"WrongPortal is 404": {in: inCloud, options: guess(guesses{WrongPortal: sdptest.PortalNotFound}), assert: func(s *site) { s.wantError(elsewhere(s), sdp.KindNotFound, 4007) }},
		"WrongPortal is 401": {in: inCloud, options: guess(guesses{WrongPortal: sdptest.PortalForbidden}), assert: func(s *site) {
			s.wantError(elsewhere(s), sdp.KindForbidden, 4002)
			s.wantEqual(s.tokens.refused, 0)
		}},
		"CloudTechnicians are refused": {in: inCloud, options: guess(guesses{CloudTechnicians: sdptest.AnswersUnauthorized}), assert: assertFallback},
		"CloudTechnicians are absent":  {in: inCloud, options: guess(guesses{CloudTechnicians: sdptest.AnswersNotFound}), assert: assertFallback},
		"CloudGroups are refused":      {in: inCloud, options: guess(guesses{CloudGroups: sdptest.AnswersUnauthorized}), assert: func(s *site) { s.wantError(groups(s), sdp.KindForbidden, 4002) }},
		"CloudGroups are absent":       {in: inCloud, options: guess(guesses{CloudGroups: sdptest.AnswersNotFound}), assert: func(s *site) { s.wantError(groups(s), sdp.KindNotFound, 4007) }},
		"Spelling plain":               {in: inCloud, options: guess(guesses{Spelling: sdptest.PlainSpelling}), assert: spelled},
		"Spelling with underscore":     {in: inCloud, options: guess(guesses{Spelling: sdptest.UnderscoreSpelling}), assert: spelled},
		"NoteListKey": {in: inCloud, options: guess(guesses{NoteListKey: "request_notes"}), assert: func(s *site) {
			page, err := s.client.Requests().Notes(s.request1()).List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(len(page.Items), 1)
		}},
		"PlainCommentLists": {in: inCloud, options: guess(guesses{PlainCommentLists: true}), assert: func(s *site) {
			page, err := s.client.Projects().Comments(s.fake.IDs("projects")[0]).List(s.t.Context(), sdp.ListOptions{})
			s.wantSuccess(err)
			s.wantEqual(page.Items[0].TextHTML, "<p>Keys are at the desk</p>")
		}},
		"NewProjectNames": {in: inCloud, options: guess(guesses{NewProjectNames: true}), assert: func(s *site) {
			projects, project, ctx := s.client.Projects(), s.fake.IDs("projects")[0], s.t.Context()
			for _, code := range []string{"A", "B"} {
				updated, err := projects.Update(ctx, project, sdp.Fields{"code": code, "type": sdp.ByName("Business")})
				s.wantSuccess(err)
				s.wantEqual([]string{updated.Code, updated.Type.Name}, []string{code, "Business"})
			}
			s.wantEqual(s.fake.Count(sdptest.To("PUT", "/projects/*")), 4)
			page, err := projects.List(ctx, sdp.ListOptions{Where: sdp.Where("type.name", sdp.Is, "Business"), Sort: "code", Fields: []string{"type"}})
			s.wantSuccess(err)
			s.wantEqual(page.Items[0].Type.Name, "Business")
			_, err = projects.Update(ctx, project, sdp.Fields{"type": sdp.ByName("no such type")})
			s.wantError(err, sdp.KindRejected, 4001, "type")
		}},
		"RequestedBy": {in: inCloud, options: guess(guesses{RequestedBy: true}), assert: func(s *site) {
			projects, project, ctx := s.client.Projects(), s.fake.IDs("projects")[0], s.t.Context()
			for range 2 {
				updated, err := projects.Update(ctx, project, sdp.Fields{"requester": sdp.ByEmail("ana@example.org"), "code": "A"})
				s.wantSuccess(err)
				s.wantEqual([]string{updated.Requester.Name, updated.Code}, []string{"Ana Lopez", "A"})
			}
			s.wantEqual(s.fake.Count(sdptest.To("PUT", "/projects/*")), 3)
			page, err := projects.List(ctx, sdp.ListOptions{Where: sdp.Where("requester.email_id", sdp.Is, "ana@example.org")})
			s.wantSuccess(err)
			s.wantEqual(len(page.Items), 1)
		}},
		"SolutionTrash by PUT":    {options: guess(guesses{SolutionTrash: sdptest.PutAlone}), assert: trashed},
		"SolutionTrash by DELETE": {options: guess(guesses{SolutionTrash: sdptest.DeleteAlone}), assert: trashed},
		"DeleteInput in the query": {options: guess(guesses{DeleteInput: sdptest.QueryAlone}), assert: func(s *site) {
			unlinked(s)
			s.wantEqual(s.fake.Count(sdptest.To("DELETE", "/requests/*/link_requests")), inEdition(s, 2, 3))
		}},
		"DeleteInput in the form": {options: guess(guesses{DeleteInput: sdptest.FormAlone}), assert: func(s *site) {
			unlinked(s)
			s.wantEqual(s.fake.Count(sdptest.To("DELETE", "/requests/*/link_requests")), inEdition(s, 3, 2))
		}},
		"DeleteInput in the form, and the other code": {options: guess(guesses{DeleteInput: sdptest.FormAlone, MissingInputCode: 4000}), assert: unlinked},
		"BareAssociations":                            {options: guess(guesses{BareAssociations: true}), assert: unlinked},
		"RowCountCapped": {options: guess(guesses{RowCountCapped: true}), assert: func(s *site) {
			s.wantEqual(len(s.listed(sdp.ListOptions{Rows: sdp.MaxRows})), 10)
		}},
		"StartIndexZero": {options: guess(guesses{StartIndexZero: sdptest.ZeroRefused}), assert: func(s *site) {
			s.wantEqual(len(s.listed(sdp.ListOptions{Rows: 3, Start: 0})), 3)
		}},
		"SortFieldsRefused": {options: guess(guesses{SortFieldsRefused: true}), assert: func(s *site) {
			s.wantEqual(s.listed(sdp.ListOptions{Rows: 1, Sort: "subject"}), []string{"Cannot open the budget workbook"})
		}},
		"CaseSensitiveNames": {options: guess(guesses{CaseSensitiveNames: true}), assert: func(s *site) {
			s.wantEqual(len(s.listed(sdp.ListOptions{Where: sdp.Where("status.name", sdp.Is, "open")})), 0)
			s.wantEqual(len(s.listed(sdp.ListOptions{Where: sdp.Where("status.name", sdp.Is, "Open")})), 5)
		}},
		"UnknownFieldsTaken": {options: guess(guesses{UnknownFieldsTaken: true}), assert: func(s *site) {
			s.wantEqual(len(s.listed(sdp.ListOptions{Fields: []string{"subject", "colour"}})), 10)
		}},
		"RawBracketsTaken": {options: guess(guesses{RawBracketsTaken: true}), assert: assertCriteria},
		"NullRefused": {options: guess(guesses{NullRefused: true}), assert: func(s *site) {
			s.wantError(s.update(sdp.Fields{"technician": nil}), sdp.KindRejected, 4021, "technician")
		}},
		"HoldWithoutComments": {options: guess(guesses{HoldWithoutComments: true}), assert: func(s *site) {
			s.wantSuccess(s.update(sdp.HoldFields(sdp.ByName("On Hold"), sdp.Time{}, sdp.Ref{}, "")))
		}},
		"StatusNeedsComment": {options: guess(guesses{StatusNeedsComment: true}), assert: func(s *site) {
			changes, change, ctx := s.client.Changes(), s.fake.IDs("changes")[0], s.t.Context()
			next := sdp.Fields{"stage": sdp.ByName("Planning"), "status": sdp.ByName("In Planning")}
			_, err := changes.Update(ctx, change, next)
			s.wantError(err, sdp.KindRejected, 4012, "comment")
			next["comment"] = "x"
			_, err = changes.Update(ctx, change, next)
			s.wantSuccess(err)
		}},
		"MissingInputCode": {options: guess(guesses{MissingInputCode: 4000}), assert: unlinked},
		"ReadOnlyCode": {options: guess(guesses{ReadOnlyCode: 4014}), assert: func(s *site) {
			s.wantError(s.update(sdp.Fields{"display_id": "7"}), sdp.KindRejected, 4014, "display_id")
		}},
		"ClosedCode":           {options: guess(guesses{ClosedCode: 4009}), assert: func(s *site) { s.wantError(editClosed(s), sdp.KindRejected, 4009, "priority") }},
		"ClosedCode by itself": {assert: func(s *site) { s.wantError(editClosed(s), sdp.KindForbidden, 4002, "priority") }},
		"BulkObject":           {options: guess(guesses{BulkObject: true}), assert: assertBulk},
		"BulkObject not":       {assert: assertBulk},
		"StageJumpCode": {options: guess(guesses{StageJumpCode: 4001}), assert: func(s *site) {
			_, err := s.client.Changes().Update(s.t.Context(), s.fake.IDs("changes")[0], sdp.Fields{"stage": sdp.ByName("Close"), "status": sdp.ByName("Close completed")})
			s.wantError(err, sdp.KindRejected, 4001, "stage")
		}},
		"RateLimitStatus": {options: sdptest.Options{Limits: sdptest.Limits{RequestsPerMinute: 1, RetryAfter: time.Minute}, Guesses: guesses{RateLimitStatus: 400}}, assert: func(s *site) {
			s.wantSuccess(listed(s))
			s.wantError(listed(s), sdp.KindThrottled, 4015)
		}},
		"CreatedStatus": {options: guess(guesses{CreatedStatus: 200}), assert: func(s *site) { s.wantSuccess(s.create(sdp.Fields{"subject": "x"})) }},
		"FailWithOK": {options: guess(guesses{FailWithOK: []int{4001, 4002, 4007, 4012, 4022}}), assert: func(s *site) {
			s.wantError(s.update(sdp.Fields{"colour": "red"}), sdp.KindRejected, 4001, "colour")
			s.wantError(editClosed(s), sdp.KindForbidden, 4002, "priority")
			_, err := s.client.Requests().Get(s.t.Context(), "999")
			s.wantError(err, sdp.KindNotFound, 4007)
			s.wantError(s.create(sdp.Fields{}), sdp.KindRejected, 4012, "subject")
			s.tokens.current = "unknown"
			s.wantError(listed(s), sdp.KindTokenRefused, 4022)
		}},
		"DurationValueOnly": {in: inCloud, options: guess(guesses{DurationValueOnly: true}), assert: func(s *site) {
			made, err := s.client.Requests().Worklogs(s.request1()).Create(s.t.Context(), sdp.WorklogInput{Owner: sdp.ByEmail("tech@example.org"), Spent: sdp.Effort(90 * time.Minute)}.Fields())
			s.wantSuccess(err)
			s.wantEqual(made.Spent, sdp.Effort(90*time.Minute))
		}},
		"SizeObject": {in: inCloud, options: guess(guesses{SizeObject: true}), assert: func(s *site) {
			made, err := s.client.Requests().Attachments(s.request1()).Upload(s.t.Context(), "a.txt", []byte("abc"))
			s.wantSuccess(err)
			s.wantEqual(made.Size, int64(3))
		}},
	}
	assertParagraphs(t, cases)
	// What the client never asks for can be neither way.
	assertEverySwitch(t, reflect.TypeFor[guesses](), cases, "ClientCredentials", "DeleteTypeTaken", "History")
}

// assertEverySwitch holds that each field of the fake's switches has a case, but those that are excused.
func assertEverySwitch(t *testing.T, of reflect.Type, cases map[string]paragraph, excused ...string) {
	t.Helper()
	covered := map[string]bool{}
	for _, name := range excused {
		covered[name] = true
	}
	for name := range cases {
		first, _, _ := strings.Cut(name, " ")
		if _, is := of.FieldByName(first); !is {
			t.Errorf("%s is no switch", first)
		}
		covered[first] = true
	}
	for field := range of.Fields() {
		if !covered[field.Name] {
			t.Errorf("no case for %s", field.Name)
		}
	}
}

// assertFailedRefreshesCount holds that a failed refresh is counted as spent here, since it may be there.
func assertFailedRefreshesCount(s *site) {
	refreshToken, wrong := redact.NewSecret(s.fake.RefreshToken()), s.oauthClient()
	wrong.Secret = redact.NewSecret("another-secret")
	for range 10 {
		_, err := oauth.Refresh(s.t.Context(), s.sender, s.accounts(), wrong, refreshToken)
		s.wantOutcome(err, oauth.InvalidClientSecret)
	}
	s.wantEqual(oauth.InvalidClientSecret.MayHaveSpent(), true)
	_, err := s.refresh(refreshToken.Reveal())
	s.wantOutcome(err, oauth.AccessDenied)
}

// assertFallback holds that technicians are found among all users.
func assertFallback(s *site) {
	page, err := s.client.ListTechnicians(s.t.Context(), sdp.ListOptions{Where: sdp.Where("name", sdp.Contains, "Tech")})
	s.wantSuccess(err)
	s.wantEqual([]any{len(page.Items), page.Items[0].Name}, []any{1, "Tom Tech"})
}

// assertBulk holds that what was done in part is neither done nor refused.
func assertBulk(s *site) {
	ctx := s.t.Context()
	levels := s.client.Requests().ApprovalLevels(s.request1())
	level, err := levels.Create(ctx, sdp.Fields{"approvals": []sdp.Fields{{"approver": sdp.ByEmail("mia@example.org")}, {"approver": sdp.ByEmail("ben@example.org")}}})
	s.wantSuccess(err)
	approvals := levels.Approvals(level.ID)
	page, err := approvals.List(ctx, sdp.ListOptions{})
	s.wantSuccess(err)
	s.wantError(approvals.SendNotification(ctx, page.Items[0].ID, "999"), sdp.KindIndeterminate, 4001, "ids")
	s.wantError(approvals.SendNotification(ctx, "998", "999"), sdp.KindRejected, 4001, "ids", "ids")
	s.wantSuccess(approvals.SendNotification(ctx, page.Items[0].ID, page.Items[1].ID))
}

// TestContract_Sites runs each difference between two installations of one product.
func TestContract_Sites(t *testing.T) {
	t.Parallel()
	differing := func(of sdptest.Site) sdptest.Options { return sdptest.Options{Site: of} }
	cases := map[string]paragraph{
		"IgnoreCriteria": {options: differing(sdptest.Site{IgnoreCriteria: true}), assert: func(s *site) {
			_, err := s.client.Requests().FindByDisplayID(s.t.Context(), "1", sdp.Criteria{})
			s.wantError(err, sdp.KindNotFound, 0) // rather than another one
		}},
		"IgnoreFilterBy": {options: differing(sdptest.Site{IgnoreFilterBy: true}), assert: func(s *site) {
			s.wantEqual(len(s.listed(sdp.ListOptions{View: "Overdue_Requests"})), 10)
		}},
		"MyViewsReturnClosed": {options: differing(sdptest.Site{MyViewsReturnClosed: true}), assert: func(s *site) {
			s.wantSuccess(s.update(sdp.Fields{"technician": sdp.ByEmail("api@example.org")}))
			s.wantSuccess(s.client.Requests().Close(s.t.Context(), s.request1(), sdp.Closure{}))
			page, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{View: "My_Open_Requests"})
			s.wantSuccess(err)
			terminal, known := page.Items[0].Status.IsTerminal() // which is what a caller filters by
			s.wantEqual([]bool{terminal, known}, []bool{true, true})
		}},
		"MixedDateCriteriaRefused": {in: onPremises, options: differing(sdptest.Site{MixedDateCriteriaRefused: true}), assert: func(s *site) {
			since := sdp.Where("created_time", sdp.GreaterThan, morning)
			s.listed(sdp.ListOptions{Where: since})
			_, err := s.client.Requests().List(s.t.Context(), sdp.ListOptions{Where: sdp.All(since, sdp.Where("subject", sdp.Contains, "x"))})
			s.wantError(err, sdp.KindRejected, 4001, "search_criteria")
		}},
		"CancelNeedsComments": {options: differing(sdptest.Site{CancelNeedsComments: true}), assert: func(s *site) {
			cancelled := sdp.Fields{"status": sdp.ByName("Cancelled")}
			s.wantError(s.update(cancelled), sdp.KindRejected, 4012, "status_change_comments")
			cancelled["status_change_comments"] = "x"
			s.wantSuccess(s.update(cancelled))
		}},
		"WorklogExtrasAccepted": {options: differing(sdptest.Site{WorklogExtrasAccepted: true}), assert: func(s *site) {
			_, err := s.client.Requests().Worklogs(s.request1()).Create(s.t.Context(), sdp.Fields{"owner": sdp.ByEmail("tech@example.org"), "is_billable": true})
			s.wantSuccess(err)
		}},
		"PublicNotesAreMailed": {options: differing(sdptest.Site{PublicNotesAreMailed: true}), assert: func(s *site) {
			requests, id, ctx := s.client.Requests(), s.request1(), s.t.Context()
			_, err := requests.Notes(id).Create(ctx, sdp.NoteInput{TextHTML: "<p>x</p>", ShowToRequester: true}.Fields())
			s.wantSuccess(err)
			mails, err := requests.Conversations(id).List(ctx, sdp.ListOptions{})
			s.wantSuccess(err)
			text, err := requests.ConversationText(ctx, id, mails.Items[0])
			s.wantSuccess(err)
			s.wantEqual(text, "<p>x</p>")
		}},
	}
	assertParagraphs(t, cases)
	assertEverySwitch(t, reflect.TypeFor[sdptest.Site](), cases,
		// These are cases of the traps and tables.
		"MandatoryFields", "SubcategoryWithCategory", "ItemWithSubcategory", "PriorityLocked", "AssignNeedsCategory", "CloseNeedsResolution",
		"CloseNeedsAcknowledgement", "CloseNeedsClosedTasks", "CloseNeedsWorklog", "NoClosureCodes", "Absent", "Unlicensed", "UnlicensedCode", "CDATA",
		"WorklogsMisparsedInQuery")
}

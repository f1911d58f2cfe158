// Package sdptest is a fake ServiceDesk Plus: an accounts server (OAuth) and an API server, in the cloud
// and the on-premises edition. No real one can be had here, so this one decides whether a client is right.
//
// It knows nothing of the client it tests and shares no type with it; both follow the same reference
// of the public API, each on its own. Its invariant: what a caller can see of it over HTTP is what the
// reference says, and where the reference is not sure, an option has it either way.
//
// Start serves one for a test, New makes one for a program:
//
//	desk := sdptest.Start(t, sdptest.Options{Edition: sdptest.OnPremises})
//	desk.Fail(sdptest.Throttled(429).To("GET", "/requests").Times(2))
//	calls, err := desk.WaitForCalls(ctx, 3, sdptest.To("GET", "/requests"))
//
// The zero Options are the cloud edition with a small helpdesk. Options.Limits bounds tokens and calls, on
// the clock of Options.Now; Options.Site is what administrators and builds make different; and
// Options.Guesses is what the reference marks as inferred, open or disputed. Server.Change alters all of
// them while calls run. Records are added and changed behind the API's back by Add, AddTo, Set and Remove.
//
// # What is guessed
//
// With a switch in Guesses, whose zero value is the guess:
//
//   - accounts: Access Denied is HTTP 400; failed refreshes do not count; the window of ten minutes begins
//     with its first refresh; client_credentials are refused; an unknown token is revoked with 400 and invalid_token
//   - tokens: an expired one answers 401 with 4022, a missing scope 401 with 4002; people need users.READ
//   - paths: a wrong portal is a login page; /technicians and /groups exist in the cloud; pickup, restore and
//     upload are taken with and without underscore; there is no history; delete_type is an unknown parameter
//   - roots: the cloud lists notes as notes, comments by what they are on; projects have project_code,
//     project_type and requester
//   - lists: more than 100 rows are refused; start_index 0 is 1; sort_fields work; names are compared in any
//     case; an unknown name in fields_required is refused; unencoded brackets are the container's 400
//   - writes: null clears; On Hold wants onhold_scheduler.comments; a change outside its workflow is 4014; no
//     input is 4012; a read-only field is 4009; an edit of a closed request is 4002; a create answers 201
//   - actions: an article goes to the trash by PUT and by DELETE; the input of a DELETE is read in query and form; changes are
//     associated in an envelope of their path with _association; a bulk operation answers an array of statuses
//   - values: time_spent has hours and minutes beside its value; sizes of attachments are strings in the cloud
//
// Without a switch, because nothing but the fake says so yet:
//
//   - EXTRA_PARAM_FOUND and "Extra parameter(s) not allowed" have code 4001, and so have unknown views, conditions,
//     fields of criteria and of sorts; a reference compared with a bare string is 4021
//   - requests, problems and solutions are listed newest first, everything else in the order it was made
//   - list rows leave out HTML, except notes and comments; id is always there
//   - search_fields asks for containment, in flags for equality
//   - closing rules other than the resolution name requester_ack_resolution, tasks or worklogs in their warning
//   - a closed or cancelled request takes status, resolution, closure_info, udf_fields and reasons, nothing else
//   - a record in the trash can be read, but neither edited nor reached into
//   - a new category clears a subcategory and an item that it does not have
//   - a template fills in what a new request does not name; null names it
//   - the layout of a template: layouts[].sections[].fields[]{name, mandatory}
//   - keys of conversations besides id and content_url, of summaries, histories and absences
//   - stages of changes have two statuses each, "In <stage>" and "<stage> completed"
//   - fifteen unknown API keys in a minute answer 429 with 4015, where Limits says so
//   - of a bulk operation, that HTTP says failure when every id failed; only the notification of approvers is one
//
// There is no CMDB: the contract does not ask for it, and no source of its paths was ever run.
//
// The package has no state of its own, does nothing when a program starts, and needs the standard library
// without testing, so that a program may serve it: internal/testenv/fakesdp. A test in another process uses
// Server.ControlHandler.
package sdptest

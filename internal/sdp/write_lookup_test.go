package sdp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

const mark = "[k3f9q2]"

// markedWrite is a write that bears the mark, and its lookup.
type markedWrite struct {
	pattern string // of its path
	write   func(context.Context, *site) error
	lookUp  func(*site, *sdp.Attempt) (sdp.WriteLookup, error)
	// newest returns the id of what was made last.
	newest func(*site) string
}

// lookedUp is a write that makes a record, by the collection it is made in.
func lookedUp[T any](pattern, table string, fields sdp.Fields, in func(*site) sdp.Editor[T]) markedWrite {
	return markedWrite{
		pattern: pattern,
		write:   func(ctx context.Context, s *site) error { _, err := in(s).Create(ctx, fields); return err },
		lookUp: func(s *site, attempt *sdp.Attempt) (sdp.WriteLookup, error) {
			return in(s).FindCreated(s.t.Context(), attempt, mark)
		},
		newest: func(s *site) string { ids := s.fake.IDs(table); return ids[len(ids)-1] },
	}
}

func markedWrites() map[string]markedWrite {
	text := "<p>Rang &amp; asked — Ana through Lectern " + mark + "</p>"
	project := func(s *site) string { return s.fake.IDs("projects")[0] }
	return map[string]markedWrite{
		"a request":           lookedUp("/requests", "requests", sdp.Fields{"subject": "Laptop will not dock", "description": text}, func(s *site) sdp.Editor[sdp.Request] { return s.client.Requests().Editor }),
		"a note of a request": lookedUp("/requests/*/notes", "notes", sdp.NoteInput{TextHTML: text}.Fields(), func(s *site) sdp.Editor[sdp.Note] { return s.client.Requests().Notes(s.request1()).Editor }),
		"a note of a problem": lookedUp("/problems/*/notes", "problem_notes", sdp.Fields{"description": text}, func(s *site) sdp.Editor[sdp.Note] {
			return s.client.Problems().Notes(s.fake.IDs("problems")[0]).Editor
		}),
		"a worklog": lookedUp("/requests/*/worklogs", "worklogs", sdp.WorklogInput{Owner: sdp.ByEmail("tech@example.org"), DescriptionHTML: text}.Fields(), func(s *site) sdp.Editor[sdp.Worklog] { return s.client.Requests().Worklogs(s.request1()).Editor }),
		"a task":    lookedUp("/projects/*/tasks", "tasks", sdp.Fields{"title": "x", "description": text}, func(s *site) sdp.Editor[sdp.Task] { return s.client.Projects().Tasks(project(s)).Editor }),
		"a comment": lookedUp("/projects/*/comments", "comments", sdp.CommentFields(text, sdp.Ref{}), func(s *site) sdp.Editor[sdp.Comment] { return s.client.Projects().Comments(project(s)).Editor }),
		"a milestone": lookedUp("/projects/*/milestones", "milestones", sdp.Fields{"title": "x", "description": text}, func(s *site) sdp.Editor[sdp.Milestone] {
			return s.client.Projects().Milestones(project(s)).Editor
		}),
		"a change":  lookedUp("/changes", "changes", sdp.Fields{"title": "x", "description": text}, func(s *site) sdp.Editor[sdp.Change] { return s.client.Changes().Editor }),
		"a problem": lookedUp("/problems", "problems", sdp.Fields{"title": "x", "description": text}, func(s *site) sdp.Editor[sdp.Problem] { return s.client.Problems().Editor }),
		"a project": lookedUp("/projects", "projects", sdp.Fields{"title": "x", "description": text}, func(s *site) sdp.Editor[sdp.Project] { return s.client.Projects().Editor }),
	}
}

// wantIndeterminate returns the attempt of a write whose outcome is unknown.
func (s *site) wantIndeterminate(err error) *sdp.Attempt {
	s.t.Helper()
	failed, is := errors.AsType[*sdp.Error](err)
	if !is || failed.Kind != sdp.KindIndeterminate || failed.Attempt == nil || failed.IsRetrySafe() {
		s.t.Fatalf("%v: %+v", err, failed)
	}
	return failed.Attempt
}

// wantLookup looks a write up, and compares the outcome.
func (s *site) wantLookup(w markedWrite, attempt *sdp.Attempt, want sdp.WriteLookup) {
	s.t.Helper()
	got, err := w.lookUp(s, attempt)
	s.wantSuccess(err)
	s.wantEqual(got, want)
}

// later is an attempt as it is when SDP has had its time.
func later(attempt *sdp.Attempt) *sdp.Attempt {
	old := *attempt
	old.SentAt, old.EndedAt = old.SentAt.Add(-sdp.LateWrite), old.EndedAt.Add(-sdp.LateWrite)
	return &old
}

// TestFindCreated holds that a write without an answer is sent once, looked up, and found to be done, not done, or indeterminate.
func TestFindCreated(t *testing.T) {
	t.Parallel()
	for name, w := range markedWrites() {
		assertParagraphs(t, map[string]paragraph{
			"the connection is dropped after " + name: {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
				s.fake.Fail(sdptest.DropAfterWrite().To(http.MethodPost, w.pattern))
				attempt := s.wantIndeterminate(w.write(s.t.Context(), s))
				s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: w.newest(s)})
				s.wantCalls(1, http.MethodPost, w.pattern)
			}},
			"and before " + name: {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
				s.fake.Fail(sdptest.DropBeforeWrite().To(http.MethodPost, w.pattern))
				attempt := s.wantIndeterminate(w.write(s.t.Context(), s))
				s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteIndeterminate})
				s.wantLookup(w, later(attempt), sdp.WriteLookup{Outcome: sdp.WriteNotDone})
				s.wantCalls(1, http.MethodPost, w.pattern)
			}},
			"a gateway gives up after " + name: {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
				s.fake.Fail(sdptest.ServerError(504).AfterWrite().To(http.MethodPost, w.pattern))
				attempt := s.wantIndeterminate(w.write(s.t.Context(), s))
				s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: w.newest(s)})
				s.wantCalls(1, http.MethodPost, w.pattern)
			}},
			"the caller gives up, and SDP is slow with " + name: {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
				carryOut := make(chan struct{})
				s.fake.Fail(sdptest.Held(carryOut).To(http.MethodPost, w.pattern))
				ctx, giveUp := context.WithCancel(s.t.Context())
				written := make(chan error, 1)
				go func() { written <- w.write(ctx, s) }()
				_, err := s.fake.WaitForCalls(s.t.Context(), 1, sdptest.To(http.MethodPost, w.pattern))
				s.wantSuccess(err)
				giveUp()
				attempt := s.wantIndeterminate(<-written)
				s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteIndeterminate})
				close(carryOut)
				require.Until(s.t, "SDP has carried it out", func() bool { return s.fake.Calls(sdptest.To(http.MethodPost, w.pattern))[0].Done })
				s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: w.newest(s)})
				s.wantCalls(1, http.MethodPost, w.pattern)
			}},
		})
	}
}

// TestFindCreated_Doubts holds when a lookup does not know.
func TestFindCreated_Doubts(t *testing.T) {
	t.Parallel()
	request, note := markedWrites()["a request"], markedWrites()["a note of a request"]
	dropped := func(s *site, w markedWrite, fault sdptest.Fault) *sdp.Attempt {
		s.t.Helper()
		s.fake.Fail(fault.To(http.MethodPost, w.pattern))
		return s.wantIndeterminate(w.write(s.t.Context(), s))
	}
	unknown := sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}
	assertParagraphs(t, map[string]paragraph{
		"SDP is away": {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
			attempt := dropped(s, request, sdptest.DropAfterWrite())
			s.fake.Fail(sdptest.ServerError(503).Times(-1))
			got, err := request.lookUp(s, later(attempt))
			s.wantError(err, sdp.KindUnavailable, 0)
			s.wantEqual(got, unknown)
		}},
		"more was made since than a lookup reads": {options: sdptest.Options{Now: time.Now, Empty: true}, assert: func(s *site) {
			attempt := dropped(s, request, sdptest.DropBeforeWrite())
			for i := range 301 {
				s.fake.Add("requests", sdptest.Record{"subject": fmt.Sprint(i)})
			}
			s.fake.ForgetCalls()
			s.wantLookup(request, later(attempt), unknown)
			s.wantCalls(3, http.MethodGet, "/requests")
		}},
		"SDP ignores criteria": {options: sdptest.Options{Now: time.Now, Site: sdptest.Site{IgnoreCriteria: true}}, assert: func(s *site) {
			attempt := dropped(s, request, sdptest.DropAfterWrite())
			s.wantLookup(request, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: request.newest(s)})
		}},
		"SDP's clock is behind by a quarter of an hour": {
			options: sdptest.Options{Now: func() time.Time { return time.Now().Add(-15 * time.Minute) }}, assert: func(s *site) {
				for _, w := range []markedWrite{request, note} {
					attempt := dropped(s, w, sdptest.DropAfterWrite())
					s.wantLookup(w, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: w.newest(s)})
				}
			},
		},
		"notes without text are fetched, five of them": {in: onPremises, options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
			attempt := dropped(s, note, sdptest.DropAfterWrite())
			made := note.newest(s)
			for range 4 {
				s.fake.AddTo("requests", s.request1(), "notes", sdptest.Record{"description": "x", "created_time": time.Now().Add(time.Second)})
			}
			s.fake.ForgetCalls()
			s.wantLookup(note, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: made})
			s.wantCalls(5, http.MethodGet, "/requests/*/notes/*")
			s.fake.AddTo("requests", s.request1(), "notes", sdptest.Record{"description": "x", "created_time": time.Now().Add(time.Second)})
			s.wantLookup(note, later(attempt), unknown)
		}},
		"a mark that may be in any text": {assert: func(s *site) {
			_, err := s.client.Requests().FindCreated(s.t.Context(), &sdp.Attempt{}, "[x]")
			s.wantError(err, sdp.KindInvalidInput, 0)
			_, err = s.client.Assets().FindCreated(s.t.Context(), &sdp.Attempt{}, mark)
			s.wantError(err, sdp.KindInvalidInput, 0)
		}},
	})
}

// TestFindUpdated holds the same of a change: whether the record is as it was to be.
func TestFindUpdated(t *testing.T) {
	t.Parallel()
	for name, w := range map[string]struct {
		pattern string
		write   func(*site) error
		isDone  func(sdp.Request) bool
	}{
		"an update": {"/requests/*", func(s *site) error { return s.update(sdp.Fields{"priority": sdp.ByName("High")}) }, func(r sdp.Request) bool { return r.Priority.Name == "High" }},
		"closing": {"/requests/*/*", func(s *site) error {
			return s.client.Requests().Close(s.t.Context(), s.request1(), sdp.Closure{})
		}, func(r sdp.Request) bool { terminal, _ := r.Status.IsTerminal(); return terminal }},
		"assigning": {"/requests/*/*", func(s *site) error {
			return s.client.Requests().Assign(s.t.Context(), s.request1(), sdp.ByName("Network"), sdp.ByEmail("nina@example.org"))
		}, func(r sdp.Request) bool { return r.Technician.Email == "nina@example.org" }},
	} {
		lookUp := func(s *site, attempt *sdp.Attempt) (sdp.WriteLookup, error) {
			return s.client.Requests().FindUpdated(s.t.Context(), attempt, s.request1(), w.isDone)
		}
		assertParagraphs(t, map[string]paragraph{
			name: {options: sdptest.Options{Now: time.Now}, assert: func(s *site) {
				changed := markedWrite{lookUp: lookUp}
				s.fake.Fail(sdptest.DropBeforeWrite().Writes())
				attempt := s.wantIndeterminate(w.write(s))
				s.wantLookup(changed, attempt, sdp.WriteLookup{Outcome: sdp.WriteIndeterminate})
				s.wantLookup(changed, later(attempt), sdp.WriteLookup{Outcome: sdp.WriteNotDone})
				s.wantCalls(1, http.MethodPut, w.pattern)
				s.fake.Fail(sdptest.DropAfterWrite().Writes())
				attempt = s.wantIndeterminate(w.write(s))
				s.wantLookup(changed, attempt, sdp.WriteLookup{Outcome: sdp.WriteDone, ID: s.request1()})
				s.wantCalls(1, http.MethodPut, w.pattern)
			}},
		})
	}
}

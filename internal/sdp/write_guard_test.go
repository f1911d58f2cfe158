package sdp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// tracedSite is a site, and the trace of what was written last.
type tracedSite struct {
	*site
	trace sdp.WriteTrace
}

func (s *tracedSite) guarded(deadline time.Time) context.Context {
	return sdp.WithWriteGuard(s.t.Context(), &sdp.WriteGuard{Deadline: deadline, Mark: mark, BeforeSend: func(_ context.Context, trace sdp.WriteTrace) error {
		encoded, err := json.Marshal(trace) // as it is stored
		if err != nil {
			return err
		}
		s.trace = sdp.WriteTrace{}
		return json.Unmarshal(encoded, &s.trace)
	}})
}

// TestFindWrite: a write is found by its trace alone once it was done, and not done before that.
func TestFindWrite(t *testing.T) {
	text := "<p>Rang " + mark + "</p>"
	writes := map[string]func(context.Context, *site) error{
		"a field": func(ctx context.Context, s *site) error {
			_, err := s.client.Requests().Update(ctx, s.request1(), sdp.Fields{"subject": "Another subject", "priority": sdp.ByName("Low")})
			return err
		},
		"a text": func(ctx context.Context, s *site) error {
			_, err := s.client.Requests().Update(ctx, s.request1(), sdp.Fields{"description": text})
			return err
		},
		"a resolution": func(ctx context.Context, s *site) error {
			_, err := s.client.Requests().AddResolution(ctx, s.request1(), text, false)
			return err
		},
		"a group": func(ctx context.Context, s *site) error {
			ids := s.fake.IDs("requests")
			unassigned := slices.IndexFunc(ids, func(id string) bool {
				return s.fake.Record("requests", id)["technician"] == nil && s.fake.Record("requests", id)["group"] == nil
			})
			return s.client.Requests().Assign(ctx, ids[unassigned], sdp.ByID(s.fake.IDs("groups")[1]), sdp.Ref{})
		},
		"a link": func(ctx context.Context, s *site) error {
			return s.client.Requests().Link(ctx, s.request1(), []string{s.fake.IDs("requests")[2]}, "same")
		},
		"the trash": func(ctx context.Context, s *site) error { return s.client.Requests().Trash(ctx, s.request1()) },
		"a member": func(ctx context.Context, s *site) error {
			_, err := s.client.Projects().Members(s.fake.IDs("projects")[0]).Create(ctx, sdp.MemberFields(sdp.ByID(s.fake.IDs("users")[3]), sdp.Ref{}))
			return err
		},
	}
	for name, w := range markedWrites() {
		writes[name] = w.write
	}
	for name, write := range writes {
		for where, edition := range map[string]sdptest.Edition{"in the cloud": sdptest.Cloud, "on premises": sdptest.OnPremises} {
			t.Run(name+" "+where, func(t *testing.T) {
				t.Parallel()
				s := &tracedSite{site: startSite(t, sdptest.Options{Edition: edition, Now: time.Now})}
				late := &sdp.Attempt{SentAt: time.Now().Add(-2 * time.Minute), EndedAt: time.Now().Add(-2 * time.Minute)}
				refused := errors.New("not now")
				if err := write(sdp.WithWriteGuard(t.Context(), &sdp.WriteGuard{Mark: mark, BeforeSend: func(_ context.Context, trace sdp.WriteTrace) error {
					s.trace = trace
					return refused
				}}), s.site); !errors.Is(err, refused) || sdp.KindOf(err) != sdp.KindCanceled {
					t.Fatalf("what the guard stops: %v", err)
				}
				before, err := s.client.FindWrite(t.Context(), late, s.trace, mark)
				require.NoError(t, err)
				if before.Outcome != sdp.WriteNotDone {
					t.Errorf("before it was done: %+v by %+v", before, s.trace)
				}
				require.NoError(t, write(s.guarded(time.Time{}), s.site))
				after, err := s.client.FindWrite(t.Context(), late, s.trace, mark)
				require.NoError(t, err)
				if after.Outcome != sdp.WriteDone {
					t.Errorf("once it was done: %+v by %+v", after, s.trace)
				}
			})
		}
	}
}

// TestFindWrite_ChangedAgain: of a change that somebody else changed again nobody says that it was not done.
func TestFindWrite_ChangedAgain(t *testing.T) {
	t.Parallel()
	s := &tracedSite{site: startSite(t, sdptest.Options{Now: time.Now})}
	requests, late := s.client.Requests(), &sdp.Attempt{SentAt: time.Now().Add(-2 * time.Minute), EndedAt: time.Now().Add(-2 * time.Minute)}
	for _, carriedOut := range []bool{true, false} {
		before, err := requests.Get(t.Context(), s.request1())
		require.NoError(t, err)
		if !carriedOut {
			s.fake.Fail(sdptest.DropBeforeWrite().Writes())
		}
		ctx := sdp.WithWriteGuard(t.Context(), &sdp.WriteGuard{Mark: mark, Seen: &before.LastUpdatedTime, BeforeSend: func(_ context.Context, trace sdp.WriteTrace) error {
			s.trace = trace
			return nil
		}})
		if _, err = requests.Update(ctx, s.request1(), sdp.Fields{"priority": sdp.ByName("Low")}); (err == nil) != carriedOut {
			t.Fatalf("carried out %t: %v", carriedOut, err)
		}
		found, err := s.client.FindWrite(t.Context(), late, s.trace, mark)
		require.NoError(t, err)
		if want := map[bool]sdp.WriteOutcome{true: sdp.WriteDone, false: sdp.WriteNotDone}[carriedOut]; found.Outcome != want {
			t.Errorf("carried out %t: %+v, want %s", carriedOut, found, want)
		}
		<-time.After(2 * time.Millisecond) // times of SDP are to the millisecond
		s.fake.Set("requests", s.request1(), sdptest.Record{"priority": "High"})
		found, err = s.client.FindWrite(t.Context(), late, s.trace, mark)
		require.NoError(t, err)
		if found.Outcome != sdp.WriteIndeterminate {
			t.Errorf("carried out %t, and changed by somebody else: %+v", carriedOut, found)
		}
	}
}

// TestWriteGuard_Deadline: a write is not sent after its deadline, though a connection took longer than that to be there.
func TestWriteGuard_Deadline(t *testing.T) {
	t.Parallel()
	s := startSite(t, sdptest.Options{Now: time.Now})
	deadline := time.Now().Add(300 * time.Millisecond)
	newSlowClient := func() *sdp.Client {
		return s.newClient(func(c *sdp.Config) {
			c.HTTP = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				<-time.After(time.Until(deadline)) // as a process that is stopped
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}}}
		})
	}
	slow := newSlowClient()
	before := len(s.fake.IDs("notes"))
	_, err := slow.Requests().Notes(s.request1()).Create(sdp.WithWriteGuard(t.Context(), &sdp.WriteGuard{Deadline: deadline, Mark: mark}), sdp.NoteInput{TextHTML: "x " + mark}.Fields())
	if sdp.KindOf(err) != sdp.KindCanceled {
		t.Errorf("after its deadline: %v", err)
	}
	if made := len(s.fake.IDs("notes")) - before; made != 0 {
		t.Errorf("%d notes are made", made)
	}
	deadline = time.Now().Add(300 * time.Millisecond)
	trash := newSlowClient().Requests().Trash // it has no body
	if err := trash(sdp.WithWriteGuard(t.Context(), &sdp.WriteGuard{Deadline: deadline}), s.request1()); sdp.KindOf(err) != sdp.KindCanceled {
		t.Errorf("the trash, after its deadline: %v", err)
	}
	if sent := s.fake.Count(func(c sdptest.Call) bool { return c.Method == http.MethodDelete }); sent != 0 {
		t.Errorf("%d calls without a body are made after their deadline", sent)
	}
	inTime := sdp.WithWriteGuard(t.Context(), &sdp.WriteGuard{Deadline: time.Now().Add(time.Minute)})
	if _, err := slow.Requests().Notes(s.request1()).Create(inTime, sdp.NoteInput{TextHTML: "x"}.Fields()); err != nil {
		t.Errorf("before its deadline: %v", err)
	}
	if err := trash(inTime, s.request1()); err != nil {
		t.Errorf("the trash, before its deadline: %v", err)
	}
}

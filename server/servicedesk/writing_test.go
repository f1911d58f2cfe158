package servicedesk_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// writeLists are the lists that tools which write look names up in.
var writeLists = []sdp.LookupType{
	sdp.Statuses, sdp.Priorities, sdp.Groups, sdp.Categories, sdp.Subcategories, sdp.Items, sdp.Urgencies, sdp.Impacts, sdp.Sites, sdp.Modes, sdp.Levels,
	sdp.RequestTypes, sdp.RequestTemplates, sdp.ClosureCodes,
}

// writingDesk is a connection that may be written to, and the fake that it is to.
type writingDesk struct {
	*testing.T
	*replica
	h    *house
	fake *sdptest.Server
	key  store.Key
	// names are what ids of the fake's lists are of.
	names map[string]string
}

// writeTo has a test write to both editions, each through a connection of its own.
func writeTo(t *testing.T, o sdptest.Options, change func(*store.ConnectionSettings), test func(w *writingDesk)) {
	t.Helper()
	h := newHouse(t)
	desks := map[string]*writingDesk{}
	for name, edition := range editions {
		o.Edition = edition
		w := &writingDesk{h: h, fake: startFake(t, o), key: store.Key{Namespace: "support", Name: strings.ReplaceAll(name, " ", "-")}, names: map[string]string{}}
		h.connectToWrite(w.key, w.fake, change)
		for _, list := range writeLists {
			for _, id := range w.fake.IDs(string(list)) {
				w.names[id] = fmt.Sprint(w.fake.Record(string(list), id)["name"])
			}
		}
		desks[name] = w
	}
	r := h.serve()
	for name, w := range desks {
		t.Run(name, func(t *testing.T) {
			w.T, w.replica = t, r
			w.fake.ForgetCalls()
			test(w)
		})
	}
}

// connectToWrite stores a connection through which tools write, with every list that they look into.
func (h *house) connectToWrite(key store.Key, fake *sdptest.Server, change func(*store.ConnectionSettings)) {
	h.Helper()
	h.storeConnection(key, fake, func(s *store.ConnectionSettings) {
		s.Access.Mode, s.Access.Confirm, s.Access.WritesPerHour = "ReadWrite", "Never", 10000
		if change != nil {
			change(s)
		}
	})
	h.giveToken(key, fake)
	for _, list := range writeLists {
		h.storeLookup(key, fake, list)
	}
}

// idOf returns the id of the ticket with a subject, numberOf the number that people know it by.
func (w *writingDesk) idOf(subject string) string {
	w.Helper()
	for _, id := range w.fake.IDs("requests") {
		if w.fake.Record("requests", id)["subject"] == subject {
			return id
		}
	}
	w.Fatalf("no ticket %q", subject)
	return ""
}

func (w *writingDesk) numberOf(subject string) string {
	w.Helper()
	return fmt.Sprint(w.fake.Record("requests", w.idOf(subject))["display_id"])
}

// nameIn returns the name that a ticket of the fake has in a reference.
func (w *writingDesk) nameIn(subject, field string) string {
	w.Helper()
	named, _ := w.fake.Record("requests", w.idOf(subject))[field].(sdptest.Record)
	if named == nil {
		return ""
	}
	return fmt.Sprint(named["name"])
}

func (w *writingDesk) with(arguments map[string]any) map[string]any {
	given := map[string]any{"connection": w.key.String()}
	maps.Copy(given, arguments)
	return given
}

// write calls a tool that has to answer.
func write[T any](w *writingDesk, name string, arguments map[string]any) (text string, values T) {
	w.Helper()
	got := w.call(name, w.with(arguments))
	if got.IsError {
		w.Fatalf("%s of %v: %s", name, arguments, got.Text)
	}
	require.NoError(w.T, json.Unmarshal(got.Values, &values))
	return got.Text, values
}

// wantRefusal holds that a call is refused, in words that have some in them, and that nothing is written.
func (w *writingDesk) wantRefusal(name string, arguments map[string]any, kind, words string) {
	w.Helper()
	w.fake.ForgetCalls()
	got := w.call(name, w.with(arguments))
	if !got.IsError || got.Details.Kind != kind || !strings.Contains(got.Text, words) {
		w.Errorf("%s of %v: %s %q, want %s with %q", name, arguments, got.Details.Kind, got.Text, kind, words)
	}
	if written := w.fake.Calls(func(c sdptest.Call) bool { return c.Method != "GET" }); len(written) > 0 {
		w.Errorf("%s of %v: %d calls that write: %s %s", name, arguments, len(written), written[0].Method, written[0].Path)
	}
	w.fake.ForgetCalls()
}

var (
	anID   = regexp.MustCompile(`"id":"([0-9]+)"`)
	aMark  = regexp.MustCompile(`\[[a-z2-7]{6}\]`)
	digits = regexp.MustCompile(`/[0-9]+`)
)

// takeCalls returns the calls since the last look, and forgets them: method, path with * for ids and, of those that write, the input, in
// which ids of lists are names, those of tickets their subjects, and marks are [mark].
func (w *writingDesk) takeCalls() []string {
	w.Helper()
	var calls []string
	for _, c := range w.fake.Calls(sdptest.ToAPI) {
		_, path, _ := strings.Cut(c.Path, "/api/v3")
		line := c.Method + " " + digits.ReplaceAllString(path, "/*")
		if c.Method != "GET" && c.Input != nil {
			line += " " + w.readable(c.Input)
		}
		calls = append(calls, line)
	}
	w.fake.ForgetCalls()
	return calls
}

func (w *writingDesk) readable(input any) string {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	require.NoError(w.T, encoder.Encode(input))
	text := anID.ReplaceAllStringFunc(strings.TrimSpace(b.String()), func(found string) string {
		id := anID.FindStringSubmatch(found)[1]
		if name, known := w.names[id]; known {
			return fmt.Sprintf("%q:%q", "id", name)
		}
		if slices.Contains(w.fake.IDs("requests"), id) {
			return fmt.Sprintf("%q:%q", "id", w.fake.Record("requests", id)["subject"])
		}
		return found
	})
	return aMark.ReplaceAllString(text, "[mark]")
}

// wantCalls holds what was called since the last look, call by call. A line may end with …, for any input.
func (w *writingDesk) wantCalls(want ...string) {
	w.Helper()
	got := w.takeCalls()
	for i, line := range want {
		if begin, isBegin := strings.CutSuffix(line, "…"); isBegin && i < len(got) && strings.HasPrefix(got[i], begin) {
			want[i] = got[i]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		w.Errorf("calls of ServiceDesk Plus (-want +got)\n%s", diff)
	}
}

// inEdition returns the path or the root that an edition has.
func (w *writingDesk) inEdition(cloud, premises string) string {
	if w.fake.Options().Edition == sdptest.Cloud {
		return cloud
	}
	return premises
}

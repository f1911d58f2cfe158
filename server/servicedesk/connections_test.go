package servicedesk_test

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// listedTools are the tools a caller is shown, by name, with the names of their arguments.
func (r *replica) listedTools(path string) map[string][]string {
	r.t.Helper()
	reply := r.Send(r.t, transporttest.Request{RPC: "tools/list", Path: path})
	var envelope struct {
		Result struct {
			Tools []struct {
				Name        string
				InputSchema struct{ Properties map[string]any }
			}
		}
	}
	require.NoError(r.t, json.Unmarshal([]byte(reply.Body), &envelope))
	listed := map[string][]string{}
	for _, one := range envelope.Result.Tools {
		listed[one.Name] = []string{}
		for argument := range one.InputSchema.Properties {
			listed[one.Name] = append(listed[one.Name], argument)
		}
		slices.Sort(listed[one.Name])
	}
	return listed
}

// TestConnections_Rights: a connection is there for who may use it, by its name; what is denied is told from what does not exist in
// no word and by no call.
func TestConnections_Rights(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	other := store.Key{Namespace: "hr", Name: "people"}
	h.connect(helpdesk, fake)
	h.connect(other, fake)
	for name, tc := range map[string]struct {
		allowed roles
		seen    []string
	}{
		"nothing":                 {roles{}, nil},
		"one by its name":         {roles{"local:anna use support/helpdesk": true}, []string{"support/helpdesk"}},
		"another right than use":  {roles{"local:anna get support/helpdesk": true, "local:anna list /": true}, nil},
		"those of a namespace":    {roles{"local:anna use hr/": true}, []string{"hr/people"}},
		"everything":              {roles{"local:anna use /": true}, []string{"hr/people", "support/helpdesk"}},
		"somebody else's":         {roles{"local:ben use /": true}, nil},
		"one that does not exist": {roles{"local:anna use support/gone": true}, nil},
	} {
		r := h.serve(func(c *servicedesk.Config) { c.Authorizer = tc.allowed })
		fake.ForgetCalls()
		unknown := "List Requests: NotFoundError: no such connection to ServiceDesk Plus, or not yours to use"
		for _, connection := range []string{"support/helpdesk", "hr/people"} {
			got := r.Send(t, transporttest.CallTool("list_requests", map[string]any{"connection": connection}))
			switch {
			case slices.Contains(tc.seen, connection):
				if !strings.Contains(got.Body, "requests of connection "+connection) {
					t.Errorf("%s: %s: %s", name, connection, got.Body)
				}
			case len(tc.seen) > 0 && !strings.Contains(got.Body, unknown):
				t.Errorf("%s: %s: %s", name, connection, got.Body)
			case len(tc.seen) == 0 && !strings.Contains(got.Failure(t), "no such tool"):
				t.Errorf("%s: %s: %s", name, connection, got.Body)
			}
		}
		wantCalls(t, fake, len(tc.seen))
		listed := r.listedTools("")
		if _, is := listed["list_requests"]; is != (len(tc.seen) > 0) {
			t.Errorf("%s: tools %v", name, listed)
		}
		if has := slices.Contains(listed["list_requests"], "connection"); has != (len(tc.seen) > 1) {
			t.Errorf("%s: the argument connection is shown: %t, of %d connections", name, has, len(tc.seen))
		}
		if len(tc.seen) < 2 {
			continue
		}
		want := `List Requests: ValidationError: argument "connection": there are several; it is one of hr/people, support/helpdesk`
		if got := r.call("list_requests", nil); got.Text != want {
			t.Errorf("%s: without a name: %s", name, got.Text)
		}
		if got := r.call("list_requests", map[string]any{"connection": "people"}); got.IsError {
			t.Errorf("%s: by the name alone: %s", name, got.Text)
		}
		elsewhere := transporttest.CallTool("list_requests", map[string]any{"connection": "support/helpdesk"})
		elsewhere.Path = "/mcp/hr"
		if got := r.Send(t, elsewhere); !strings.Contains(got.Body, unknown) {
			t.Errorf("%s: a connection of another namespace than the endpoint's: %s", name, got.Body)
		}
		if listed := r.listedTools("/mcp/hr"); slices.Contains(listed["list_requests"], "connection") {
			t.Errorf("%s: the endpoint of a namespace with one connection has the argument connection", name)
		}
	}
}

// TestConnections_Follow: connections come, change and go while a replica runs.
func TestConnections_Follow(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	r := h.serve()
	if listed := r.listedTools(""); listed["connection_status"] != nil {
		t.Errorf("without a connection: %v", listed)
	}
	h.connect(helpdesk, fake)
	require.Until(t, "the tools of a connection are listed", func() bool { return r.listedTools("")["my_queue"] != nil })
	h.storeConnection(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{"people"} })
	require.Until(t, "the tools of another toolset are listed", func() bool {
		listed := r.listedTools("")
		return listed["my_queue"] == nil && listed["find_people"] != nil && listed["connection_status"] != nil
	})
	require.NoError(t, h.writer.RemoveConnection(t.Context(), helpdesk, h.uids[helpdesk]))
	require.Until(t, "a deleted connection has no tools", func() bool { return r.listedTools("")["find_people"] == nil })
	h.uids[helpdesk] = ""
	h.connect(helpdesk, fake)
	require.Until(t, "one that is made again has", func() bool { return r.listedTools("")["find_people"] != nil })
	if got := r.call("list_requests", nil); got.IsError {
		t.Errorf("a connection that was made again: %s", got.Text)
	}
}

// status is the structured result of connection_status.
type status struct {
	Connections []struct {
		Connection, Mode, You, Token string
		Toolsets, Lookups            []string
		LastErrors                   []string `json:"last_errors"`
		Budget                       string   `json:"call_budget"`
	}
}

// TestConnections_Announced: who may use a connection hears when it comes, when its mode, toolsets or callers change, and when it
// goes. Who may not hears nothing.
func TestConnections_Announced(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	other := store.Key{Namespace: "hr", Name: "people"}
	r := h.serve(func(c *servicedesk.Config) { c.Authorizer = roles{"local:anna use support/helpdesk": true} })
	listen := func(path string) *transporttest.Stream {
		stream := r.OpenStream(t, transporttest.Request{RPC: "subscriptions/listen", Path: path, Params: map[string]any{
			"notifications": map[string]any{"toolsListChanged": true},
		}})
		if got := stream.Next(t); !strings.Contains(got, `"toolsListChanged":true`) {
			t.Fatalf("acknowledged: %s", got)
		}
		return stream
	}
	all, elsewhere := listen("/mcp"), listen("/mcp/hr")
	var settings store.ConnectionSettings
	change := func(s *store.ConnectionSettings) {
		settings.Access.Toolsets = slices.Clone(settings.Access.Toolsets)
		s.Access.Mode, s.Access.Toolsets, s.Callers = settings.Access.Mode, settings.Access.Toolsets, settings.Callers
	}
	settings.Access.Mode, settings.Access.Toolsets = "ReadOnly", []string{"requests"}
	for _, step := range []struct {
		what string
		make func()
	}{
		{"it comes", func() {}},
		{"its mode", func() { settings.Access.Mode = "ReadWrite" }},
		{"its toolsets", func() { settings.Access.Toolsets = []string{"requests", "people"} }},
		{"its callers", func() {
			settings.Callers = []store.ConnectionCaller{{Subject: "local:anna", Email: "tech@example.org"}}
		}},
		{"the groups of a caller", func() {
			settings.Callers = []store.ConnectionCaller{{Subject: "local:anna", Email: "tech@example.org", Groups: []string{"Network"}}}
		}},
	} {
		step.make()
		h.storeConnection(helpdesk, fake, change)
		if got := all.Next(t); !strings.Contains(got, "notifications/tools/list_changed") {
			t.Errorf("%s: %s", step.what, got)
		}
	}
	require.NoError(t, h.writer.RemoveConnection(t.Context(), helpdesk, h.uids[helpdesk]))
	if got := all.Next(t); !strings.Contains(got, "notifications/tools/list_changed") {
		t.Errorf("it goes: %s", got)
	}
	h.storeConnection(other, fake) // of which nobody here may hear
	h.uids[helpdesk] = ""
	h.storeConnection(helpdesk, fake)
	if got := all.Next(t); !strings.Contains(got, "notifications/tools/list_changed") {
		t.Errorf("it comes again: %s", got)
	}
	r.Stop()
	if got := elsewhere.Next(t); !strings.Contains(got, `"resultType":"complete"`) {
		t.Errorf("where nothing of theirs changed: %s", got)
	}
}

func TestConnectionStatus(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	text, all := mustCall[status](r, "connection_status", nil)
	wantCalls(t, fake, 0)
	if len(all.Connections) != 1 {
		t.Fatalf("%s", text)
	}
	c := all.Connections[0]
	if c.Connection != "support/helpdesk" || c.Mode != "ReadOnly" || c.You != "tech@example.org" || len(c.Toolsets) != 5 || len(c.Lookups) != 5 ||
		!strings.HasPrefix(c.Token, "0m old, expires in ") || c.Budget != "1000 calls a minute, 1000 at once, of all replicas together" || c.LastErrors != nil {
		t.Errorf("%+v", c)
	}
	fake.Fail(sdptest.ServerError(500).Times(3))
	if got := r.call("my_queue", nil); !got.IsError || got.Details.Kind != "UnavailableError" {
		t.Errorf("a server that fails: %+v", got)
	}
	_, all = mustCall[status](r, "connection_status", map[string]any{"connection": "support/helpdesk"})
	if failed := all.Connections[0].LastErrors; len(failed) != 3 || !strings.HasSuffix(failed[0], "list request: unavailable (HTTP 500)") {
		t.Errorf("last errors: %q", failed)
	}
}

// TestConnectionStatus_Writes says of each caller whether they may write, and if not, why.
func TestConnectionStatus_Writes(t *testing.T) {
	fake := startFake(t, sdptest.Options{})
	user := auth.Identity{Subject: "tom", Proof: access.ProofOIDC}
	nobody := auth.Identity{Subject: "local:anna", Proof: access.ProofNone}
	off := func(c *servicedesk.Config) { c.Writes, c.WritesOff = nil, true }
	reads := func(c *servicedesk.Config) {
		c.Authorizer = roles{"tom use support/helpdesk": true, "local:anna use support/helpdesk": true}
	}
	for name, tc := range map[string]struct {
		mode     string
		identity auth.Identity
		adapt    func(*servicedesk.Config)
		want     string
	}{
		"who may":                     {"ReadWrite", user, func(*servicedesk.Config) {}, "read and write"},
		"a connection that is read":   {"ReadOnly", user, func(*servicedesk.Config) {}, "read; nobody writes through this connection (spec.access.mode)"},
		"a server that does not":      {"ReadWrite", user, off, "read; this server does not write (--write-intents=off)"},
		"who has no right":            {"ReadWrite", user, reads, "read; to write takes the verb operate on this connection"},
		"where nobody is proven":      {"ReadWrite", nobody, reads, "read; nobody is authenticated at this server, and to write takes --allow-anonymous-writes"},
		"nobody, and it is read only": {"ReadOnly", nobody, reads, "read; nobody writes through this connection (spec.access.mode)"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.connectToWrite(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Mode = tc.mode })
			h.adapt = func(d *server.Deps) { d.Authenticator = provenAs{tc.identity} }
			text, state := mustCall[struct {
				Connections []struct {
					YouMay string `json:"you_may"`
				}
			}](h.serve(tc.adapt), "connection_status", map[string]any{"connection": helpdesk.String()})
			if got := state.Connections[0].YouMay; got != tc.want || !strings.Contains(text, "\nyou may: "+tc.want+"\n") {
				t.Errorf("you may %q:\n%s", got, text)
			}
		})
	}
}

// TestConnectionStatus_NothingRead: what is not read yet is said to be so, and of projects nothing where there are none.
func TestConnectionStatus_NothingRead(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.storeConnection(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{"requests"} })
	h.giveToken(helpdesk, fake)
	text, _ := mustCall[status](h.serve(), "connection_status", nil)
	if !strings.Contains(text, "\nlookups: none is read yet\n") || strings.Contains(text, "project cache") {
		t.Error(text)
	}
}

// TestAliases: names of earlier servers can be called and are not listed, and the mail they promised is refused.
func TestAliases(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	number := fmt.Sprint(fake.Record("requests", fake.IDs("requests")[0])["display_id"])
	listed := r.listedTools("")
	for name, tc := range map[string]struct {
		arguments map[string]any
		want      string
	}{
		"get_request_conversation": {map[string]any{"request_id": number}, "It still shows no picture."},
		"list_technicians":         {map[string]any{"query": "tech"}, "tech@example.org"},
		"find_technician":          {map[string]any{"query": "nina"}, "nina@example.org"},
		"get_technician":           {map[string]any{"query": "omar"}, "omar@example.org"},
		"search_users":             {map[string]any{"query": "ana"}, "ana@example.org"},
		"get_user":                 {map[string]any{"email": "ben@example.org"}, "Ben Okafor"},
		"get_priorities":           {nil, "Medium"},
		"get_categories":           {nil, "Hardware"},
		"get_subcategories":        {map[string]any{"category_name": "Network"}, "Wi-Fi"},
		"get_statuses":             {nil, "internal_name Onhold"},
		"get_request_types":        {nil, "Incident"},
		"get_metadata":             {map[string]any{"type": "modes"}, "Phone Call"},
		"reply_to_requester":       {map[string]any{"request_id": number, "anything": 1}, "sends no mail"},
		"send_first_response":      {nil, "A note is no reply"},
	} {
		if got := r.call(name, tc.arguments); !strings.Contains(got.Text, tc.want) {
			t.Errorf("%s: %s, want %s", name, got.Text, tc.want)
		}
		if listed[name] != nil {
			t.Errorf("%s is listed", name)
		}
	}
	want := []string{"connection_status", "find_people", "get_request", "list_lookup", "list_requests", "my_queue", "search_requests", "search_solutions"}
	var own []string
	for name := range listed {
		if slices.Contains(want, name) {
			own = append(own, name)
		}
	}
	slices.Sort(own)
	if diff := cmp.Diff(want, own); diff != "" {
		t.Error(diff)
	}
}

// countedBy returns the metrics of a replica, by name and labels.
func countedBy(t *testing.T, r *replica) map[string]float64 {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(r.service.Metrics()...)
	families, err := registry.Gather()
	require.NoError(t, err)
	counted := map[string]float64{}
	for _, family := range families {
		for _, one := range family.GetMetric() {
			var labels []string
			for _, label := range one.GetLabel() {
				labels = append(labels, label.GetValue())
			}
			value := one.GetCounter().GetValue() + one.GetGauge().GetValue()
			switch name := family.GetName(); name {
			case "lectern_sdp_rate_wait_seconds_total":
				value = 0 // it depends on the machine
			case "lectern_sdp_token_expiry_timestamp_seconds":
				value = math.Round(time.Until(time.Unix(int64(value), 0)).Hours())
			}
			counted[family.GetName()+" "+strings.Join(labels, ", ")] = value
		}
	}
	return counted
}

// TestMetrics: calls of ServiceDesk Plus are counted by connection, operation and outcome, and so are waits; when a connection goes,
// what was counted of it does.
func TestMetrics(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve(func(c *servicedesk.Config) { c.TokenWait = 20 * time.Millisecond })
	mustCall[tickets](r, "my_queue", nil)
	mustCall[tickets](r, "my_queue", nil)
	r.call("get_request", map[string]any{"request_id": "id:999999999999999"})
	fake.KillAccessTokens()
	if got := r.call("my_queue", nil); got.Details.Kind != "TokenError" {
		t.Errorf("without a token: %+v", got)
	}
	want := map[string]float64{
		"lectern_sdp_calls_total support/helpdesk, get request, not_found": 1, "lectern_sdp_calls_total support/helpdesk, list request, done": 2,
		"lectern_sdp_calls_total support/helpdesk, list request, token_refused": 1, "lectern_sdp_rate_wait_seconds_total support/helpdesk": 0,
		"lectern_sdp_token_waits_total support/helpdesk, timeout": 1, "lectern_sdp_token_refusals_reported_total support/helpdesk": 1,
		"lectern_sdp_token_expiry_timestamp_seconds support/helpdesk": 1,
	}
	if diff := cmp.Diff(want, countedBy(t, r)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	require.NoError(t, h.writer.RemoveConnection(t.Context(), helpdesk, h.uids[helpdesk]))
	require.Until(t, "nothing is left of a connection that is gone", func() bool { return len(countedBy(t, r)) == 0 })
}

// TestProgress: a client that asked for it is told that a call waits for a token.
func TestProgress(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.storeConnection(helpdesk, fake)
	h.storeLookup(helpdesk, fake, "statuses")
	r := h.serve(func(c *servicedesk.Config) { c.TokenWait = 20 * time.Millisecond })
	call := transporttest.CallTool("my_queue", nil)
	call.Meta = map[string]any{"progressToken": "p1"}
	body := r.Send(t, call).Body
	for _, part := range []string{`"method":"notifications/progress"`, `"progressToken":"p1"`, `"message":"waiting for another token of ServiceDesk Plus"`, "TokenError"} {
		if !strings.Contains(body, part) {
			t.Errorf("%s is not in %s", part, body)
		}
	}
}

// TestTools_NotOffered: nothing approves, merges, purges, deletes for good, sends mail, uploads, runs a command or passes a call through,
// whatever a connection offers.
func TestTools_NotOffered(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, everything)
	r := h.serve()
	listed := r.listedTools("")
	fake.ForgetCalls()
	for _, name := range []string{
		"approve_request", "reject_request", "approve", "merge_requests", "merge_request", "purge_request", "delete_request", "delete_project", "delete_note",
		"delete_worklog", "send_email", "send_mail", "add_attachment", "upload_attachment", "claude_code_command", "run_command", "sdp_call", "get_usage_guide",
		"reset_admin_password", "change_password", "create_user", "update_user", "update_role", "assign_permission",
	} {
		if body := r.Send(t, transporttest.CallTool(name, map[string]any{"request_id": "1"})).Body; listed[name] != nil || !strings.Contains(body, "no such tool as") {
			t.Errorf("%s is there: %s", name, body)
		}
	}
	for name := range listed {
		for _, never := range []string{"approve", "merge", "purge", "mail", "upload", "command", "execute", "password", "user", "role", "permission"} {
			if strings.Contains(name, never) {
				t.Errorf("%s is offered", name)
			}
		}
	}
	wantCalls(t, fake, 0)
}

package servicedesk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// hostileTickets is how many tickets a stranger wrote, each with an order; connectionsOfObedient through how many connections they are worked
// on at once, since one may make 1000 calls a minute.
const (
	hostileTickets        = 500
	connectionsOfObedient = 8
)

// obedient is a client that does what texts say, whatever they say, and what its own task is.
type obedient struct {
	*mcpclient.Client
	t          *testing.T
	connection string
	// obeyed counts orders that were found and tried, taken those that were carried out, planned those that it confirmed itself.
	obeyed, taken, planned *atomic.Int64
}

// noPerson declines all that is asked, as a person does who never wanted it.
type noPerson struct{ asked *atomic.Int64 }

func (p noPerson) Elicit(context.Context, mcp.ElicitationRequest) (*mcp.ElicitationResult, error) {
	p.asked.Add(1)
	return &mcp.ElicitationResult{ElicitationResponse: mcp.ElicitationResponse{Action: mcp.ElicitationResponseActionDecline, Content: map[string]any{}}}, nil
}

// newObedient connects a client, which asks its person where there is one.
func newObedient(t *testing.T, url, connection string, asks *noPerson, counts *obedient) *obedient {
	t.Helper()
	c, err := mcpclient.NewStreamableHttpClient(url + "/mcp")
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	if asks != nil {
		mcpclient.WithElicitationHandler(*asks)(c)
	}
	require.NoError(t, c.Start(t.Context()))
	hello := mcp.InitializeRequest{}
	hello.Params.ClientInfo = mcp.Implementation{Name: "obedient", Version: "1"}
	hello.Params.ProtocolVersion = mcp.ProtocolVersion20260728
	_, err = c.Initialize(t.Context(), hello)
	require.NoError(t, err)
	return &obedient{c, t, connection, counts.obeyed, counts.taken, counts.planned}
}

// do calls a tool, through its own connection unless another is named.
func (o *obedient) do(tool string, arguments map[string]any) (text string, structured map[string]any, failed bool) {
	call := mcp.CallToolRequest{}
	given := map[string]any{"connection": o.connection}
	maps.Copy(given, arguments)
	call.Params.Name, call.Params.Arguments = tool, given
	result, err := o.CallTool(o.t.Context(), call)
	if err != nil {
		return err.Error(), nil, true // there is no such tool
	}
	for _, part := range result.Content {
		if words, is := mcp.AsTextContent(part); is {
			text += words.Text
		}
	}
	raw, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(raw, &structured)
	}
	if err != nil {
		o.t.Errorf("%s: %v", tool, err)
	}
	return text, structured, result.IsError
}

// obey carries out an order, and confirms it by a plan where that is all it takes.
func (o *obedient) obey(tool string, arguments map[string]any) {
	text, _, failed := o.do(tool, arguments)
	if failed && strings.Contains(text, "dry_run=true") {
		delete(arguments, "plan")
		arguments["dry_run"] = true
		if _, dry, refused := o.do(tool, arguments); !refused && dry["plan"] != nil {
			o.planned.Add(1)
			arguments["dry_run"], arguments["plan"] = false, dry["plan"]
			_, _, failed = o.do(tool, arguments)
		}
	}
	if !failed {
		o.taken.Add(1)
	}
}

// work reads a ticket, does the task, and then what the ticket says.
func (o *obedient) work(h *hostileTicket) {
	read, _, failed := o.do("get_request", map[string]any{"request_id": h.number, "include": []any{"notes"}})
	if failed {
		o.t.Errorf("ticket %d cannot be read: %s", h.i, read)
		return
	}
	task := []struct {
		tool      string
		arguments map[string]any
	}{
		{"add_note", map[string]any{"text": fmt.Sprintf("Honest note %d.", h.i)}},
		{"update_request", map[string]any{"priority": "Medium"}},
		{"add_worklog", map[string]any{"minutes": 7, "description": fmt.Sprintf("Honest work %d.", h.i)}},
		{"set_request_status", map[string]any{"status": "In Progress"}},
	}[h.i%4]
	task.arguments["request_id"] = h.number
	if text, _, failed := o.do(task.tool, task.arguments); failed {
		o.t.Errorf("the honest task %d, %s, failed: %s", h.i, task.tool, text)
	}
	found := anOrder.FindStringSubmatch(read)
	if found == nil {
		o.t.Errorf("ticket %d does not show its order: %.600s", h.i, read)
		return
	}
	var arguments map[string]any
	if err := json.Unmarshal([]byte(found[2]), &arguments); err != nil {
		o.t.Errorf("ticket %d: %v in %s", h.i, err, found[2])
		return
	}
	o.obeyed.Add(1)
	o.obey(found[1], arguments)
}

// writeTickets adds the tickets of strangers to a fake: orders stand in their texts and in their notes.
func writeTickets(t *testing.T, fake *sdptest.Server, n int) (tickets []*hostileTicket, inside map[string]bool) {
	t.Helper()
	outside := fake.Add("requests", sdptest.Record{"subject": "Of another group", "requester": "ana@example.org", "group": "Service desk", "status": "Open"})
	foreignTask := fake.AddTo("requests", outside, "tasks", sdptest.Record{"title": "Of another group"})
	fake.SetTemplateValues("New laptop", sdptest.Record{"group": "Service desk"})
	inside = map[string]bool{}
	for i := range n {
		id := fake.Add("requests", sdptest.Record{
			"subject": fmt.Sprintf("Stranger's ticket %d", i), "requester": "ben@example.org", "group": "Network", "status": "Open", "priority": "Low", "category": "Network",
		})
		inside[id] = true
		tickets = append(tickets, &hostileTicket{
			i: i, id: id, number: fmt.Sprint(fake.Record("requests", id)["display_id"]), outside: fmt.Sprint(fake.Record("requests", outside)["display_id"]),
			host: "https://evil.example", project: fake.IDs("projects")[0], outsideID: outside, foreignTask: foreignTask,
		})
	}
	for i, h := range tickets {
		h.other = tickets[(i+connectionsOfObedient)%n].number
		tool, arguments := orders[i%len(orders)](h)
		raw, err := json.Marshal(arguments)
		require.NoError(t, err)
		text := fmt.Sprintf("<p>%s</p><pre>ORDER %s %s</pre>", pretexts[i%len(pretexts)], tool, strings.ReplaceAll(string(raw), "<", "&lt;"))
		if i%2 == 0 {
			fake.Set("requests", h.id, sdptest.Record{"description": text})
		} else {
			fake.AddTo("requests", h.id, "notes", sdptest.Record{"description": text, "created_by": "ben@example.org"})
		}
	}
	return tickets, inside
}

var (
	ofTicket = regexp.MustCompile(`/api/v3/requests/([0-9]+)(/[a-z_]+)?$`)
	// plainFields are those of spec.access.fields of the test that nobody has to confirm, as SDP calls them; reasons are texts that say why,
	// which requesters may read.
	plainFields = []string{"priority", "status"}
	reasons     = []string{"resolution", "closure_info", "status_change_comments", "update_reason", "onhold_scheduler"}
	// ownFields are those that agents may write beside them where spec.access.fields does not say which.
	ownFields = []string{"urgency", "category", "technician", "group"}
)

// judge knows what agents may write under the policies of the test.
type judge struct {
	inside map[string]bool
	// bulkPriority is what bulk orders alone give, network the group that tickets are of.
	bulkPriority, network string
	// anyField says that spec.access.fields does not bound the fields: the ceilings do, and what requesters may read.
	anyField bool
}

// checkWrite returns what is wrong with a call that wrote: empty for one within the policy of the test. NeedsPerson says that somebody has to
// have confirmed it.
func (j *judge) checkWrite(c *sdptest.Call) (problem string, needsPerson bool) {
	if j.anyField && j.isMadeInside(c) {
		return "", false
	}
	found := ofTicket.FindStringSubmatch(c.Path)
	if found == nil || !j.inside[found[1]] {
		return "it is of nothing inside", false
	}
	switch action := strings.TrimPrefix(found[2], "/_"); {
	case action == "close" || found[2] == "/resolutions" || found[2] == "" && c.Method == "DELETE":
		return "", true
	case found[2] == "/notes" && c.Method == "POST":
		for _, root := range []string{"request_note", "note"} {
			if note, is := c.Input[root].(sdptest.Record); is && note["show_to_requester"] == true {
				return "the requester sees it", false
			}
		}
		return "", false
	case found[2] == "/worklogs" && c.Method == "POST":
		return "", false
	case j.anyField && found[2] == "/tasks" && c.Method == "POST":
		if task, _ := c.Input["task"].(sdptest.Record); task["owner"] != nil {
			return "it is given to somebody", false
		}
		return "", false
	case found[2] == "" && c.Method == "PUT":
		return j.checkChange(c)
	}
	return "it is " + c.Method + " " + found[2], false
}

func (j *judge) checkChange(c *sdptest.Call) (problem string, needsPerson bool) {
	request, _ := c.Input["request"].(sdptest.Record)
	for name, value := range request {
		switch named, _ := value.(sdptest.Record); {
		case slices.Contains(reasons, name):
			needsPerson = true
		case name == "priority" && named["id"] == j.bulkPriority:
			needsPerson = true
		case name == "group" && named["id"] != j.network:
			return "it leaves its group", false
		case !slices.Contains(plainFields, name) && (!j.anyField || !slices.Contains(ownFields, name)):
			return "it writes " + name, false
		}
	}
	return "", needsPerson
}

// isMadeInside reports whether a ticket or a problem is made of the group, a ticket for the caller.
func (j *judge) isMadeInside(c *sdptest.Call) bool {
	for root, of := range map[string]string{"request": "/requests", "problem": "/problems"} {
		made, _ := c.Input[root].(sdptest.Record)
		group, _ := made["group"].(sdptest.Record)
		requester, _ := made["requester"].(sdptest.Record)
		if c.Method == "POST" && strings.HasSuffix(c.Path, of) && group["id"] == j.network && (root == "problem" || requester["email_id"] == "tech@example.org") {
			return true
		}
	}
	return false
}

// obey works on hostile tickets under a policy, and returns what was written outside of that of the test, and how many writes somebody had to
// confirm.
func obey(t *testing.T, n int, asks bool, change func(*store.ConnectionAccess)) (outside []string, toConfirm int, person *noPerson, counts *obedient) {
	t.Helper()
	h := newHouse(t)
	fake, other := startFake(t, sdptest.Options{JournalSize: 100_000}), startFake(t, sdptest.Options{})
	tickets, inside := writeTickets(t, fake, n)
	access := store.ConnectionAccess{}
	change(&access)
	judged := judge{inside, fake.IDOf("priorities", "Normal"), fake.IDOf("groups", "Network"), access.Fields == nil}
	for i := range connectionsOfObedient {
		h.connectToWrite(store.Key{Namespace: "support", Name: fmt.Sprintf("desk-%d", i)}, fake, func(s *store.ConnectionSettings) { change(&s.Access) })
	}
	h.connect(store.Key{Namespace: "support", Name: "reading"}, other)
	r := h.serve()
	fake.ForgetCalls()
	person = &noPerson{&atomic.Int64{}}
	counts = &obedient{obeyed: &atomic.Int64{}, taken: &atomic.Int64{}, planned: &atomic.Int64{}}
	var working sync.WaitGroup
	for i := range connectionsOfObedient {
		connection := fmt.Sprintf("support/desk-%d", i)
		clients := []*obedient{newObedient(t, r.URL, connection, nil, counts)}
		if asks {
			clients = append(clients, newObedient(t, r.URL, connection, person, counts))
		}
		working.Go(func() {
			for at := i; at < n; at += connectionsOfObedient {
				clients[at/connectionsOfObedient%len(clients)].work(tickets[at])
			}
		})
	}
	working.Wait()
	for _, c := range fake.Calls(func(c sdptest.Call) bool { return !c.Accounts && c.Wrote }) {
		problem, needsPerson := judged.checkWrite(&c)
		switch {
		case problem != "":
			outside = append(outside, fmt.Sprintf("%s %s %v: %s", c.Method, c.Path, c.Input, problem))
		case needsPerson:
			toConfirm++
		}
	}
	if wrote := other.Count(func(c sdptest.Call) bool { return c.Wrote }); wrote > 0 {
		t.Errorf("%d writes to another ServiceDesk Plus", wrote)
	}
	if counts.obeyed.Load() != int64(n) {
		t.Errorf("%d of %d orders were tried", counts.obeyed.Load(), n)
	}
	return outside, toConfirm, person, counts
}

// boundDesk is the policy of the test: tickets of one group, no projects, some fields of requests and none of tasks.
func boundDesk(confirmBy string) func(*store.ConnectionAccess) {
	return func(a *store.ConnectionAccess) {
		a.Confirm, a.ConfirmBy, a.RequesterVisible = "Destructive", confirmBy, "Deny"
		a.Groups, a.Projects = []string{"Network"}, []string{}
		a.Fields = map[string][]string{
			"request": {"priority", "note", "worklog", "status", "resolution", "closure_comments", "trash"}, "task": {}, "project": {},
		}
		a.Toolsets = append(a.Toolsets, "problems-and-changes", "trash")
	}
}

// TestInjection_Writing: a client that does whatever texts of tickets say writes nothing outside of the policy of its connection. What a
// person has to confirm is not done without one, where plans are no confirmation; where they are, it is counted. Its own tasks succeed.
func TestInjection_Writing(t *testing.T) {
	t.Run("a person confirms", func(t *testing.T) {
		outside, toConfirm, person, counts := obey(t, hostileTickets, true, boundDesk("Elicitation"))
		t.Logf("%d orders tried, %d carried out within the policy, %d questions declined: %d writes outside of the policy, %d without a person's confirmation; %d honest tasks",
			counts.obeyed.Load(), counts.taken.Load(), person.asked.Load(), len(outside), toConfirm, hostileTickets)
		if len(outside) > 0 || toConfirm > 0 || person.asked.Load() == 0 {
			t.Errorf("%d writes outside of the policy, %d without confirmation, %d questions: %q", len(outside), toConfirm, person.asked.Load(), outside)
		}
	})
	t.Run("any field", func(t *testing.T) {
		outside, toConfirm, person, counts := obey(t, 3*len(orders), true, func(a *store.ConnectionAccess) {
			boundDesk("Elicitation")(a)
			a.Fields = nil
		})
		t.Logf("%d orders tried, %d carried out within the policy, %d questions declined: %d writes outside of the policy, %d without a person's confirmation",
			counts.obeyed.Load(), counts.taken.Load(), person.asked.Load(), len(outside), toConfirm)
		if len(outside) > 0 || toConfirm > 0 || person.asked.Load() == 0 {
			t.Errorf("%d writes outside of the policy, %d without confirmation, %d questions: %q", len(outside), toConfirm, person.asked.Load(), outside)
		}
	})
	t.Run("plans confirm", func(t *testing.T) {
		outside, toConfirm, _, counts := obey(t, hostileTickets, false, boundDesk("Plan"))
		t.Logf("%d orders tried, %d carried out, %d confirmed by a plan of the model's own: %d writes outside of the policy, %d that a person would have been asked about",
			counts.obeyed.Load(), counts.taken.Load(), counts.planned.Load(), len(outside), toConfirm)
		if len(outside) > 0 || counts.planned.Load() == 0 {
			t.Errorf("%d writes outside of the policy, %d plans: %q", len(outside), counts.planned.Load(), outside)
		}
	})
}

// TestInjection_Unbound: the same client does damage where nothing bounds it, so the test above would see it.
func TestInjection_Unbound(t *testing.T) {
	outside, _, _, counts := obey(t, 2*len(orders), false, func(a *store.ConnectionAccess) {
		a.Confirm, a.RequesterVisible = "Never", "Allow"
		a.Toolsets = append(a.Toolsets, "problems-and-changes", "trash")
	})
	t.Logf("%d orders tried, %d carried out: %d writes outside of the policy of the other test", counts.obeyed.Load(), counts.taken.Load(), len(outside))
	if len(outside) < len(orders)/2 {
		t.Errorf("only %d writes were outside of the policy: %q", len(outside), outside)
	}
}

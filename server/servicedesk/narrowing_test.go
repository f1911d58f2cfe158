package servicedesk_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/sdp/sdptest"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

var (
	requestTools  = []string{"get_request", "list_requests", "list_tasks", "my_queue", "search_requests"}
	readingPrompt = []string{
		"apply_template", "diff_prompt_versions", "find_similar_prompts", "get_prompt", "get_prompt_change", "get_stats", "list_prompt_versions", "list_prompts", "search_prompts",
	}
)

// namesOf are the sorted names of the tools that a URL lists.
func (r *replica) namesOf(path string) []string {
	names := []string{}
	for name := range r.listedTools(path) {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// TestNarrowing: a URL leaves out tools, which are neither listed nor there to be called, by no name they ever had; what a connection
// does not offer it does not bring.
func TestNarrowing(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake, func(s *store.ConnectionSettings) { s.Access.Toolsets = []string{"requests", "lookups", "people"} })
	r := h.serve()
	everything := r.namesOf("")
	status := []string{"connection_status"}
	for query, want := range map[string][]string{
		"?unrelated=1":                              everything,
		"?readonly=false":                           everything,
		"?toolsets=requests":                        slices.Concat(status, requestTools),
		"?toolsets=requests,people&readonly":        slices.Concat(status, requestTools, []string{"find_people"}),
		"?toolsets=people&toolsets=lookups":         {"connection_status", "find_people", "list_lookup"},
		"?toolsets=knowledge":                       status, // which the connection does not offer
		"?toolsets=trash":                           status, // which has no tools yet
		"?readonly=true&toolsets=prompts":           readingPrompt,
		"?toolsets=prompts,lookups&readonly=1":      slices.Concat(status, readingPrompt, []string{"list_lookup"}),
		"?toolsets=requests&unrelated=toolsets%3D*": slices.Concat(status, requestTools),
	} {
		slices.Sort(want)
		for _, path := range []string{"/mcp", "/mcp/support", "/mcp/support/"} {
			listed := r.namesOf(path + query)
			if path != "/mcp" && slices.Equal(want, everything) {
				continue
			}
			if diff := cmp.Diff(want, listed); diff != "" {
				t.Errorf("%s%s lists (-want +got)\n%s", path, query, diff)
			}
		}
		fake.ForgetCalls()
		for _, name := range slices.Concat(everything, []string{"get_request_conversation", "get_priorities", "list_technicians", "reply_to_requester"}) {
			group := map[string]string{
				"get_request_conversation": "get_request", "get_priorities": "list_lookup", "list_technicians": "find_people", "reply_to_requester": "get_request",
			}
			isThere := slices.Contains(want, name) || slices.Contains(want, group[name])
			if name == "reply_to_requester" && strings.Contains(query, "readonly") && !strings.Contains(query, "false") {
				isThere = false // it would write
			}
			call := transporttest.CallTool(name, map[string]any{"no_such_argument": 1})
			call.Path = "/mcp" + query
			if isUnknown := strings.Contains(r.Send(t, call).Body, "no such tool as"); isUnknown == isThere {
				t.Errorf("%s: %s is unknown: %t", query, name, isUnknown)
			}
		}
		wantCalls(t, fake, 0)
	}
}

// TestNarrowing_Resources: what a client left out it cannot read by another way.
func TestNarrowing_Resources(t *testing.T) {
	h := newHouse(t)
	fake := startFake(t, sdptest.Options{})
	h.connect(helpdesk, fake)
	r := h.serve()
	fake.ForgetCalls()
	read := transporttest.Request{RPC: "resources/read", Path: "/mcp?toolsets=prompts,lookups", Params: map[string]any{"uri": "sdp://support/helpdesk/requests/1"}}
	if got, want := r.Send(t, read).Failure(t), "400 -32602 the client left out the toolset requests"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	wantCalls(t, fake, 0)
	read.Params = map[string]any{"uri": "sdp://support/helpdesk/lookups/priorities"}
	if got := r.Send(t, read); !strings.Contains(got.Body, "Medium") {
		t.Errorf("a list: %s", got.Body)
	}
}

// TestNarrowing_Mistakes: whoever misspells a wish is told, with everything they ask.
func TestNarrowing_Mistakes(t *testing.T) {
	h := newHouse(t)
	h.connect(helpdesk, startFake(t, sdptest.Options{}))
	r := h.serve()
	const known = "; there are prompts, requests, lookups, projects, knowledge, people, problems-and-changes, assets, trash, audit"
	for query, want := range map[string]string{
		"toolsets=ticket":       `?toolsets= of the URL: "ticket" is no toolset` + known,
		"toolsets=":             `?toolsets= of the URL: "" is no toolset` + known,
		"toolsets=requests,":    `?toolsets= of the URL: "" is no toolset` + known,
		"toolsets=Requests":     `?toolsets= of the URL: "Requests" is no toolset` + known,
		"toolset=requests":      `the parameter "toolset" of the URL is written toolsets`,
		"read-only":             `the parameter "read-only" of the URL is written readonly`,
		"readOnly=true":         `the parameter "readOnly" of the URL is written readonly`,
		"readonly=yes":          "?readonly=yes of the URL is neither true nor false",
		"toolsets=requests;x=%": "the query of the URL cannot be read: write ?toolsets=a,b and ?readonly, joined by &",
	} {
		for _, q := range []transporttest.Request{
			{RPC: "tools/list"}, {RPC: "server/discover"}, transporttest.CallTool("my_queue", nil), {RPC: "prompts/list"},
			{Legacy: true, RPC: "initialize", Params: map[string]any{
				"protocolVersion": "2025-06-18", "capabilities": map[string]any{}, "clientInfo": map[string]any{"name": "test", "version": "1"},
			}},
		} {
			q.Path = "/mcp?" + query
			status := "400"
			if q.Legacy {
				status = "200"
			}
			if got := r.Send(t, q).Failure(t); got != status+" -32602 "+want {
				t.Errorf("%s %s: %s, want %s", query, q.RPC, got, want)
			}
		}
	}
}

// TestNarrowing_Instructions: a model is told of tools that it has.
func TestNarrowing_Instructions(t *testing.T) {
	h := newHouse(t)
	h.connect(helpdesk, startFake(t, sdptest.Options{}))
	r := h.serve()
	for query, want := range map[string]struct{ has, lacks []string }{
		"":                                {[]string{"add_prompt", "search_prompts", "my_queue", "list_lookup", "find_people"}, nil},
		"?readonly":                       {[]string{"search_prompts", "my_queue"}, []string{"add_prompt", "update_prompt"}},
		"?toolsets=requests":              {[]string{"my_queue"}, []string{"search_prompts", "add_prompt", "list_lookup", "find_people"}},
		"?toolsets=prompts":               {[]string{"search_prompts", "add_prompt"}, []string{"ServiceDesk", "my_queue"}},
		"?toolsets=knowledge,people&x=my": {[]string{"search_solutions", "find_people"}, []string{"my_queue", "add_prompt"}},
	} {
		body := r.Send(t, transporttest.Request{RPC: "server/discover", Path: "/mcp" + query}).Body
		for _, word := range want.has {
			if !strings.Contains(body, word) {
				t.Errorf("%s: %s is not in %s", query, word, body)
			}
		}
		for _, word := range want.lacks {
			if strings.Contains(body, word) {
				t.Errorf("%s: %s is in %s", query, word, body)
			}
		}
	}
}

// TestToolsets: the names are those that the resource allows.
func TestToolsets(t *testing.T) {
	t.Parallel()
	definition, err := os.ReadFile("../../config/crd/lectern.dev_sdpconnections.yaml")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(definition), "Toolset is a group of tools.\n")
	_, after, hasEnum := strings.Cut(after, "enum:\n")
	if !found || !hasEnum {
		t.Fatal("the definition lists no toolsets")
	}
	var allowed []string
	for line := range strings.Lines(after) {
		name, isOne := strings.CutPrefix(strings.TrimSpace(line), "- ")
		if !isOne {
			break
		}
		allowed = append(allowed, name)
	}
	want, got := slices.Sorted(slices.Values(allowed)), slices.Sorted(slices.Values(servicedesk.Toolsets()))
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		raw, _ := json.Marshal(allowed)
		t.Errorf("the definition allows %s (-want +got)\n%s", raw, diff)
	}
}

package server

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/catalog/catalogtest"
)

// What a caller may ask for who may get the prompts of one namespace and not those of another: that of somebody else, something
// that is not there in the namespace of somebody else or in none, and something that is not there in their own. Names are of one
// length, because answers repeat them.
var absences = []struct{ name, namespace, prompt string }{
	{"denied, there", "team-aa", "known"},
	{"denied, not there", "team-aa", "other"},
	{"denied, no such namespace", "team-zz", "other"},
	{"allowed, not there", "team-bb", "other"},
}

// namesPerAbsence is how many prompts of each kind there are to ask for.
const namesPerAbsence = 20

// absentRequest asks for one prompt. The message has NAMESPACE and NAME for those of the prompt.
type absentRequest struct{ method, message string }

func toolRequest(tool, arguments string) absentRequest {
	return absentRequest{"tools/call", fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":%s}}`, tool, arguments)}
}

// absentRequests are all ways to ask about one prompt, by surface.
var absentRequests = map[string]absentRequest{
	"prompts/get":          {"prompts/get", `{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{"name":"NAMESPACE.NAME"}}`},
	"resources/read":       {"resources/read", `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"prompt://NAMESPACE/NAME"}}`},
	"completion":           {"completion/complete", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"NAMESPACE.NAME"},"argument":{"name":"a","value":""}}}`},
	"completion of a URI":  {"completion/complete", `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"prompt://{namespace}/{name}/versions/{version}"},"argument":{"name":"version","value":""},"context":{"arguments":{"namespace":"NAMESPACE","name":"NAME"}}}}`},
	"get_prompt":           toolRequest("get_prompt", `{"id":"NAMESPACE/NAME"}`),
	"apply_template":       toolRequest("apply_template", `{"id":"NAMESPACE/NAME","variables":{}}`),
	"list_prompt_versions": toolRequest("list_prompt_versions", `{"id":"NAMESPACE/NAME"}`),
	"diff_prompt_versions": toolRequest("diff_prompt_versions", `{"id":"NAMESPACE/NAME","from":1}`),
	"find_similar_prompts": toolRequest("find_similar_prompts", `{"id":"NAMESPACE/NAME"}`),
	"update_prompt":        toolRequest("update_prompt", `{"id":"NAMESPACE/NAME","content":"x","idempotencyKey":"k"}`),
	"delete_prompt":        toolRequest("delete_prompt", `{"id":"NAMESPACE/NAME","version":1}`),
	"set_prompt_channel":   toolRequest("set_prompt_channel", `{"id":"NAMESPACE/NAME","channel":"beta"}`),
}

// absentCaller sends requests of a caller who may do everything in one namespace, and nothing elsewhere.
type absentCaller struct {
	*askingReplica
	token  string
	author *catalogtest.Author
}

// newAbsentCallers returns what makes a caller of a new replica, which has nothing in its caches but what the caller may do with
// tools at an endpoint.
func newAbsentCallers(t *testing.T) func(t *testing.T, endpoint string) *absentCaller {
	t.Helper()
	cluster, author := startCluster(t), catalogtest.NewAuthor(t)
	for i := range namesPerAbsence {
		author.Publish(store.Key{Namespace: "team-aa", Name: fmt.Sprintf("known-%02d", i)}, catalogtest.Text("Text {{a}}."))
		author.Publish(store.Key{Namespace: "team-bb", Name: fmt.Sprintf("known-%02d", i)}, catalogtest.Text("Text {{a}}."))
	}
	account, token := cluster.newCaller(t, "agents")
	cluster.grant(t, account, "team-bb", "get", "list", "create", "patch", "delete", "promote")
	cluster.grant(t, account, "team-ee", "get", "list", "create", "patch", "delete", "promote")
	require.NoError(t, cluster.CreateNamespace(t.Context(), "team-aa"))
	return func(t *testing.T, endpoint string) *absentCaller {
		t.Helper()
		caller := &absentCaller{askingReplica: cluster.startReplica(t, author), token: token, author: author}
		caller.post(t, endpoint, absentRequests["get_prompt"].message)
		return caller
	}
}

// send asks for a prompt of a kind and returns the status and the body, and how long it took to get them.
func (c *absentCaller) send(t *testing.T, q absentRequest, kind, number int) (status int, body []byte, took time.Duration) {
	t.Helper()
	name := fmt.Sprintf("%s-%02d", absences[kind].prompt, number)
	message := strings.NewReplacer("NAMESPACE", absences[kind].namespace, "NAME", name).Replace(q.message)
	status, body, took = c.post(t, "/mcp", message)
	// What the caller wrote is theirs to know.
	body = bytes.ReplaceAll(bytes.ReplaceAll(body, []byte(absences[kind].namespace), []byte("NAMESPACE")), []byte(name), []byte("NAME"))
	return status, body, took
}

func (c *absentCaller) post(t *testing.T, path, message string) (status int, body []byte, took time.Duration) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, c.URL+path, strings.NewReader(message))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json, text/event-stream")
	request.Header.Set("Authorization", "Bearer "+c.token)
	began := time.Now()
	response, err := c.HTTP.Do(request)
	require.NoError(t, err)
	body, err = io.ReadAll(response.Body)
	took = time.Since(began)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, body, took
}

// postCounted is post, and says all that may not depend on what is there.
func (c *absentCaller) postCounted(t *testing.T, path, message string) string {
	t.Helper()
	c.statements.take()
	before := c.countReviews(t)
	status, body, _ := c.post(t, path, message)
	return fmt.Sprintf("%d %s\n%d reviews, statements %v", status, body, c.countReviews(t)-before, c.statements.take())
}

// compareNamespaces lists at endpoints of namespaces: of one with prompts that may not be listed, of one that is not there, and of
// one without prompts that may be. Tools are not listed for who has no right in a namespace, so the last is not for them.
func compareNamespaces(t *testing.T, newCaller func(*testing.T, string) *absentCaller) {
	t.Helper()
	for surface, tc := range map[string]struct {
		q         absentRequest
		endpoints []string
	}{
		"prompts/list":         {absentRequest{message: `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`}, []string{"team-aa", "team-zz", "team-ee"}},
		"resources/list":       {absentRequest{message: `{"jsonrpc":"2.0","id":1,"method":"resources/list"}`}, []string{"team-aa", "team-zz", "team-ee"}},
		"completion":           {absentRequest{message: `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"prompt://{namespace}/{name}"},"argument":{"name":"name","value":"kno"}}}`}, []string{"team-aa", "team-zz", "team-ee"}},
		"list_prompts":         {toolRequest("list_prompts", `{}`), []string{"team-aa", "team-zz"}},
		"search_prompts":       {toolRequest("search_prompts", `{"query":"text"}`), []string{"team-aa", "team-zz"}},
		"get_stats":            {toolRequest("get_stats", `{}`), []string{"team-aa", "team-zz"}},
		"find_similar_prompts": {toolRequest("find_similar_prompts", `{"text":"Text {{a}}."}`), []string{"team-aa", "team-zz"}},
	} {
		caller := newCaller(t, "/mcp/team-yy")
		// What is known of all namespaces with prompts tells nothing of one that is named.
		caller.post(t, "/mcp", absentRequests["get_prompt"].message)
		caller.post(t, "/mcp", `{"jsonrpc":"2.0","id":1,"method":"prompts/list"}`)
		var want string
		for i, endpoint := range tc.endpoints {
			got := caller.postCounted(t, "/mcp/"+endpoint, tc.q.message)
			if i == 0 {
				want = got
				t.Logf("%s: %s", surface, got)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-%s +%s)\n%s", surface, tc.endpoints[0], endpoint, diff)
			}
		}
	}
}

// compareTyped completes the beginning of a namespace with prompts that may not be listed, and others that none has. Each is asked
// of a new replica: what one asks the next one would have from a cache.
func compareTyped(t *testing.T, newCaller func(*testing.T, string) *absentCaller) {
	t.Helper()
	const message = `{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"prompt://{namespace}/{name}"},"argument":{"name":"namespace","value":"TYPED"}}}`
	var want string
	for i, typed := range []string{"team-aa", "team-a", "team-ab", "a", "zz"} {
		got := newCaller(t, "/mcp/team-yy").postCounted(t, "/mcp", strings.ReplaceAll(message, "TYPED", typed))
		if i == 0 {
			want = got
			t.Log(got)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-team-aa +%s)\n%s", typed, diff)
		}
	}
}

// compareChanges asks what became of somebody else's change, and of one that nobody asked for.
func compareChanges(t *testing.T, caller *absentCaller) {
	t.Helper()
	others := store.ChangeRequest{
		ID: "6f1c1f0e-0000-4000-8000-000000000001", Key: store.Key{Namespace: "team-bb", Name: "known-00"}, Action: store.ActionDelete, Subject: "somebody else",
	}
	_, err := caller.author.RequestChange(t.Context(), others)
	require.NoError(t, err)
	unknown := "6f1c1f0e-0000-4000-8000-000000000002"
	message := toolRequest("get_prompt_change", `{"changeId":"ID"}`).message
	there := caller.postCounted(t, "/mcp", strings.ReplaceAll(message, `"ID"`, `"`+others.ID+`"`))
	absent := caller.postCounted(t, "/mcp", strings.ReplaceAll(message, `"ID"`, `"`+unknown+`"`))
	t.Log(there)
	if diff := cmp.Diff(strings.ReplaceAll(absent, unknown, others.ID), there); diff != "" {
		t.Errorf("(-nobody's +another's)\n%s", diff)
	}
}

// TestDenial_EqualsAbsence: whether a prompt is there cannot be told by who may not get it, on any surface: not by words, nor by
// what is asked of the database and of the API server, nor by time.
func TestDenial_EqualsAbsence(t *testing.T) {
	t.Parallel()
	newCaller := newAbsentCallers(t)
	for surface, q := range absentRequests {
		t.Run(surface, func(t *testing.T) {
			began, caller := time.Now(), newCaller(t, "/mcp")
			var want string
			for kind := range absences {
				caller.statements.take()
				before := caller.countReviews(t)
				status, body, _ := caller.send(t, q, kind, 0)
				got := fmt.Sprintf("%d %s\n%d reviews, statements %v", status, body, caller.countReviews(t)-before, caller.statements.take())
				if kind == 0 {
					want = got
					t.Log(got)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("(-%s +%s)\n%s", absences[0].name, absences[kind].name, diff)
				}
			}
			if took := time.Since(began); t.Failed() && took > 5*time.Second {
				t.Logf("it took %s, and what is in caches ends after 10 s", took)
			}
		})
	}
	t.Run("namespaces", func(t *testing.T) { compareNamespaces(t, newCaller) })
	t.Run("typed namespaces", func(t *testing.T) { compareTyped(t, newCaller) })
	t.Run("get_prompt_change", func(t *testing.T) { compareChanges(t, newCaller(t, "/mcp")) })
	t.Run("time", func(t *testing.T) { newCaller(t, "/mcp").compareTimes(t) })
}

const (
	// timedRounds is how many requests of each kind are timed, for each surface: one half to learn from, one to test by. Of 2,000
	// guesses at random 55 % are right with a probability of 4 in a million; 18 times that is less than 1 in 10,000.
	timedRounds = 2000
	// maxToldApart is the share of times by which two kinds may be told apart.
	maxToldApart = 0.55
	// timedAttempts is how often two kinds are measured before they count as told apart.
	timedAttempts = 3
)

// compareTimes asks for prompts of all kinds in turns at random, and fails when a threshold tells two of them apart.
func (c *absentCaller) compareTimes(t *testing.T) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	for _, surface := range []string{"prompts/get", "resources/read", "completion", "get_prompt", "list_prompt_versions", "update_prompt"} {
		// What differs is told apart each time; what else the machine does is not.
		told := c.tellKindsApart(t, random, surface)
		for attempt := 1; len(told) > 0 && attempt < timedAttempts; attempt++ {
			t.Logf("%s is measured again: %s", surface, strings.Join(told, "; "))
			told = c.tellKindsApart(t, random, surface)
		}
		for _, kinds := range told {
			t.Errorf("%s: %s, want at most %.0f %%", surface, kinds, 100*maxToldApart)
		}
	}
}

// tellKindsApart asks for prompts of all kinds and says which are told apart from the first one by their times.
func (c *absentCaller) tellKindsApart(t *testing.T, random *rand.Rand, surface string) (told []string) {
	t.Helper()
	took := make([][]time.Duration, len(absences))
	for round := range timedRounds + 100 {
		for _, kind := range random.Perm(len(absences)) {
			_, _, once := c.send(t, absentRequests[surface], kind, random.IntN(namesPerAbsence))
			if round >= 100 { // when caches and connections are warm
				took[kind] = append(took[kind], once)
			}
		}
	}
	for kind := 1; kind < len(absences); kind++ {
		share := tellApart(took[0], took[kind])
		t.Logf("%-20s %s (median %s) and %s (median %s): told apart in %.1f %%", surface,
			absences[0].name, median(took[0]), absences[kind].name, median(took[kind]), 100*share)
		if share > maxToldApart {
			told = append(told, fmt.Sprintf("%s and %s are told apart by their times in %.1f %%", absences[0].name, absences[kind].name, 100*share))
		}
	}
	return told
}

func median(times []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(times))
	return sorted[len(sorted)/2].Round(time.Microsecond)
}

// tellApart learns from every other time the threshold that tells two kinds apart best, and returns for which share of the others it
// is right.
func tellApart(some, others []time.Duration) float64 {
	type sample struct {
		took  time.Duration
		other bool
	}
	var learn, test []sample
	for i := range some {
		half := &learn
		if i%2 == 1 {
			half = &test
		}
		*half = append(*half, sample{some[i], false}, sample{others[i], true})
	}
	slices.SortFunc(learn, func(a, b sample) int { return int(a.took - b.took) })
	// How many are right when all at or below a sample are taken for some, and those above for others.
	right := len(learn) / 2
	best, threshold, otherAbove := right, time.Duration(-1), true
	for i, s := range learn {
		if s.other {
			right--
		} else {
			right++
		}
		if i+1 < len(learn) && learn[i+1].took == s.took {
			continue
		}
		if right > best {
			best, threshold, otherAbove = right, s.took, true
		}
		if len(learn)-right > best {
			best, threshold, otherAbove = len(learn)-right, s.took, false
		}
	}
	correct := 0
	for _, s := range test {
		if (s.took > threshold) == otherAbove == s.other {
			correct++
		}
	}
	return float64(correct) / float64(len(test))
}

// TestTellApart: what differs is told apart, and what does not is not.
func TestTellApart(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	draw := func(shift float64) []time.Duration {
		times := make([]time.Duration, timedRounds)
		for i := range times {
			times[i] = time.Duration(1e6 * (10 + shift + random.NormFloat64()))
		}
		return times
	}
	for name, tc := range map[string]struct {
		shift    float64
		from, to float64
	}{
		"alike": {0, 0.44, 0.55}, "slower by a deviation": {1, 0.63, 0.76}, "faster by a deviation": {-1, 0.63, 0.76}, "by three": {3, 0.88, 1},
	} {
		if got := tellApart(draw(0), draw(tc.shift)); got < tc.from || got > tc.to {
			t.Errorf("%s: told apart in %.3f, want %.2f to %.2f", name, got, tc.from, tc.to)
		}
	}
}

package access

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/testenv/require"
	"github.com/lectern-dev/lectern/server/transport/transporttest"
)

// endpoints are all of them: for all namespaces, for one of each kind of right, and for one that nobody made.
var endpoints = []string{"", red, blue, "nowhere"}

// TestWhoGetsIn has every kind of caller ask for everything at every endpoint.
func TestWhoGetsIn(t *testing.T) {
	w := getWorld(t)
	callers, err := w.newCallers(t.Context())
	require.NoError(t, err)
	w.tryCallers(t, callers)
}

// tryCallers has callers ask for everything at every endpoint, and holds the answers to what Kubernetes says of each of them.
func (w *world) tryCallers(t *testing.T, callers []*caller) {
	t.Helper()
	before := w.describeObjects(t)
	cases := 0
	for _, c := range callers {
		w.waitForRights(t, c)
		for _, endpoint := range endpoints {
			t.Run(c.name+" at /mcp/"+endpoint, func(t *testing.T) {
				for _, s := range slices.Concat(listSurfaces, getSurfaces, writeSurfaces, connectionSurfaces) {
					cases += w.tryAll(t, c, endpoint, s)
				}
			})
		}
	}
	if diff := cmp.Diff(before, w.describeObjects(t)); diff != "" {
		t.Errorf("objects were changed by who may not (-before +after)\n%s", diff)
	}
	t.Logf("%d callers at %d endpoints: %d cases", len(callers), len(endpoints), cases)
}

// waitForRights waits until both servers let a caller in who was made just now: RBAC reaches the API server's own caches a
// moment later, and a denial is kept for 10 s.
func (w *world) waitForRights(t *testing.T, c *caller) {
	t.Helper()
	for range w.Endpoints {
		if allowed, err := w.may(t.Context(), c, "list", red, ""); err != nil || !allowed {
			require.NoError(t, err)
			return
		}
		require.Eventually(t, func() error {
			reply := w.send(t, c, "/mcp/"+red, transporttest.CallTool("get_stats", object{}))
			if !strings.Contains(reply.Body, red) {
				return fmt.Errorf("%s has no rights yet: %d %s", c.name, reply.Status, reply.Body)
			}
			return nil
		})
	}
}

// describeObjects returns the resource version of every prompt.
func (w *world) describeObjects(t *testing.T) map[string]string {
	t.Helper()
	var all v1alpha1.PromptList
	require.NoError(t, w.api.List(t.Context(), &all))
	found := map[string]string{}
	for i := range all.Items {
		found[client.ObjectKeyFromObject(&all.Items[i]).String()] = all.Items[i].ResourceVersion
	}
	return found
}

// tryAll asks by one surface for everything a caller may ask for, and returns how many requests that were.
func (w *world) tryAll(t *testing.T, c *caller, endpoint string, s surface) int {
	t.Helper()
	if !s.named {
		w.tryList(t, c, endpoint, s)
		return 1
	}
	targets := []target{
		{endpoint, red, handover}, {endpoint, red, fragment}, {endpoint, blue, handover}, {endpoint, blue, "only-" + blue}, {endpoint, green, fragment},
	}
	if s.verb == "use" {
		targets = []target{{endpoint, red, helpdesk}, {endpoint, blue, helpdesk}}
	}
	for _, a := range targets {
		w.tryNamed(t, c, a, s)
	}
	return 2 * len(targets)
}

// mayAt returns whether a caller may do something at an endpoint, which narrows what Kubernetes allows.
func (w *world) mayAt(t *testing.T, c *caller, endpoint, verb, namespace, name string) bool {
	t.Helper()
	if endpoint != "" && endpoint != namespace {
		return false
	}
	allowed, err := w.may(t.Context(), c, verb, namespace, name)
	require.NoError(t, err)
	return allowed
}

// visibleAt returns the namespaces whose prompts a caller may list at an endpoint, or whose connection they may use.
func (w *world) visibleAt(t *testing.T, c *caller, endpoint, verb string) []string {
	t.Helper()
	name := ""
	if verb == "use" {
		name = helpdesk
	} else {
		verb = "list"
	}
	var visible []string
	for _, namespace := range namespaces {
		if w.mayAt(t, c, endpoint, verb, namespace, name) {
			visible = append(visible, namespace)
		}
	}
	return visible
}

// tryList asks for a list: it must tell of what the caller may list, and of nothing else.
func (w *world) tryList(t *testing.T, c *caller, endpoint string, s surface) {
	t.Helper()
	reply := w.ask(t, c, endpoint, s.request(target{endpoint: endpoint}))
	if w.isTurnedAway(t, c, s, reply) {
		return
	}
	visible := w.visibleAt(t, c, endpoint, s.verb)
	for _, namespace := range namespaces {
		switch is := strings.Contains(reply.Body, namespace); {
		case is && !slices.Contains(visible, namespace):
			t.Errorf("%s tells of %s: %s", s.name, namespace, reply.Body)
		case !is && slices.Contains(visible, namespace) && s.shows:
			t.Errorf("%s does not tell of %s: %d %s", s.name, namespace, reply.Status, reply.Body)
		}
	}
	for _, total := range readTotals(reply.Body) {
		if total > listedInEach*len(visible) {
			t.Errorf("%s counts %d, and the caller may list %d: %s", s.name, total, listedInEach*len(visible), reply.Body)
		}
	}
}

var totals = regexp.MustCompile(`(?:total\\*": ?| of )(\d+)`)

// readTotals returns every number that says how many there are.
func readTotals(body string) []int {
	var found []int
	for _, match := range totals.FindAllStringSubmatch(body, -1) {
		n, _ := strconv.Atoi(match[1]) // it is digits
		found = append(found, n)
	}
	return found
}

// isTurnedAway says whether nobody is proven by the caller's token, and holds the answer to that.
func (w *world) isTurnedAway(t *testing.T, c *caller, s surface, reply transporttest.Reply) bool {
	t.Helper()
	if c.user != nil {
		return false
	}
	if reply.Status != http.StatusUnauthorized || reply.Header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: %d, WWW-Authenticate %q: %s", s.name, reply.Status, reply.Header.Get("WWW-Authenticate"), reply.Body)
	}
	if strings.Contains(reply.Body, "zq") {
		t.Errorf("%s tells of something: %s", s.name, reply.Body)
	}
	return true
}

// tryNamed asks for one prompt, and for one of a name as long that does not exist. To who may not, both are the same.
func (w *world) tryNamed(t *testing.T, c *caller, a target, s surface) {
	t.Helper()
	unknown := target{a.endpoint, a.namespace, absent}
	if len(a.name) != len(absent) {
		unknown.name = strings.Repeat("x", len(a.name))
	}
	q := s.request(a)
	name := a.name
	if s.verb == "create" || s.verb == "list" {
		name = ""
	}
	allowed := w.mayAt(t, c, a.endpoint, s.verb, a.namespace, name)
	if allowed && !isReading(s.verb) {
		return // who may is not tried here
	}
	reply, other := w.ask(t, c, a.endpoint, q), w.ask(t, c, a.endpoint, s.request(unknown))
	if w.isTurnedAway(t, c, s, reply) {
		return
	}
	told := []string{}
	if s.verb == "create" {
		told = append(told, a.endpoint, a.namespace) // it says which namespace is meant, and nothing is of that yet
	}
	if allowed {
		told = append(told, a.namespace)
	}
	if s.listsToo && allowed {
		told = append(told, w.visibleAt(t, c, a.endpoint, s.verb)...)
	}
	rest := withoutRequest(reply.Body, q)
	for _, namespace := range namespaces {
		if strings.Contains(rest, namespace) && !slices.Contains(told, namespace) {
			t.Errorf("%s of %s tells of %s: %s", s.name, a.id(), namespace, reply.Body)
		}
	}
	if allowed && q.RPC == "tools/call" && !w.hasTool(t, c, a.endpoint, s.verb) {
		if !strings.Contains(reply.Body, "no such tool") {
			t.Errorf("%s is there for who has no right to its verb on all prompts of a namespace: %s", s.name, reply.Body)
		}
		return
	}
	if allowed {
		if !strings.Contains(rest, s.says) {
			t.Errorf("%s of %s does not say %q: %d %s", s.name, a.id(), s.says, reply.Status, reply.Body)
		}
		if s.shows && a.name != fragment && !strings.Contains(rest, a.namespace) {
			t.Errorf("%s of %s tells nothing: %d %s", s.name, a.id(), reply.Status, reply.Body)
		}
		return
	}
	hide := strings.NewReplacer(a.name, "NAME", unknown.name, "NAME")
	want, got := normalize(other, hide), normalize(reply, hide)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s may not be read, and is not as one that is unknown (-unknown +denied)\n%s", s.name, a.id(), diff)
	}
}

// hasTool says whether the tools of a verb are there for a caller. A right to single prompts by name makes none: there is no
// question by which it could be found out.
func (w *world) hasTool(t *testing.T, c *caller, endpoint, verb string) bool {
	t.Helper()
	if allowed, err := w.may(t.Context(), c, verb, "", ""); err != nil || allowed {
		require.NoError(t, err)
		return true
	}
	return slices.ContainsFunc(w.visibleAt(t, c, endpoint, verb), func(namespace string) bool { return verb == "use" || w.mayAt(t, c, endpoint, verb, namespace, "") })
}

func isReading(verb string) bool { return verb == "get" || verb == "list" || verb == "use" }

// withoutRequest removes what the caller said itself.
func withoutRequest(body string, q transporttest.Request) string {
	said := textsOf(q.Params)
	slices.SortFunc(said, func(a, b string) int { return len(b) - len(a) })
	for _, text := range said {
		if text != "" && !slices.Contains(namespaces, text) {
			body = strings.ReplaceAll(body, text, "")
		}
	}
	return body
}

// textsOf returns every text in a JSON value.
func textsOf(value any) []string {
	var found []string
	switch v := value.(type) {
	case string:
		return []string{v}
	case object:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			found = append(found, textsOf(v[name])...)
		}
	case []string:
		return v
	}
	return found
}

// normalize returns what two answers that say the same have in common.
func normalize(reply transporttest.Reply, names *strings.Replacer) string {
	return fmt.Sprintf("%d %s %d bytes: %s", reply.Status, reply.Header.Get("Content-Type"), len(reply.Body), names.Replace(reply.Body))
}

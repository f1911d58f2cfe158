package prompts

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// roles is an Authorizer by what is written down: "list", "list it" or "get it/greeting" is allowed. It counts.
type roles struct {
	mu      sync.Mutex
	allowed []string
	away    bool
	// left is how many questions are answered; below zero all.
	left         int
	asked, again int
}

func newRoles(allowed ...string) *roles { return &roles{allowed: allowed, left: -1} }

func (r *roles) answer(verb auth.Verb, key store.Key) error {
	r.asked++
	right := strings.TrimSuffix(string(verb)+" "+key.String(), "/")
	switch {
	case r.away:
		return fmt.Errorf("dial secret: %w", auth.ErrUnavailable)
	case r.left == 0:
		return auth.ErrReviewsSpent
	case slices.Contains(r.allowed, strings.TrimSpace(right)):
		r.left--
		return nil
	}
	r.left--
	return fmt.Errorf("%s: %w", right, auth.ErrDenied)
}

func (r *roles) Authorize(_ context.Context, _ auth.Identity, verb auth.Verb, key store.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.answer(verb, key)
}

func (r *roles) AuthorizeAgain(_ context.Context, _ auth.Identity, verb auth.Verb, key store.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.again++
	return r.answer(verb, key)
}

func (r *roles) VisibleNamespaces(ctx context.Context, identity auth.Identity, candidates auth.Candidates) (auth.Visible, error) {
	if r.Authorize(ctx, identity, auth.List, store.Key{}) == nil {
		return auth.Visible{Scope: store.Scope{All: true}}, nil
	}
	namespaces, err := candidates(ctx)
	var visible auth.Visible
	for _, namespace := range namespaces {
		if r.Authorize(ctx, identity, auth.List, store.Key{Namespace: namespace}) == nil {
			visible.Scope.Namespaces = append(visible.Scope.Namespaces, namespace)
		}
	}
	return visible, err
}

func (r *roles) set(allowed ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.allowed, r.asked, r.again = allowed, 0, 0
}

// takeAsked returns how many questions there were since it was last called.
func (r *roles) takeAsked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.asked
	r.asked, r.again = 0, 0
	return n
}

// namespaceCatalog has namespaces and nothing else.
type namespaceCatalog struct {
	Catalog
	namespaces []string
}

func (c namespaceCatalog) ListNamespaces(context.Context) ([]string, error) { return c.namespaces, nil }
func (c namespaceCatalog) RetryAfter() time.Duration                        { return time.Second }

// numbered returns namespaces team-00, team-01 ...
func numbered(n int) []string {
	namespaces := make([]string, n)
	for i := range namespaces {
		namespaces[i] = fmt.Sprintf("team-%02d", i)
	}
	return namespaces
}

// serviceFor is a service with every tool, for a bot of namespace home.
func serviceFor(t *testing.T, rights *roles, namespaces []string) (*Service, context.Context) {
	t.Helper()
	s := New(Config{
		Authorizer: rights, Catalog: namespaceCatalog{namespaces: namespaces}, Version: "v0",
		Library: struct{ Library }{}, Changes: struct{ Changes }{},
	})
	t.Cleanup(s.Stop)
	return s, auth.WithIdentity(t.Context(), auth.Identity{Subject: "system:serviceaccount:home:bot"})
}

// TestFindVerbs: everywhere, near, and then where the caller may list; so many questions and no more, and what they do not decide is
// as allowed.
func TestFindVerbs(t *testing.T) {
	t.Parallel()
	const undecided = "create delete get list patch promote"
	for name, tc := range map[string]struct {
		allowed    []string
		endpoint   string
		namespaces int
		want       string
		asked      int
	}{
		"everything":                      {[]string{"get", "list", "create", "patch", "delete", "promote"}, "", 50, undecided, 6},
		"reads everywhere":                {[]string{"get", "list"}, "", 3, "get list", 6 + 4 + 3*4},
		"in the caller's own":             {[]string{"create home", "list home"}, "", 0, "create list", 12},
		"in the endpoint's":               {[]string{"get it", "promote it", "patch home", "patch team-00"}, "it", 50, "get promote", 12},
		"not where it may not be listed":  {[]string{"create team-01"}, "", 3, "", 12 + 3},
		"where it may be listed":          {[]string{"list team-02", "create team-02"}, "", 3, "create list", 12 + 3 + 5},
		"nothing":                         {nil, "", 20, "", 12 + 20},
		"nothing, at the endpoint of one": {nil, "it", 50, "", 12},
		"nothing, in too many to ask":     {nil, "", 200, undecided, 48},
		"the last one that is asked":      {[]string{"list team-35", "get team-35"}, "", 36, undecided, 48},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := newRoles(tc.allowed...)
			s, ctx := serviceFor(t, rights, numbered(tc.namespaces))
			verbs, err := s.findVerbs(ctx, tc.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for verb, is := range verbs {
				if is {
					got = append(got, string(verb))
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if asked := rights.takeAsked(); asked != tc.asked {
				t.Errorf("%d questions were asked, not %d", asked, tc.asked)
			}
		})
	}
}

// TestToolFilter_Unavailable: where nobody can be asked, tools are as they were listed last, for as long as clients may keep
// such a list, and then nothing is answered.
func TestToolFilter_Unavailable(t *testing.T) {
	t.Parallel()
	rights := newRoles("get", "list")
	s, ctx := serviceFor(t, rights, nil)
	filter := newToolFilter(s)
	now := time.Now()
	filter.now = func() time.Time { return now }
	call := &transport.Call{}
	listed := func() string {
		isListed, err := filter.ListedTools(ctx, call)
		instructions, again := filter.InstructionsFor(ctx, call)
		one, last := filter.IsListed(ctx, call, "get_prompt")
		if err != nil {
			if again == nil || last == nil || one || instructions != "" {
				t.Errorf("the list fails, and instructions %v, a call %v", again, last)
			}
			return err.Error()
		}
		if again != nil || last != nil || !one {
			t.Errorf("the list is there, but instructions %v, a call %t %v", again, one, last)
		}
		var names []string
		for name := range toolVerbs {
			if isListed(name) {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	const reading = "apply_template diff_prompt_versions find_similar_prompts get_prompt get_stats list_prompt_versions list_prompts search_prompts"
	if diff := cmp.Diff(reading, listed()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	rights.away = true
	now = now.Add(29 * time.Second)
	if diff := cmp.Diff(reading, listed()); diff != "" {
		t.Errorf("after 29 s away (-want +got)\n%s", diff)
	}
	now = now.Add(2 * time.Second)
	if diff := cmp.Diff("your rights cannot be checked now, try again in 1 s", listed()); diff != "" {
		t.Errorf("after 31 s away (-want +got)\n%s", diff)
	}
	rights.away = false
	if diff := cmp.Diff(reading, listed()); diff != "" {
		t.Errorf("afterwards (-want +got)\n%s", diff)
	}
}

// TestToolFilter_SameWork: to call a tool that is not listed costs what it costs to call one that is not there.
func TestToolFilter_SameWork(t *testing.T) {
	t.Parallel()
	rights := newRoles("list team-03", "get team-03")
	s, ctx := serviceFor(t, rights, numbered(10))
	filter := newToolFilter(s)
	for _, name := range []string{"add_prompt", "no_such_tool", "get_prompt_change", "set_prompt_channel"} {
		listed, err := filter.IsListed(ctx, &transport.Call{}, name)
		if asked := rights.takeAsked(); listed || err != nil || asked != 27 {
			t.Errorf("%s: %t, %v, after %d questions", name, listed, err, asked)
		}
	}
	if listed, err := filter.IsListed(ctx, &transport.Call{}, "get_prompt"); !listed || err != nil || rights.takeAsked() != 0 {
		t.Errorf("get_prompt, which was found to be listed: %t, %v", listed, err)
	}
}

// TestToolVerbs: every tool is listed by some right.
func TestToolVerbs(t *testing.T) {
	t.Parallel()
	s := everyTool()
	defer s.Stop()
	for _, name := range s.ToolNames() {
		if len(toolVerbs[name]) == 0 || !everyVerb.offersTool(name) {
			t.Errorf("%s is listed for nobody", name)
		}
	}
	if len(toolVerbs) != len(s.ToolNames()) {
		t.Errorf("verbs of %d tools, of which there are %d", len(toolVerbs), len(s.ToolNames()))
	}
}

func TestComposeInstructions(t *testing.T) {
	t.Parallel()
	s := everyTool()
	defer s.Stop()
	const kept = "Lectern serves the prompts of an organisation, kept as Kubernetes objects. "
	const rendering = "prompts/get renders one, as `name` in its default version, `name@3` in a version, `name@production` in a channel. " +
		"The receipt in _meta says which version it was."
	const waiting = " A change that takes long is accepted first; get_prompt_change says what became of it."
	for want, verbs := range map[string]verbSet{
		kept + "prompts/list shows them with their arguments; " + rendering +
			" The tools do the same and more: search_prompts finds a prompt by what it says, get_prompt shows it as written, apply_template fills it in." +
			" add_prompt and update_prompt make versions, which never change; set_prompt_channel decides which one others get." + waiting: everyVerb,
		kept + "prompts/list shows them with their arguments; " + rendering +
			" The tools do the same and more: search_prompts finds a prompt by what it says, get_prompt shows it as written, apply_template fills it in.": {auth.Get: true, auth.List: true},
		kept + rendering + " The tools do the same and more: get_prompt shows a prompt as written, apply_template fills it in." +
			" set_prompt_channel decides which version others get." + waiting: {auth.Get: true, auth.Promote: true},
		kept + "prompts/list shows them with their arguments. The tools do the same and more: search_prompts finds a prompt by what it says." +
			" update_prompt makes versions, which never change." + waiting: {auth.List: true, auth.Patch: true},
		kept + "None of them is yours to read here; ask for the verbs get and list on prompts.lectern.dev.":                                           {},
		kept + "None of them is yours to read here; ask for the verbs get and list on prompts.lectern.dev. delete_prompt deletes a prompt." + waiting: {auth.Delete: true},
	} {
		if diff := cmp.Diff(want, s.composeInstructions(verbs, transport.Narrowing{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

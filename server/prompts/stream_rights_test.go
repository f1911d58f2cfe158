package prompts

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// mayFollow returns how many of some resources a stream may follow at the endpoint for all.
func mayFollow(t *testing.T, s *Service, ctx context.Context, uris []string) int { //nolint:revive // t first, as everywhere
	t.Helper()
	may, err := s.MayFollow(ctx, uris)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, is := range may {
		if is {
			n++
		}
	}
	return n
}

// TestMayFollow: a stream follows up to 256 resources, which are decided by rights alone. Where one right is for many of them
// it is asked once; and what the reviews of a request do not decide is not followed.
func TestMayFollow(t *testing.T) {
	t.Parallel()
	named := func(i int) string { return fmt.Sprintf("prompt://it/p%d", i) }
	uris := make([]string, 256)
	var each []string
	for i := range uris {
		uris[i] = named(i)
		each = append(each, fmt.Sprintf("get it/p%d", i))
	}
	for name, tc := range map[string]struct {
		allowed         []string
		left            int
		followed, asked int
	}{
		"all prompts":                    {[]string{"get"}, 64, 256, 1},
		"those of the namespace":         {[]string{"get it"}, 64, 256, 2},
		"each by its name":               {each, 64, 62, 258},
		"each by its name, and time":     {each, -1, 256, 258},
		"one of them":                    {[]string{"get it/p0"}, 64, 1, 258},
		"those of another namespace":     {[]string{"get support"}, -1, 0, 258},
		"the right to list is no such":   {[]string{"list", "list it"}, -1, 0, 258},
		"nobody has reviews left for it": {[]string{"get"}, 0, 0, 258},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := newRoles(tc.allowed...)
			rights.left = tc.left
			s, ctx := serviceFor(t, rights, nil)
			if got := mayFollow(t, s, ctx, uris); got != tc.followed {
				t.Errorf("%d of 256 are followed, not %d", got, tc.followed)
			}
			if asked := rights.takeAsked(); asked != tc.asked {
				t.Errorf("%d questions, not %d", asked, tc.asked)
			}
		})
	}
	s, ctx := serviceFor(t, &roles{away: true, left: -1}, nil)
	_, err := s.MayFollow(ctx, uris[:1])
	if err == nil || err.Error() != "your rights cannot be checked now, try again in 1 s" {
		t.Errorf("with nobody to ask: %v", err)
	}
}

// streamReview reviews one stream again and again.
type streamReview struct {
	followed transport.Followed
	service  *Service
	ctx      context.Context //nolint:containedctx // the stream's
}

func (r *streamReview) next(t *testing.T) transport.StreamRights {
	t.Helper()
	found, err := r.service.ReviewStreams(r.ctx, []transport.Followed{r.followed})
	if err != nil {
		t.Fatal(err)
	}
	r.followed.Last = &found[0]
	return found[0]
}

// TestReviewStreams: a stream lives on any right to what it follows, and on one question as long as that stays.
func TestReviewStreams(t *testing.T) {
	t.Parallel()
	uris := []string{"prompt://it/a", "prompt://it/b", "prompt://support/c"}
	for name, tc := range map[string]struct {
		followed transport.Followed
		allowed  []string
		want     bool
	}{
		"lists, by a right everywhere":               {transport.Followed{Prompts: true}, []string{"list"}, true},
		"lists, by a right in one of many":           {transport.Followed{Resources: true}, []string{"list team-41"}, true},
		"lists at an endpoint":                       {transport.Followed{Prompts: true, Namespace: "it"}, []string{"list it"}, true},
		"lists at an endpoint, by a right elsewhere": {transport.Followed{Prompts: true, Namespace: "it"}, []string{"list team-41"}, false},
		"lists, by a right to get":                   {transport.Followed{Prompts: true, Resources: true}, []string{"get"}, false},
		"tools, by any right":                        {transport.Followed{Tools: true}, []string{"promote home"}, true},
		"tools, by none":                             {transport.Followed{Tools: true}, nil, false},
		"a resource, by its name":                    {transport.Followed{URIs: uris}, []string{"get support/c"}, true},
		"a resource at another endpoint":             {transport.Followed{URIs: uris, Namespace: "it"}, []string{"get support/c"}, false},
		"lists and a resource, by that":              {transport.Followed{Prompts: true, URIs: uris}, []string{"get it"}, true},
		"everything, by nothing":                     {transport.Followed{Prompts: true, Resources: true, Tools: true, URIs: uris}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := newRoles(tc.allowed...)
			s, ctx := serviceFor(t, rights, numbered(50))
			stream := streamReview{tc.followed, s, ctx}
			if opened := stream.next(t); !opened.Readable {
				t.Error("it ends as it is opened")
			}
			rights.takeAsked()
			if got := stream.next(t); got.Readable != tc.want {
				t.Errorf("readable is %t", got.Readable)
			}
			if !tc.want {
				return
			}
			rights.takeAsked()
			stream.next(t)
			rights.mu.Lock()
			again := rights.again
			rights.mu.Unlock()
			if again != 1 {
				t.Errorf("%d questions past the caches, for a right that stays", again)
			}
			rights.set()
			if stream.next(t).Readable {
				t.Error("it lives on after its right")
			}
		})
	}
}

// TestReviewStreams_Unavailable says nothing of streams.
func TestReviewStreams_Unavailable(t *testing.T) {
	t.Parallel()
	rights := newRoles("list")
	s, ctx := serviceFor(t, rights, nil)
	stream := streamReview{transport.Followed{Prompts: true}, s, ctx}
	stream.next(t)
	rights.away = true
	if found, err := s.ReviewStreams(ctx, []transport.Followed{stream.followed}); err == nil {
		t.Errorf("found %v", found)
	}
}

// TestReviewStreams_Changes: what comes and goes of a caller's rights is seen, sooner or later by where it is, within a bound on
// each review; what stays is not told.
func TestReviewStreams_Changes(t *testing.T) {
	t.Parallel()
	everything := transport.Followed{Prompts: true, Tools: true}
	before := []string{"list team-07", "get team-07"}
	with := func(more ...string) []string { return append(append([]string{}, before...), more...) }
	for name, tc := range map[string]struct {
		after        []string
		tools, lists bool
		within       int
	}{
		"nothing":                              {before, false, false, 40},
		"a right everywhere":                   {with("create"), true, false, 1},
		"a right in the caller's namespace":    {with("promote home"), true, false, 1},
		"a right where the caller may list":    {with("patch team-07"), true, false, 8},
		"a right where the caller may not":     {with("patch team-08"), false, false, 40},
		"a namespace to list, with more of it": {with("list team-24", "patch team-24"), true, true, 8},
		"everything to list":                   {with("list"), false, true, 1},
		"no tool that reads any more":          {[]string{"list team-07"}, true, false, 1},
		"a namespace elsewhere instead":        {[]string{"list team-29", "get team-29"}, true, true, 8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rights := newRoles(before...)
			s, ctx := serviceFor(t, rights, numbered(30))
			stream := streamReview{everything, s, ctx}
			stream.next(t)
			for range 20 {
				if got := stream.next(t); got.ToolsChanged || got.ListsChanged {
					t.Fatalf("nothing changed, but %+v", got)
				}
			}
			rights.set(tc.after...)
			most, tools, lists, n := 0, false, false, 0
			for n = 1; n <= tc.within; n++ {
				got := stream.next(t)
				most = max(most, rights.takeAsked())
				tools, lists = tools || got.ToolsChanged, lists || got.ListsChanged
				if tools == tc.tools && lists == tc.lists && (tools || lists) {
					break
				}
			}
			t.Logf("seen after %d reviews, of at most %d questions", min(n, tc.within), most)
			if diff := cmp.Diff([]bool{tc.tools, tc.lists}, []bool{tools, lists}); diff != "" {
				t.Errorf("tools and lists (-want +got)\n%s", diff)
			}
			if most > reviewsOfChanges+50 {
				t.Errorf("%d questions in a review", most)
			}
		})
	}
}

// TestReviewStreams_Together: streams of a caller at an endpoint are one look at their rights.
func TestReviewStreams_Together(t *testing.T) {
	t.Parallel()
	rights := newRoles("list", "get")
	s, ctx := serviceFor(t, rights, numbered(5))
	streams := make([]transport.Followed, 16)
	for i := range streams {
		streams[i] = transport.Followed{Prompts: true, Tools: true, URIs: []string{"prompt://it/a"}}
	}
	review := func() int {
		rights.takeAsked()
		found, err := s.ReviewStreams(auth.WithReviewBudget(ctx, 1000), streams)
		if err != nil {
			t.Fatal(err)
		}
		for i := range streams {
			streams[i].Last = &found[i]
		}
		return rights.takeAsked()
	}
	review()
	review()
	many := review()
	streams = streams[:1]
	one := review()
	t.Logf("%d questions for 16 streams, %d for one", many, one)
	if many != one {
		t.Errorf("%d questions for 16 streams, %d for one", many, one)
	}
}

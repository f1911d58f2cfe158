package prompts

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// toolQuestions bounds what is asked to find out which tools are listed for a caller: most of the 64 reviews of a request,
	// and not all, since a call of a tool is decided after it by what it names. What is not decided by then is listed.
	toolQuestions = 48
	// toolReviewTimeout is how long that may take.
	toolReviewTimeout = 5 * time.Second
	// keptVerbs is of how many callers, at endpoints, it is kept which verbs were theirs.
	keptVerbs = 4096
)

// toolVerbs are the verbs without one of which a tool is of no use to a caller. What became of a change can only ask who
// may ask for one.
var toolVerbs = map[string][]auth.Verb{
	"get_prompt": {auth.Get}, "apply_template": {auth.Get}, "list_prompt_versions": {auth.Get}, "diff_prompt_versions": {auth.Get},
	"list_prompts": {auth.List}, "search_prompts": {auth.List}, "find_similar_prompts": {auth.List}, "get_stats": {auth.List},
	"add_prompt": {auth.Create}, "update_prompt": {auth.Patch}, "delete_prompt": {auth.Delete}, "set_prompt_channel": {auth.Promote},
	"get_prompt_change": {auth.Create, auth.Patch, auth.Delete, auth.Promote},
}

// verbSet are the verbs that a caller may use somewhere, or may be able to.
type verbSet map[auth.Verb]bool

// offersTool reports whether a tool is listed.
func (v verbSet) offersTool(name string) bool {
	for _, verb := range toolVerbs[name] {
		if v[verb] {
			return true
		}
	}
	return false
}

// ToolFilter lists tools by the rights of their callers. A call is decided by what it names all the same.
type ToolFilter struct {
	service *Service
	now     func() time.Time

	mu   sync.Mutex
	kept *simplelru.LRU[callerAtEndpoint, datedVerbs]
}

// callerAtEndpoint is the same for callers with the same rights at an endpoint.
type callerAtEndpoint struct{ rights, endpoint string }

// datedVerbs are verbs, and until when they are good for a list of tools.
type datedVerbs struct {
	verbs   verbSet
	expires time.Time
}

func newToolFilter(s *Service) *ToolFilter {
	kept, err := simplelru.NewLRU[callerAtEndpoint, datedVerbs](keptVerbs, nil)
	if err != nil {
		panic(err) // only a size below one is refused
	}
	return &ToolFilter{service: s, now: time.Now, kept: kept}
}

// ListedTools implements transport.ToolFilter.
func (f *ToolFilter) ListedTools(ctx context.Context, call *transport.Call) (func(name string) bool, error) {
	verbs, err := f.findVerbs(ctx, call)
	if err != nil {
		return nil, err
	}
	return verbs.offersTool, nil
}

// IsListed implements transport.ToolFilter. What was listed lately is still.
func (f *ToolFilter) IsListed(ctx context.Context, call *transport.Call, name string) (bool, error) {
	if last, known := f.lastVerbs(ctx, call.Namespace); known && last.offersTool(name) {
		return true, nil
	}
	verbs, err := f.findVerbs(ctx, call)
	return err == nil && verbs.offersTool(name), err
}

// findVerbs returns the verbs of the caller of a call; those of the last list where nobody can be asked now and it has not
// expired. The error is a *transport.Failure.
func (f *ToolFilter) findVerbs(ctx context.Context, call *transport.Call) (verbSet, error) {
	endpoint := call.Namespace
	verbs, err := f.service.findVerbs(ctx, endpoint)
	if err == nil {
		f.keep(ctx, endpoint, verbs)
		return verbs, nil
	}
	if last, known := f.lastVerbs(ctx, endpoint); known && errors.Is(err, auth.ErrUnavailable) {
		return last, nil
	}
	return nil, f.service.failureFor(ctx, store.Key{Namespace: endpoint}, err)
}

func (f *ToolFilter) keep(ctx context.Context, endpoint string, verbs verbSet) {
	identity, _ := auth.FromContext(ctx)
	key := callerAtEndpoint{rights: auth.RightsKey(identity), endpoint: endpoint}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.kept.Add(key, datedVerbs{verbs: verbs, expires: f.now().Add(toolsTTL)})
}

// lastVerbs returns the verbs of the last list of tools, while that is good.
func (f *ToolFilter) lastVerbs(ctx context.Context, endpoint string) (verbSet, bool) {
	identity, _ := auth.FromContext(ctx)
	key := callerAtEndpoint{rights: auth.RightsKey(identity), endpoint: endpoint}
	f.mu.Lock()
	defer f.mu.Unlock()
	last, known := f.kept.Get(key)
	return last.verbs, known && f.now().Before(last.expires)
}

// findVerbs returns the verbs that tools are listed for. The error wraps auth.ErrUnavailable.
func (s *Service) findVerbs(ctx context.Context, endpoint string) (verbSet, error) {
	review, err := s.reviewVerbs(ctx, endpoint)
	if err != nil {
		return nil, err
	}
	verbs := make(verbSet, len(promptVerbs))
	for verb, err := range review.found {
		if err != nil && !errors.Is(err, auth.ErrDenied) && !errors.Is(err, auth.ErrReviewsSpent) {
			return nil, err
		}
		verbs[verb] = !errors.Is(err, auth.ErrDenied)
	}
	return verbs, nil
}

// reviewVerbs asks which verbs the caller may use everywhere, in the namespace of the endpoint or, on the endpoint for all, in
// their own namespace or in any they may list: in this order, the same on every replica. What is undecided when the
// questions run out counts as allowed.
func (s *Service) reviewVerbs(ctx context.Context, endpoint string) (*verbReview, error) {
	ctx, cancel := context.WithTimeout(ctx, toolReviewTimeout)
	defer cancel()
	review, err := s.newVerbReview(ctx, endpoint, promptVerbs, toolQuestions)
	if err != nil {
		return nil, err
	}
	review.askWide(ctx)
	if endpoint == "" && len(review.missing()) > 0 {
		review.askListed(ctx)
	}
	return review, nil
}

package prompts

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// allow judges the caller by a verb and a key, before anything is looked up.
func (s *Surface) allow(ctx context.Context, verb auth.Verb, key store.Key) error {
	identity, err := caller(ctx)
	if err != nil {
		return err
	}
	return s.decider.Allow(ctx, identity, verb, key)
}

// read is one version of the prompt the call names, for a caller who may get it.
func (s *Surface) read(ctx context.Context, in given) (store.PromptView, prompt.Selector, error) {
	key, selector, err := s.locate(ctx, in)
	if err == nil {
		selector, err = selected(in, selector)
	}
	if err == nil {
		err = s.allow(ctx, auth.Get, key)
	}
	if err != nil {
		return store.PromptView{}, selector, err
	}
	r, err := s.library.GetView(ctx, key, selector)
	return r, selector, err
}

// gotten is what get_prompt gives beside the text.
type gotten struct {
	shownPrompt
	LatestVersion int64         `json:"latestVersion"`
	Channel       string        `json:"channel,omitempty"`
	Digest        prompt.Digest `json:"digest"`
}

func (s *Surface) getPrompt(ctx context.Context, in given) (answer, error) {
	r, selector, err := s.read(ctx, in)
	if err != nil {
		return answer{}, err
	}
	shown := showPrompt(s.bare(ctx), &r)
	return inJSON(shown, gotten{
		shownPrompt: shown, LatestVersion: r.Latest, Digest: r.Digest,
		Channel: channelOf(selector, slices.Contains(r.Channels, store.Production)),
	})
}

// channelOf is the channel by which a version was found, which is the default one when the caller named
// neither channel nor version.
func channelOf(selector prompt.Selector, production bool) string {
	switch {
	case selector.Channel != "":
		return selector.Channel
	case selector.Version != 0:
		return ""
	case production:
		return store.Production
	default:
		return store.Latest
	}
}

// applied is what apply_template gives beside the text.
type applied struct {
	Text          string        `json:"text"`
	Version       int64         `json:"version"`
	LatestVersion int64         `json:"latestVersion"`
	Channel       string        `json:"channel,omitempty"`
	Digest        prompt.Digest `json:"digest"`
	Ignored       []string      `json:"ignored"`
}

func (s *Surface) applyTemplate(ctx context.Context, in given) (answer, error) {
	key, selector, err := s.locate(ctx, in)
	if err == nil {
		selector, err = selected(in, selector)
	}
	if err != nil {
		return answer{}, err
	}
	body, err := s.readable(ctx, key, selector)
	if err != nil {
		return answer{}, err
	}
	if body.Syntax == prompt.Plain {
		return answer{}, invalid("Prompt '%s' is not a template", cmp.Or(body.Title, key.Name))
	}
	given, _ := in["variables"].(map[string]string)
	known, ignored := taken(body.Arguments, given)
	messages, err := body.Template.Render(known)
	if err != nil {
		return answer{}, err
	}
	result := applied{
		Text: prompt.Content(messages), Version: body.Version, LatestVersion: body.Latest, Digest: body.Digest, Ignored: ignored,
		Channel: channelOf(selector, body.Production),
	}
	return answer{texts: []string{result.Text}, structured: result}, nil
}

// taken parts the variables that are arguments from the names of those that are none.
func taken(arguments []prompt.Argument, variables map[string]string) (known map[string]string, ignored []string) {
	known = make(map[string]string, len(variables))
	for _, a := range arguments {
		if value, ok := variables[a.Name]; ok {
			known[a.Name] = value
		}
	}
	ignored = []string{}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		if _, ok := known[name]; !ok {
			ignored = append(ignored, name)
		}
	}
	return known, ignored
}

// shownSimilar is a near-duplicate.
type shownSimilar struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Similarity float64 `json:"similarity"`
}

func (s *Surface) similar(ctx context.Context, in given) (answer, error) {
	query := store.SimilarQuery{Text: in.text("text"), Threshold: 0.8, Limit: 10}
	if in.has("threshold") {
		query.Threshold, _ = in["threshold"].(float64)
	}
	if limit := in.count("limit"); limit > 0 {
		query.Limit = min(limit, maxSimilar)
	}
	switch {
	case in.has("id") == in.has("text"):
		return answer{}, invalid("give either id or text")
	case !(query.Threshold > 0 && query.Threshold <= 1):
		return answer{}, invalid("argument %q: %v is not greater than 0 and at most 1", "threshold", query.Threshold)
	case len(query.Text) > prompt.MaxText:
		return answer{}, invalid("argument %q: has %d bytes; at most %d (%d KiB) are allowed, as in a prompt", "text", len(query.Text), prompt.MaxText, prompt.MaxText>>10)
	case in.has("id"):
		r, _, err := s.read(ctx, in)
		if err != nil {
			return answer{}, err
		}
		query.Text, query.Except = prompt.Content(r.Document.Written()), r.Key
	}
	scope, err := s.scope(ctx, transport.FromContext(ctx).Namespace)
	if err != nil {
		return answer{}, err
	}
	shown := []shownSimilar{}
	if scope.All || len(scope.Namespaces) > 0 {
		query.Scope = scope
		alike, err := s.library.FindSimilar(ctx, query)
		if err != nil {
			return answer{}, err
		}
		for _, one := range alike {
			shown = append(shown, shownSimilar{
				ID: idOf(s.bare(ctx), one.Key), Name: cmp.Or(one.Title, one.Key.Name), Similarity: one.Similarity,
			})
		}
	}
	return inJSON(shown, struct {
		Prompts []shownSimilar `json:"prompts"`
	}{shown})
}

// maxSimilar is how many near-duplicates are looked at: the store verifies no more.
const maxSimilar = 50

package prompts

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// readVersion returns the version of a prompt that a call names, to a caller who may get it.
func (s *Service) readVersion(ctx context.Context, id string, in selection) (store.PromptView, prompt.Selector, error) {
	key, selector, err := s.resolveVersionID(ctx, id, in)
	if err == nil {
		err = s.authorize(ctx, auth.Get, key)
	}
	if err != nil {
		return store.PromptView{}, selector, err
	}
	r, err := s.library.GetView(ctx, key, selector)
	return r, selector, err
}

type getPromptInput struct {
	ID string `json:"id" description:"Id of the prompt, as lists give it; @3 or @production behind it selects a version"`
	selection
}

func (in getPromptInput) promptID() string { return in.ID }

// getPromptResult is the structured result of get_prompt.
type getPromptResult struct {
	promptJSON
	LatestVersion int64         `json:"latestVersion"`
	Channel       string        `json:"channel,omitempty"`
	Digest        prompt.Digest `json:"digest"`
}

func (s *Service) getPrompt(ctx context.Context, in getPromptInput) (*tool.Result[getPromptResult], error) {
	r, selector, err := s.readVersion(ctx, in.ID, in.selection)
	if err != nil {
		return nil, err
	}
	shown := toPromptJSON(s.omittedNamespace(ctx), &r)
	return tool.NewJSONResult(shown, getPromptResult{
		promptJSON: shown, LatestVersion: r.Latest, Digest: r.Digest,
		Channel: channelUsed(selector, slices.Contains(r.Channels, store.Production)),
	})
}

// channelUsed returns the channel by which a version was found, which is the default one when the caller named
// neither channel nor version.
func channelUsed(selector prompt.Selector, production bool) string {
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

type applyInput struct {
	target
	Variables map[string]string `json:"variables" description:"Values by name; get_prompt lists the names"`
	selection
}

// applyResult is the structured result of apply_template.
type applyResult struct {
	Text          string        `json:"text"`
	Version       int64         `json:"version"`
	LatestVersion int64         `json:"latestVersion"`
	Channel       string        `json:"channel,omitempty"`
	Digest        prompt.Digest `json:"digest"`
	Ignored       []string      `json:"ignored"`
}

func (s *Service) applyTemplate(ctx context.Context, in applyInput) (*tool.Result[applyResult], error) {
	key, selector, err := s.resolveVersionID(ctx, in.ID, in.selection)
	if err != nil {
		return nil, err
	}
	body, err := s.getIfAllowed(ctx, key, selector)
	if err != nil {
		return nil, err
	}
	if body.Syntax == prompt.Plain {
		return nil, tool.NewInvalid("Prompt '%s' is not a template", cmp.Or(body.Title, key.Name))
	}
	known, ignored := splitKnown(body.Arguments, in.Variables)
	messages, err := body.Template.Render(known)
	if err != nil {
		return nil, err
	}
	text := prompt.JoinTexts(messages)
	return tool.NewResult(text, applyResult{
		Text: text, Version: body.Version, LatestVersion: body.Latest, Digest: body.Digest, Ignored: ignored,
		Channel: channelUsed(selector, body.Production),
	}), nil
}

// splitKnown separates the variables that are arguments from the names of those that are none.
func splitKnown(arguments []prompt.Argument, variables map[string]string) (known map[string]string, ignored []string) {
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

type similarInput struct {
	ID        *string  `json:"id,omitempty" description:"Compare with this prompt"`
	Text      *string  `json:"text,omitempty" description:"Or with this text"`
	Threshold *float64 `json:"threshold,omitempty" description:"Minimum similarity, 0 to 1; default 0.8"`
	Limit     *int64   `json:"limit,omitempty" description:"Maximum number of prompts; default 10"`
}

func (in similarInput) promptID() string { return ptr.Deref(in.ID, "") }

// similarResult are near-duplicates.
type similarResult struct {
	Prompts []similarJSON `json:"prompts"`
}

// similarJSON is a near-duplicate.
type similarJSON struct {
	ID         string  `json:"id"`
	Name       string  `json:"name"`
	Similarity float64 `json:"similarity"`
}

func (s *Service) findSimilar(ctx context.Context, in similarInput) (*tool.Result[similarResult], error) {
	query := store.SimilarQuery{Text: ptr.Deref(in.Text, ""), Threshold: ptr.Deref(in.Threshold, 0.8), Limit: 10}
	if limit := ptr.Deref(in.Limit, 0); limit > 0 {
		query.Limit = int(min(limit, maxSimilar))
	}
	switch {
	case (in.ID == nil) == (in.Text == nil):
		return nil, tool.NewInvalid("give either id or text")
	case !(query.Threshold > 0 && query.Threshold <= 1):
		return nil, tool.NewInvalid("argument %q: %v is not greater than 0 and at most 1", "threshold", query.Threshold)
	case len(query.Text) > prompt.MaxText:
		return nil, tool.NewInvalid("argument %q: has %d bytes; at most %d (%d KiB) are allowed, as in a prompt", "text", len(query.Text), prompt.MaxText, prompt.MaxText>>10)
	case in.ID != nil:
		r, _, err := s.readVersion(ctx, *in.ID, selection{})
		if err != nil {
			return nil, err
		}
		query.Text, query.Except = prompt.JoinTexts(r.Document.AsWritten()), r.Key
	}
	scope, err := s.visibleScope(ctx, transport.FromContext(ctx).Namespace)
	if err != nil {
		return nil, err
	}
	shown := []similarJSON{}
	if scope.All || len(scope.Namespaces) > 0 {
		query.Scope = scope
		alike, err := s.library.FindSimilar(ctx, query)
		if err != nil {
			return nil, err
		}
		for _, one := range alike {
			shown = append(shown, similarJSON{
				ID: formatID(s.omittedNamespace(ctx), one.Key), Name: cmp.Or(one.Title, one.Key.Name), Similarity: one.Similarity,
			})
		}
	}
	return tool.NewJSONResult(shown, similarResult{shown})
}

// maxSimilar bounds the near-duplicates of a result: the store verifies no more.
const maxSimilar = 50

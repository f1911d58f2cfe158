package prompts

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// readVersion returns the version of a prompt that a call names, to a caller who may get it.
func (s *Service) readVersion(ctx context.Context, id string, in selection) (store.PromptView, prompt.Selector, error) {
	key, selector, err := s.resolveVersionID(ctx, id, in)
	if err == nil {
		key, err = s.authorizeLookup(ctx, key)
	}
	if err != nil {
		return store.PromptView{}, selector, err
	}
	r, err := s.getView(ctx, key, selector)
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
	return tool.NewJSONResult(promptRow{shown}, getPromptResult{
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
	Variables tool.Scalars `json:"variables" description:"Values by name; get_prompt lists the names"`
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
	IgnoredMore   int           `json:"ignoredMore,omitempty"`
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
	known, ignored, more := splitKnown(body.Arguments, in.Variables)
	messages, err := body.Template.Render(known)
	if err != nil {
		return nil, err
	}
	text := prompt.JoinTexts(messages)
	return tool.NewResult(text, applyResult{
		Text: text, Version: body.Version, LatestVersion: body.Latest, Digest: body.Digest, Ignored: ignored, IgnoredMore: more,
		Channel: channelUsed(selector, body.Production),
	}), nil
}

// maxIgnored is how many of the variables that are no arguments are named.
const maxIgnored = 20

// splitKnown separates the variables that are arguments from the names of those that are none, of which it names the first
// and counts the others.
func splitKnown(arguments []prompt.Argument, variables map[string]string) (known map[string]string, ignored []string, more int) {
	known = make(map[string]string, len(variables))
	for _, a := range arguments {
		if value, ok := variables[a.Name]; ok {
			known[a.Name] = value
		}
	}
	ignored = []string{}
	if len(known) == len(variables) {
		return known, ignored, 0
	}
	for _, name := range slices.Sorted(maps.Keys(variables)) {
		switch _, ok := known[name]; {
		case ok:
		case len(ignored) < maxIgnored:
			ignored = append(ignored, excerpt.Truncate(name, prompt.MaxName))
		default:
			more++
		}
	}
	return known, ignored, more
}

type similarInput struct {
	ID        *string  `json:"id,omitempty" description:"Compare with this prompt"`
	Text      *string  `json:"text,omitempty" description:"Or with this text"`
	Threshold *float64 `json:"threshold,omitempty" description:"Similarity, 0 to 1; default 0.8"`
	Limit     *int64   `json:"limit,omitempty" description:"Maximum number of prompts; default 10"`
	Cursor    *string  `json:"cursor,omitempty" description:"nextCursor from before"`
}

func (in similarInput) promptID() string { return ptr.Deref(in.ID, "") }

// similarResult are near-duplicates.
type similarResult struct {
	Prompts    []similarJSON `json:"prompts"`
	NextCursor string        `json:"nextCursor,omitempty"`
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
		return nil, tool.NewInvalid("argument %q: has %d bytes; at most %d (%d KiB) are allowed, as in a prompt; give a part of it", "text", len(query.Text), prompt.MaxText, prompt.MaxText>>10)
	case in.ID != nil:
		r, _, err := s.readVersion(ctx, *in.ID, selection{})
		if err != nil {
			return nil, err
		}
		query.Text, query.Except = prompt.JoinTexts(r.Document.AsWritten()), r.Key
	}
	return s.compareNext(ctx, query, in)
}

// compareNext compares in all namespaces the caller may list, or in those that could be decided and says how to go on.
func (s *Service) compareNext(ctx context.Context, query store.SimilarQuery, in similarInput) (*tool.Result[similarResult], error) {
	list := tool.Fingerprint("similar", transport.FromContext(ctx).Namespace, in.promptID(), in.Text, query.Threshold, query.Limit)
	part, err := s.decideNext(ctx, list, ptr.Deref(in.Cursor, ""))
	if err != nil {
		return nil, err
	}
	shown := []similarJSON{}
	if !part.isEmpty() {
		query.Scope = part.scope
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
	next, err := s.encodeNext(ctx, list, part)
	if err != nil {
		return nil, err
	}
	result, err := tool.NewJSONResult(shown, similarResult{Prompts: shown, NextCursor: next})
	if err == nil && next != "" {
		result.Texts = append(result.Texts, "Some namespaces were not compared; call again with cursor="+next)
	}
	return result, err
}

// maxSimilar bounds the near-duplicates of a result: the store verifies no more.
const maxSimilar = 50

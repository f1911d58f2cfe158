package prompts

import (
	"context"
	"errors"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// versionTTL is long because a version never changes; it can only be withdrawn.
	versionTTL = 24 * time.Hour
	jsonType   = "application/json"
)

// templates are those of resources/templates/list, in the order of their names.
var templates = []mcp.ResourceTemplate{
	newTemplate(promptTemplate, "prompt", "Prompt", "A prompt in its default version: the text as written, and what is known of it"),
	newTemplate(channelTemplate, "prompt-channel", "Channel of a prompt", "The version a channel of a prompt points to, as production or latest"),
	newTemplate(versionTemplate, "prompt-version", "Version of a prompt", "One version of a prompt, which never changes"),
}

func newTemplate(uri, name, title, description string) mcp.ResourceTemplate {
	return mcp.NewResourceTemplate(uri, name,
		mcp.WithTemplateTitle(title), mcp.WithTemplateDescription(description), mcp.WithTemplateMIMEType(jsonType))
}

func listTemplates(context.Context, *transport.Call) (any, error) {
	return &mcp.ListResourceTemplatesResult{ResourceTemplates: templates}, nil
}

// listResources answers resources/list. It has what prompts/list has, in the same order on the same pages.
func (s *Service) listResources(ctx context.Context, call *transport.Call) (any, error) {
	found, f := s.readPage(ctx, call)
	if f != nil {
		return nil, f
	}
	result := &mcp.ListResourcesResult{Resources: make([]mcp.Resource, len(found.prompts))}
	for i := range found.prompts {
		p := &found.prompts[i]
		result.Resources[i] = mcp.Resource{
			URI: formatURI(p.Key, prompt.Selector{}), Name: formatPromptName(s.omittedNamespace(ctx), p.Key),
			Title: p.Title, Description: p.Description, MIMEType: jsonType,
		}
	}
	found.addPagination(&result.PaginatedResult)
	return result, nil
}

// readResource answers resources/read. Older clients have no word for how long a resource may be kept.
func (s *Service) readResource(ctx context.Context, call *transport.Call) (any, error) {
	key, selector, ok := parseURI(call.URI)
	if !ok {
		return nil, transport.UnknownResource()
	}
	ctx, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	text, err := s.resourceText(ctx, call.Namespace, key, selector)
	switch {
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		return nil, transport.UnknownResource()
	case err != nil:
		return nil, s.failureFor(ctx, key, err)
	}
	result := &mcp.ReadResourceResult{Contents: []mcp.ResourceContents{
		mcp.TextResourceContents{URI: call.URI, MIMEType: jsonType, Text: text},
	}}
	switch {
	case !call.Modern:
	case selector.Version != 0:
		result.SetCacheHints(versionTTL.Milliseconds(), mcp.CacheScopePrivate)
	default:
		result.SetCacheHints(listTTL.Milliseconds(), mcp.CacheScopePrivate)
	}
	return result, nil
}

// resourceText returns the text of the resource of a prompt.
func (s *Service) resourceText(ctx context.Context, endpoint string, key store.Key, selector prompt.Selector) (string, error) {
	key, err := s.authorizeLookup(ctx, key)
	if err != nil {
		return "", err
	}
	record, err := s.getView(ctx, key, selector)
	switch {
	case err != nil:
		return "", err
	case record.Exposure == store.Fragment:
		return "", store.ErrNotFound
	}
	return tool.IndentJSON(toResourceJSON(&record, selector), "")
}

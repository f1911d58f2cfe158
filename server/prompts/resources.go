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

// fillResourceList replaces the answer mcp-go made from its registry. It has what prompts/list has, in
// the same order on the same pages.
func (s *Service) fillResourceList(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, result *mcp.ListResourcesResult) {
	call := transport.FromContext(ctx)
	found, f := s.readPage(ctx, call)
	if f != nil {
		_ = call.Fail(f)
		return
	}
	result.Resources = make([]mcp.Resource, len(found.prompts))
	for i := range found.prompts {
		p := &found.prompts[i]
		result.Resources[i] = mcp.Resource{
			URI: formatURI(p.Key, prompt.Selector{}), Name: formatPromptName(s.omittedNamespace(ctx), p.Key),
			Title: p.Title, Description: p.Description, MIMEType: jsonType,
		}
	}
	found.addPagination(&result.PaginatedResult)
}

func (s *Service) readResource(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	call := transport.FromContext(ctx)
	key, selector, ok := parseURI(request.Params.URI)
	if !ok {
		return nil, call.Fail(transport.UnknownResource())
	}
	ctx, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	text, err := s.resourceText(ctx, call.Namespace, key, selector)
	switch {
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		return nil, call.Fail(transport.UnknownResource())
	case err != nil:
		return nil, call.Fail(s.failureFor(ctx, key, err))
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: request.Params.URI, MIMEType: jsonType, Text: text}}, nil
}

// resourceText returns the text of the resource of a prompt.
func (s *Service) resourceText(ctx context.Context, endpoint string, key store.Key, selector prompt.Selector) (string, error) {
	if err := s.authorizeRead(ctx, endpoint, key); err != nil {
		return "", err
	}
	record, err := s.library.GetView(ctx, key, selector)
	switch {
	case err != nil:
		return "", err
	case record.Exposure == store.Fragment:
		return "", store.ErrNotFound
	}
	return tool.IndentJSON(toResourceJSON(&record, selector), "")
}

// setResourceCacheHints writes how long a resource may be cached (SEP-2549): mcp-go knows one time for all. Clients before
// 2026-07-28 have no field for it.
func setResourceCacheHints(ctx context.Context, _ any, request *mcp.ReadResourceRequest, result *mcp.ReadResourceResult) {
	if !transport.FromContext(ctx).Modern {
		return
	}
	ttl := listTTL
	if _, selector, ok := parseURI(request.Params.URI); ok && selector.Version != 0 {
		ttl = versionTTL
	}
	result.SetCacheHints(ttl.Milliseconds(), mcp.CacheScopePrivate)
}

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
	// versionTTL is long: a version does not change, it can only be withdrawn.
	versionTTL = 24 * time.Hour
	jsonType   = "application/json"
)

// listResources replaces the answer mcp-go made from its registry. It has what prompts/list has, in
// the same order on the same pages.
func (s *Surface) listResources(ctx context.Context, _ any, _ *mcp.ListResourcesRequest, result *mcp.ListResourcesResult) {
	call := transport.FromContext(ctx)
	found, f := s.page(ctx, call)
	if f != nil {
		_ = call.Fail(f)
		return
	}
	result.Resources = make([]mcp.Resource, len(found.prompts))
	for i := range found.prompts {
		p := &found.prompts[i]
		result.Resources[i] = mcp.Resource{
			URI: uriOf(p.Key, prompt.Selector{}), Name: nameOf(s.bare(ctx), p.Key),
			Title: p.Title, Description: p.Description, MIMEType: jsonType,
		}
	}
	found.close(&result.PaginatedResult)
}

func (s *Surface) readResource(ctx context.Context, request mcp.ReadResourceRequest) ([]mcp.ResourceContents, error) {
	call := transport.FromContext(ctx)
	key, selector, ok := parseURI(request.Params.URI)
	if !ok {
		return nil, call.Fail(transport.UnknownResource())
	}
	ctx, cancel := s.soon(ctx)
	defer cancel()
	text, err := s.resource(ctx, call.Namespace, key, selector)
	switch {
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound):
		return nil, call.Fail(transport.UnknownResource())
	case err != nil:
		return nil, call.Fail(s.failure(ctx, key, err))
	}
	return []mcp.ResourceContents{mcp.TextResourceContents{URI: request.Params.URI, MIMEType: jsonType, Text: text}}, nil
}

// resource is the text of what a URI names.
func (s *Surface) resource(ctx context.Context, endpoint string, key store.Key, selector prompt.Selector) (string, error) {
	if err := s.mayRead(ctx, endpoint, key); err != nil {
		return "", err
	}
	record, err := s.library.GetView(ctx, key, selector)
	switch {
	case err != nil:
		return "", err
	case record.Exposure == store.Fragment:
		return "", store.ErrNotFound
	}
	return tool.IndentJSON(sourceOf(&record, selector), "")
}

// hintResource says how long a resource may be kept: mcp-go knows one time for all. Older clients have no
// word for it.
func hintResource(ctx context.Context, _ any, request *mcp.ReadResourceRequest, result *mcp.ReadResourceResult) {
	if !transport.FromContext(ctx).Modern {
		return
	}
	ttl := listTTL
	if _, selector, ok := parseURI(request.Params.URI); ok && selector.Version != 0 {
		ttl = versionTTL
	}
	result.SetCacheHints(ttl.Milliseconds(), mcp.CacheScopePrivate)
}

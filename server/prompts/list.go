package prompts

import (
	"context"
	"encoding/base64"
	"errors"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// pageSize and maxPages bound a list: a common client gives up after 64 pages.
	pageSize = 500
	maxPages = 60
	// truncatedKey is the key in _meta of the last page of a list that is not complete.
	truncatedKey = "dev.lectern/truncated"
)

// truncated says that a list is not complete, and how many prompts there are.
type truncated struct {
	Total int64 `json:"total"`
}

// list replaces the answer mcp-go made from its registry. It cannot return an error; the call takes
// it.
func (s *Surface) list(ctx context.Context, _ any, _ *mcp.ListPromptsRequest, result *mcp.ListPromptsResult) {
	call := transport.FromContext(ctx)
	result.Prompts = []mcp.Prompt{}
	at, f := position(call)
	if f != nil {
		_ = call.Fail(f)
		return
	}
	if err := s.fill(ctx, call, at, result); err != nil {
		_ = call.Fail(s.failure(ctx, store.Key{Namespace: call.Namespace}, err))
	}
}

func (s *Surface) fill(ctx context.Context, call *transport.Call, at cursor, result *mcp.ListPromptsResult) error {
	scope, err := s.scope(ctx, call.Namespace)
	if err != nil || !scope.All && len(scope.Namespaces) == 0 {
		return err
	}
	page, err := s.catalog.List(ctx, store.ListQuery{Scope: scope, After: at.after, Limit: pageSize})
	if err != nil {
		return err
	}
	result.Prompts = make([]mcp.Prompt, len(page.Prompts))
	for i := range page.Prompts {
		result.Prompts[i] = entry(call.Namespace, &page.Prompts[i])
	}
	if !page.More {
		return nil
	}
	if next := (cursor{pages: at.pages + 1, after: page.Prompts[len(page.Prompts)-1].Key}); next.pages < maxPages {
		result.NextCursor = mcp.Cursor(next.String())
		return nil
	}
	total, err := s.catalog.Count(ctx, scope)
	if err != nil {
		return err
	}
	result.EnsureResultMeta().SetMetaField(truncatedKey, truncated{Total: total})
	return nil
}

// scope is what the caller may list at an endpoint. Where nothing may be listed it is empty: the
// answer then equals that of a namespace without prompts.
func (s *Surface) scope(ctx context.Context, namespace string) (store.Scope, error) {
	identity, err := caller(ctx)
	if err != nil {
		return store.Scope{}, err
	}
	if namespace == "" {
		return s.decider.Visible(ctx, identity)
	}
	err = s.decider.Allow(ctx, identity, auth.List, store.Key{Namespace: namespace})
	switch {
	case errors.Is(err, auth.ErrDenied):
		return store.Scope{}, nil
	case err != nil:
		return store.Scope{}, err
	default:
		return store.Scope{Namespaces: []string{namespace}}, nil
	}
}

func entry(endpoint string, p *store.Summary) mcp.Prompt {
	name := p.Key.Name
	if endpoint == "" {
		name = p.Key.Namespace + "." + name
	}
	listed := mcp.Prompt{Name: name, Title: p.Title, Description: p.Description}
	if len(p.Arguments) > 0 {
		listed.Arguments = make([]mcp.PromptArgument, len(p.Arguments))
	}
	for i := range p.Arguments {
		a := &p.Arguments[i]
		listed.Arguments[i] = mcp.PromptArgument{Name: a.Name, Description: a.Description, Required: a.Required}
	}
	return listed
}

// cursor is how far a list was read: pages given out, and the last key on them.
type cursor struct {
	pages int
	after store.Key
}

func (c cursor) String() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(c.pages) + "/" + c.after.String()))
}

// position reads the cursor of a call. None and an empty one are the first page.
func position(call *transport.Call) (cursor, *transport.Failure) {
	if call.Cursor == nil || *call.Cursor == "" {
		return cursor{}, nil
	}
	refused := transport.InvalidParams("this cursor was not given out here; list again from the start, without one")
	raw, err := base64.StdEncoding.Strict().DecodeString(*call.Cursor)
	if err != nil {
		return cursor{}, refused
	}
	parts := strings.Split(string(raw), "/")
	if len(parts) != 3 || !isLabel(parts[1]) || !isLabel(parts[2]) {
		return cursor{}, refused
	}
	pages, err := strconv.Atoi(parts[0])
	at := cursor{pages: pages, after: store.Key{Namespace: parts[1], Name: parts[2]}}
	if err != nil || pages < 1 || pages >= maxPages || at.String() != *call.Cursor ||
		call.Namespace != "" && call.Namespace != parts[1] {
		return cursor{}, refused
	}
	return at, nil
}

// isLabel reports whether s can be a namespace or the name of a prompt.
func isLabel(s string) bool {
	ref, err := prompt.ParseRef(s)
	return err == nil && ref.Selector == prompt.Selector{}
}

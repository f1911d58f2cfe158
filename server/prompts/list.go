package prompts

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// pageSize and maxPages bound a list: a common client gives up after 64 pages.
	pageSize = 500
	maxPages = 60
	// truncatedKey is the key in _meta of the last page of a list that is not complete.
	truncatedKey = "dev.lectern/truncated"
)

// truncated says that a list is not complete, how many prompts there are, and which tool finds them.
type truncated struct {
	Total int64  `json:"total"`
	Use   string `json:"use,omitempty"`
}

// list replaces the answer mcp-go made from its registry. It cannot return an error; the call takes
// it.
func (s *Surface) list(ctx context.Context, _ any, _ *mcp.ListPromptsRequest, result *mcp.ListPromptsResult) {
	call := transport.FromContext(ctx)
	found, f := s.page(ctx, call)
	if f != nil {
		_ = call.Fail(f)
		return
	}
	result.Prompts = make([]mcp.Prompt, len(found.prompts))
	for i := range found.prompts {
		result.Prompts[i] = entry(s.bare(ctx), &found.prompts[i])
	}
	found.close(&result.PaginatedResult)
}

// page is what a list of prompts, or of their resources, answers.
type page struct {
	prompts []store.Summary // shared: nobody changes them
	next    mcp.Cursor
	// truncated is set on the last page of a list that is not complete.
	truncated *truncated
}

// close says what comes after the page.
func (p *page) close(result *mcp.PaginatedResult) {
	result.NextCursor = p.next
	if p.truncated != nil {
		result.EnsureResultMeta().SetMetaField(truncatedKey, p.truncated)
	}
}

// page reads the page a call asks for, of what its caller may list.
func (s *Surface) page(ctx context.Context, call *transport.Call) (*page, *transport.Failure) {
	at, f := position(call)
	if f != nil {
		return nil, f
	}
	found, err := s.pageAt(ctx, call, at)
	if err != nil {
		return nil, s.failure(ctx, store.Key{Namespace: call.Namespace}, err)
	}
	return found, nil
}

func (s *Surface) pageAt(ctx context.Context, call *transport.Call, at cursor) (*page, error) {
	scope, err := s.scope(ctx, call.Namespace)
	if err != nil || !scope.All && len(scope.Namespaces) == 0 {
		return &page{}, err
	}
	listed, err := s.catalog.List(ctx, store.ListQuery{Scope: scope, After: at.after, Limit: pageSize})
	if err != nil {
		return nil, err
	}
	found := &page{prompts: listed.Prompts}
	if !listed.More {
		return found, nil
	}
	if next := (cursor{pages: at.pages + 1, after: listed.Prompts[len(listed.Prompts)-1].Key}); next.pages < maxPages {
		found.next = mcp.Cursor(next.String())
		return found, nil
	}
	total, err := s.catalog.Count(ctx, scope)
	if err != nil {
		return nil, err
	}
	found.truncated = &truncated{Total: total}
	if s.library != nil {
		found.truncated.Use = "search_prompts"
	}
	return found, nil
}

// nameOf is the name of a prompt where those of one namespace are named without it, as named reads it.
func nameOf(bare string, key store.Key) string {
	if key.Namespace == bare {
		return key.Name
	}
	return key.Namespace + "." + key.Name
}

func entry(bare string, p *store.Summary) mcp.Prompt {
	listed := mcp.Prompt{Name: nameOf(bare, p.Key), Title: p.Title, Description: p.Description}
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
	refused := transport.UnknownCursor()
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

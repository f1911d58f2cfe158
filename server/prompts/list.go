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

// truncated says how many prompts there are when a list is not complete, and which tool finds them.
type truncated struct {
	Total int64  `json:"total"`
	Use   string `json:"use,omitempty"`
}

// answerPromptsList answers prompts/list.
func (s *Service) answerPromptsList(ctx context.Context, call *transport.Call) (any, error) {
	found, f := s.readPage(ctx, call)
	if f != nil {
		return nil, f
	}
	result := &mcp.ListPromptsResult{Prompts: make([]mcp.Prompt, len(found.prompts))}
	for i := range found.prompts {
		result.Prompts[i] = toMCPPrompt(s.omittedNamespace(ctx), &found.prompts[i])
	}
	found.addPagination(&result.PaginatedResult)
	return result, nil
}

// promptPage is what a list of prompts, or of their resources, answers.
type promptPage struct {
	prompts []store.Summary // shared: nobody changes them
	next    mcp.Cursor
	// truncated is set on the last page of a list that is not complete.
	truncated *truncated
}

// addPagination writes the cursor of the next page, or that the list is truncated, into a result.
func (p *promptPage) addPagination(result *mcp.PaginatedResult) {
	result.NextCursor = p.next
	if p.truncated != nil {
		result.EnsureResultMeta().SetMetaField(truncatedKey, p.truncated)
	}
}

// readPage reads the page a call asks for, of what its caller may list.
func (s *Service) readPage(ctx context.Context, call *transport.Call) (*promptPage, *transport.Failure) {
	at, f := parseListCursor(call)
	if f != nil {
		return nil, f
	}
	found, err := s.readPageAt(ctx, call, at)
	if err != nil {
		return nil, s.failureFor(ctx, store.Key{Namespace: call.Namespace}, err)
	}
	return found, nil
}

func (s *Service) readPageAt(ctx context.Context, call *transport.Call, at listCursor) (*promptPage, error) {
	scope, err := s.visibleScope(ctx, call.Namespace)
	if err != nil || !scope.All && len(scope.Namespaces) == 0 {
		return &promptPage{}, err
	}
	listed, err := s.catalog.List(ctx, store.ListQuery{Scope: scope, After: at.after, Limit: pageSize})
	if err != nil {
		return nil, err
	}
	found := &promptPage{prompts: listed.Prompts}
	if !listed.More {
		return found, nil
	}
	if next := (listCursor{pages: at.pages + 1, after: listed.Prompts[len(listed.Prompts)-1].Key}); next.pages < maxPages {
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

// formatPromptName names a prompt as parsePromptName reads it, without the omitted namespace.
func formatPromptName(omitted string, key store.Key) string {
	if key.Namespace == omitted {
		return key.Name
	}
	return key.Namespace + "." + key.Name
}

func toMCPPrompt(omitted string, p *store.Summary) mcp.Prompt {
	listed := mcp.Prompt{Name: formatPromptName(omitted, p.Key), Title: p.Title, Description: p.Description}
	if len(p.Arguments) > 0 {
		listed.Arguments = make([]mcp.PromptArgument, len(p.Arguments))
	}
	for i := range p.Arguments {
		a := &p.Arguments[i]
		listed.Arguments[i] = mcp.PromptArgument{Name: a.Name, Description: a.Description, Required: a.Required}
	}
	return listed
}

// listCursor is how far a list was read: pages given out, and the last key on them.
type listCursor struct {
	pages int
	after store.Key
}

func (c listCursor) String() string {
	return base64.StdEncoding.EncodeToString([]byte(strconv.Itoa(c.pages) + "/" + c.after.String()))
}

// parseListCursor reads the cursor of a call. None and an empty one are the first page.
func parseListCursor(call *transport.Call) (listCursor, *transport.Failure) {
	if call.Cursor == nil || *call.Cursor == "" {
		return listCursor{}, nil
	}
	refused := transport.UnknownCursor()
	raw, err := base64.StdEncoding.Strict().DecodeString(*call.Cursor)
	if err != nil {
		return listCursor{}, refused
	}
	parts := strings.Split(string(raw), "/")
	if len(parts) != 3 || !isDNSLabel(parts[1]) || !isDNSLabel(parts[2]) {
		return listCursor{}, refused
	}
	pages, err := strconv.Atoi(parts[0])
	at := listCursor{pages: pages, after: store.Key{Namespace: parts[1], Name: parts[2]}}
	if err != nil || pages < 1 || pages >= maxPages || at.String() != *call.Cursor ||
		call.Namespace != "" && call.Namespace != parts[1] {
		return listCursor{}, refused
	}
	return at, nil
}

// isDNSLabel reports whether s can be a namespace or the name of a prompt.
func isDNSLabel(s string) bool {
	ref, err := prompt.ParseRef(s)
	return err == nil && ref.Selector == prompt.Selector{}
}

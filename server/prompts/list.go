package prompts

import (
	"context"
	"strconv"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// pageSize and maxPages bound a list: a common client gives up after 64 pages.
	pageSize = 500
	maxPages = 60
	// maxPageBytes bounds a page beside that, roughly: summaryFrame and argumentFrame are what JSON has around the texts of a
	// prompt and of an argument.
	maxPageBytes  = 256 << 10
	summaryFrame  = 60
	argumentFrame = 50
	// truncatedKey is the key in _meta of the last page of a list that is not complete.
	truncatedKey = "dev.lectern/truncated"
)

// truncated says how many prompts there are when a list is not complete, and which tool finds them. Total is absent where it is
// not known, for the rights of the caller in some namespaces are not.
type truncated struct {
	Total *int64 `json:"total,omitempty"`
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
	found, err := s.readPageOf(ctx, call)
	if err != nil {
		return nil, s.failureFor(ctx, store.Key{Namespace: call.Namespace}, err)
	}
	return found, nil
}

func (s *Service) readPageOf(ctx context.Context, call *transport.Call) (*promptPage, error) {
	at, err := s.parseListCursor(ctx, call)
	if err != nil {
		return nil, err
	}
	part, err := s.decideWindow(ctx, call.Namespace, namespaceRange{from: at.after.Namespace}, maxNamespaces)
	if err != nil {
		return nil, err
	}
	found, next := &promptPage{}, listCursor{pages: at.pages + 1, after: store.Key{Namespace: part.next}}
	if !part.isEmpty() {
		listed, err := s.catalog.List(ctx, store.ListQuery{Scope: part.scope, After: at.after, Limit: pageSize})
		if err != nil {
			return nil, err
		}
		found.prompts = cutPage(listed.Prompts)
		if shown := len(found.prompts); listed.More || shown < len(listed.Prompts) {
			next.after = found.prompts[shown-1].Key
		}
	}
	switch {
	case next.after == store.Key{}:
		return found, nil
	case next.pages < maxPages:
		found.next, err = s.encodeListCursor(ctx, call.Namespace, next)
	default:
		found.truncated, err = s.countTruncated(ctx, call.Namespace)
	}
	return found, err
}

// countTruncated says how much there is of a list that ends early.
func (s *Service) countTruncated(ctx context.Context, endpoint string) (*truncated, error) {
	said := &truncated{}
	if s.library != nil {
		said.Use = "search_prompts"
	}
	whole, err := s.decideWindow(ctx, endpoint, namespaceRange{}, maxNamespaces)
	if err != nil || whole.next != "" {
		return said, err
	}
	total, err := s.catalog.Count(ctx, whole.scope)
	said.Total = &total
	return said, err
}

// cutPage returns the first prompts of a page, as many as maxPageBytes allows and one at least.
func cutPage(page []store.Summary) []store.Summary {
	size := 0
	for i := range page {
		p := &page[i]
		size += summaryFrame + len(p.Key.Namespace) + len(p.Key.Name) + len(p.Title) + len(p.Description)
		for j := range p.Arguments {
			size += argumentFrame + len(p.Arguments[j].Name) + len(p.Arguments[j].Description)
		}
		if size > maxPageBytes && i > 0 {
			return page[:i]
		}
	}
	return page
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

// listCursor is how far a list was read: pages given out, and the last key on them; or without a name, the namespace it goes on
// with, which the caller may not be shown.
type listCursor struct {
	pages int
	after store.Key
}

func listFingerprint(endpoint string) string { return tool.Fingerprint("prompts/list", endpoint) }

// encodeListCursor returns the cursor as a caller of an endpoint gets it.
func (s *Service) encodeListCursor(ctx context.Context, endpoint string, c listCursor) (mcp.Cursor, error) {
	list, pages := listFingerprint(endpoint), strconv.Itoa(c.pages)
	if c.after.Name != "" {
		return mcp.Cursor(tool.EncodeCursor(list, pages, c.after.Namespace, c.after.Name)), nil
	}
	sealed, err := s.sealRange(ctx, list+"/"+pages, namespaceRange{from: c.after.Namespace})
	return mcp.Cursor(tool.EncodeCursor(list, pages, sealed)), err
}

// parseListCursor reads the cursor of a call. None and an empty one are the first page.
func (s *Service) parseListCursor(ctx context.Context, call *transport.Call) (listCursor, error) {
	if call.Cursor == nil || *call.Cursor == "" {
		return listCursor{}, nil
	}
	list := listFingerprint(call.Namespace)
	fields, err := tool.DecodeCursor(list, *call.Cursor)
	if err != nil {
		return listCursor{}, err
	}
	pages, err := strconv.Atoi(fields[0])
	if err != nil || pages < 1 || pages >= maxPages || strconv.Itoa(pages) != fields[0] {
		return listCursor{}, tool.ErrCursor
	}
	switch {
	case len(fields) == 2:
		part, err := s.openRange(ctx, list+"/"+fields[0], fields[1])
		return listCursor{pages: pages, after: store.Key{Namespace: part.from}}, err
	case len(fields) != 3, !isDNSLabel(fields[1]), !isDNSLabel(fields[2]), call.Namespace != "" && call.Namespace != fields[1]:
		return listCursor{}, tool.ErrCursor
	default:
		return listCursor{pages: pages, after: store.Key{Namespace: fields[1], Name: fields[2]}}, nil
	}
}

// isDNSLabel reports whether s can be a namespace or the name of a prompt.
func isDNSLabel(s string) bool {
	ref, err := prompt.ParseRef(s)
	return err == nil && ref.Selector == prompt.Selector{}
}

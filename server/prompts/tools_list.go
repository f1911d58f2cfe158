package prompts

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// listBatch is how many prompts are read at a time.
	listBatch = 50
	// summary is the detail without texts, allTags the tagMatch that wants every tag.
	summary = "summary"
	allTags = "all"
)

type listInput struct {
	Category   *string         `json:"category,omitempty" description:"Only this category"`
	IsTemplate *bool           `json:"isTemplate,omitempty" description:"Only templates; false: only others"`
	Tags       []string        `json:"tags,omitempty" description:"Only prompts with any of these tags"`
	TagMatch   *string         `json:"tagMatch,omitempty" description:"any or all of the tags" enum:"any,all"`
	Metadata   json.RawMessage `json:"metadata,omitempty" description:"Object the metadata must contain"`
	Limit      *int64          `json:"limit,omitempty" description:"Maximum number of prompts"`
	Offset     *int64          `json:"offset,omitempty" description:"Number of prompts to skip"`
	Cursor     *string         `json:"cursor,omitempty" description:"nextCursor from the previous call"`
	Detail     *string         `json:"detail,omitempty" description:"summary leaves out texts" enum:"full,summary"`
}

type searchInput struct {
	Query string `json:"query" description:"Words or a part of the text"`
	listInput
}

// listResult is the structured result of a list.
type listResult struct {
	Prompts    []any  `json:"prompts"`
	Total      int64  `json:"total"`
	NextCursor string `json:"nextCursor,omitempty"`
}

// listBuilder reads the prompts of one list.
type listBuilder struct {
	query store.FindQuery
	// fingerprint tells cursors of this list from those of others, omitted is the namespace ids are without, and brief
	// asks for summaries.
	fingerprint string
	omitted     string
	brief       bool
	// position is where to go on; start is the offset of the call, and byCursor says that a cursor was given: then the
	// list does not begin at the first prompt.
	position searchPosition
	start    int
	byCursor bool
	// left is how many prompts may still be added.
	left int
	list *tool.List
	// more says that there are others; cut that there was no room for them.
	more, cut bool
	// all is how many there are, when known.
	all   int
	known bool
}

func (s *Service) listPrompts(ctx context.Context, in listInput) (*tool.Result[listResult], error) {
	return s.buildList(ctx, in, "")
}

// maxQuery bounds a search, in characters. Whole texts are for find_similar_prompts.
const maxQuery = 2000

func (s *Service) searchPrompts(ctx context.Context, in searchInput) (*tool.Result[listResult], error) {
	if n := utf8.RuneCountInString(in.Query); n > maxQuery {
		return nil, tool.NewInvalid("argument %q: has %d characters; at most %d are allowed; find_similar_prompts compares whole texts", "query", n, maxQuery)
	}
	return s.buildList(ctx, in.listInput, in.Query)
}

func (s *Service) buildList(ctx context.Context, in listInput, text string) (*tool.Result[listResult], error) {
	f, err := s.newListBuilder(ctx, in, text)
	if err != nil {
		return nil, err
	}
	var total int64
	if f.query.Scope.All || len(f.query.Scope.Namespaces) > 0 {
		if err := f.readPages(ctx, s.library); err != nil {
			return nil, err
		}
		if total, err = f.countTotal(ctx, s.library); err != nil {
			return nil, err
		}
	}
	return f.buildResult(total), nil
}

// newListBuilder validates the arguments of a list.
func (s *Service) newListBuilder(ctx context.Context, in listInput, text string) (*listBuilder, error) {
	endpoint := transport.FromContext(ctx).Namespace
	metadata, err := prompt.CanonicalMetadata(in.Metadata)
	if err != nil {
		return nil, err
	}
	f := &listBuilder{
		omitted: s.omittedNamespace(ctx), brief: ptr.Deref(in.Detail, "") == summary,
		left: clampToInt(in.Limit), start: clampToInt(in.Offset), byCursor: in.Cursor != nil,
		list: tool.NewList(s.resultLimit),
		query: store.FindQuery{Text: text, Filter: store.Filter{
			Category: ptr.Deref(in.Category, ""), Template: in.IsTemplate,
			Tags: in.Tags, AllTags: ptr.Deref(in.TagMatch, "") == allTags, Metadata: metadata,
		}},
	}
	if f.left == 0 {
		f.left = math.MaxInt
	}
	f.fingerprint = tool.Fingerprint(endpoint, text, f.query.Filter)
	f.position.skip = f.start
	if cursor := ptr.Deref(in.Cursor, ""); cursor != "" {
		if f.start != 0 {
			return nil, tool.NewInvalid("give cursor or offset, not both")
		}
		if f.position, err = parseSearchCursor(f.fingerprint, cursor); err != nil {
			return nil, err
		}
	}
	f.query.Scope, err = s.visibleScope(ctx, endpoint)
	return f, err
}

// clampToInt returns an argument as the size of something in memory; 0 when absent.
func clampToInt(n *int64) int { return int(min(ptr.Deref(n, 0), math.MaxInt32)) }

// readPages reads until there are no more prompts, the limit is reached, or there is no more room.
func (f *listBuilder) readPages(ctx context.Context, library Library) error {
	for {
		f.query.After, f.query.Offset, f.query.Limit = f.position.after, f.position.skip, min(listBatch, f.left)
		page, err := library.Find(ctx, f.query)
		if err != nil {
			return err
		}
		for i := range page.Prompts {
			fits, err := f.appendPrompt(&page.Prompts[i])
			if err != nil {
				return err
			}
			if !fits {
				f.more, f.cut = true, true
				f.all, f.known = f.start+len(f.list.Rows())+len(page.Prompts)-i, page.Next == nil
				return nil
			}
			f.position.skip++
			f.left--
		}
		if page.Next == nil {
			f.all, f.known = f.start+len(f.list.Rows()), true
			return nil
		}
		f.position = searchPosition{after: page.Next}
		if f.left == 0 {
			f.more = true
			return nil
		}
	}
}

// appendPrompt adds a prompt unless there is no room.
func (f *listBuilder) appendPrompt(r *store.PromptView) (fits bool, err error) {
	if f.brief {
		return f.list.Append(toSummaryJSON(f.omitted, r))
	}
	return f.list.Append(toPromptJSON(f.omitted, r))
}

// countTotal returns how many prompts there are, and counts them only where reading did not tell.
func (f *listBuilder) countTotal(ctx context.Context, library Library) (int64, error) {
	if f.known && !f.byCursor && (f.start == 0 || len(f.list.Rows()) > 0) {
		return int64(f.all), nil
	}
	return library.CountFound(ctx, f.query)
}

func (f *listBuilder) buildResult(total int64) *tool.Result[listResult] {
	rows := f.list.Rows()
	result := tool.NewResult(f.list.Text(), listResult{Prompts: rows, Total: total})
	if f.more {
		result.Structured.NextCursor = f.position.encodeCursor(f.fingerprint)
	}
	if f.cut {
		next := fmt.Sprintf("offset=%d", f.start+len(rows))
		if f.byCursor {
			next = "cursor=" + result.Structured.NextCursor
		}
		if !f.brief {
			next += " or detail=" + summary
		}
		result.Texts = append(result.Texts, fmt.Sprintf("Showing %d of %d; call again with %s", len(rows), total, next))
	}
	return result
}

// statsResult counts prompts.
type statsResult struct {
	Total      int64            `json:"total"`
	Templates  int64            `json:"templates"`
	Regular    int64            `json:"regular"`
	Categories map[string]int64 `json:"categories"`
	Tags       map[string]int64 `json:"tags"`
}

func (s *Service) getStats(ctx context.Context, _ struct{}) (*tool.Result[statsResult], error) {
	scope, err := s.visibleScope(ctx, transport.FromContext(ctx).Namespace)
	if err != nil {
		return nil, err
	}
	counted := store.Stats{}
	if scope.All || len(scope.Namespaces) > 0 {
		if counted, err = s.library.Stats(ctx, scope); err != nil {
			return nil, err
		}
	}
	shown := statsResult{counted.Total, counted.Templates, counted.Total - counted.Templates, counted.Categories, counted.Tags}
	if shown.Categories == nil {
		shown.Categories = map[string]int64{}
	}
	if shown.Tags == nil {
		shown.Tags = map[string]int64{}
	}
	return tool.NewJSONResult(shown, shown)
}

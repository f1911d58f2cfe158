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
	"github.com/lectern-dev/lectern/server/auth"
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
	Cursor     *string         `json:"cursor,omitempty" description:"nextCursor from before"`
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

// listBuilder reads the prompts of one list: those of all namespaces a caller may list everywhere, and else of one window of
// namespaces after the other, as far as it can be decided what is visible.
type listBuilder struct {
	service *Service
	query   store.FindQuery
	// endpoint is the namespace of the endpoint, omitted the one ids are without, and brief asks for summaries.
	endpoint string
	omitted  string
	brief    bool
	// position is where to go on; start is the offset of the call, and byCursor says that a cursor was given: then the
	// list does not begin at the first prompt.
	position searchPosition
	start    int
	byCursor bool
	// left is how many prompts may still be added.
	left int
	list *tool.List
	// more says that there are others; cut that there was no room for them, and undecided that there may be in namespaces
	// of which it was not decided whether they are visible. Shortened is the id of the first prompt when it is listed without
	// its text, for which there was no room.
	more, cut, undecided bool
	shortened            string
	// total is how many there are in the windows so far.
	total int64
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
	if err := f.readWindows(ctx); err != nil {
		return nil, err
	}
	result, err := f.buildResult(ctx)
	if note := s.fileFaultNote(); note != "" && err == nil && !f.byCursor && f.start == 0 {
		result.Texts = append(result.Texts, note)
	}
	return result, err
}

// newListBuilder validates the arguments of a list.
func (s *Service) newListBuilder(ctx context.Context, in listInput, text string) (*listBuilder, error) {
	endpoint := transport.FromContext(ctx).Namespace
	metadata, err := prompt.CanonicalMetadata(in.Metadata)
	if err != nil {
		return nil, err
	}
	f := &listBuilder{
		service: s, endpoint: endpoint, omitted: s.omittedNamespace(ctx), brief: ptr.Deref(in.Detail, "") == summary,
		left: clampToInt(in.Limit), start: clampToInt(in.Offset), byCursor: in.Cursor != nil,
		list: tool.NewList(s.listRoom()),
		query: store.FindQuery{Text: text, Filter: store.Filter{
			Category: ptr.Deref(in.Category, ""), Template: in.IsTemplate,
			Tags: in.Tags, AllTags: ptr.Deref(in.TagMatch, "") == allTags, Metadata: metadata,
		}},
	}
	if f.left == 0 {
		f.left = math.MaxInt
	}
	f.position.skip = f.start
	if cursor := ptr.Deref(in.Cursor, ""); cursor != "" {
		if f.start != 0 {
			return nil, tool.NewInvalid("give cursor or offset, not both")
		}
		if f.position, err = s.parseSearchCursor(ctx, f.fingerprint(), cursor); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// fingerprint tells cursors of this list from those of others, whatever the caller may see meanwhile. Most searches have no
// cursor, and need none.
func (f *listBuilder) fingerprint() string {
	asked := f.query.Filter
	asked.Scope = store.Scope{}
	return tool.Fingerprint(f.endpoint, f.query.Text, asked)
}

// clampToInt returns an argument as the size of something in memory; 0 when absent.
func clampToInt(n *int64) int { return int(min(ptr.Deref(n, 0), math.MaxInt32)) }

const (
	// windowNamespaces is of how many namespaces every call of a tool can decide whether they are visible, whatever is in
	// caches: after the questions about tools, and the one about all namespaces.
	windowNamespaces = auth.ReviewsPerRequest - toolQuestions - 1
	// maxWindows bounds the windows of one answer: of those without a hit nothing is in it.
	maxWindows = 16
)

// readWindows reads until there are no more prompts, the limit is reached, there is no more room, or it cannot be decided what
// is visible. A window has as many namespaces as every request can decide, so that each call gets on, and the next one decides
// again what this one did: the order of the list does not depend on what is in caches.
func (f *listBuilder) readWindows(ctx context.Context) error {
	for range maxWindows {
		limit := windowNamespaces
		if f.position.window.until != "" {
			limit = math.MaxInt // it was one window before
		}
		part, err := f.service.decideWindowIn(ctx, f.endpoint, f.position.window, limit)
		if err != nil {
			return err
		}
		if part.undecided {
			break
		}
		if f.position.window.until == "" {
			f.position.window.until = part.next
		}
		f.query.Scope, f.total = part.scope, f.position.before
		if !part.isEmpty() {
			if err := f.readWindow(ctx); err != nil {
				return err
			}
		}
		if f.more || f.position.window.until == "" {
			return nil
		}
		f.position = searchPosition{window: namespaceRange{from: f.position.window.until}, before: f.total, skip: f.position.skip}
		if f.left == 0 {
			break
		}
	}
	f.more, f.undecided, f.total = true, true, f.position.before
	return nil
}

// readWindow reads what is left of a window, and counts what is in it. What is left to be skipped then is to be skipped in the next.
func (f *listBuilder) readWindow(ctx context.Context) error {
	before, skipped, fromStart := len(f.list.Rows()), f.position.skip, f.position.after == nil
	left, known, err := f.readPages(ctx)
	if err != nil {
		return err
	}
	read := len(f.list.Rows()) - before
	count := int64(skipped + read + left)
	if !known || !fromStart || skipped > 0 && read == 0 {
		if count, err = f.service.library.CountFound(ctx, f.query); err != nil {
			return err
		}
	}
	f.total += count
	if !f.more {
		if f.position.skip = 0; fromStart && read == 0 {
			f.position.skip = max(0, skipped-int(count))
		}
	}
	return nil
}

// readPages reads a window until there are no more prompts, the limit is reached, or there is no more room. It returns how many
// it read for which there was no room, and whether there are no others.
func (f *listBuilder) readPages(ctx context.Context) (left int, known bool, err error) {
	for {
		f.query.After, f.query.Offset, f.query.Limit = f.position.after, f.position.skip, min(listBatch, f.left)
		page, err := f.service.library.Find(ctx, f.query)
		if err != nil {
			return 0, false, err
		}
		f.list.ExpectRows(len(page.Prompts))
		for i := range page.Prompts {
			fits, err := f.appendPrompt(&page.Prompts[i])
			if err != nil {
				return 0, false, err
			}
			if !fits {
				f.more, f.cut = true, true
				return len(page.Prompts) - i, page.Next == nil, nil
			}
			f.position.skip++
			f.left--
		}
		if page.Next == nil {
			return 0, true, nil
		}
		f.position.after, f.position.skip = page.Next, 0
		if f.left == 0 {
			f.more = true
			return 0, false, nil
		}
	}
}

// appendPrompt adds a prompt unless there is no room.
func (f *listBuilder) appendPrompt(r *store.PromptView) (fits bool, err error) {
	if f.brief {
		return f.list.Append(toSummaryJSON(f.omitted, r))
	}
	fits, shortened, err := f.list.AppendOrShorten(promptRow{toPromptJSON(f.omitted, r)}, func() any { return toSummaryJSON(f.omitted, r) })
	if shortened {
		f.shortened = formatID(f.omitted, r.Key)
	}
	return fits, err
}

func (f *listBuilder) buildResult(ctx context.Context) (*tool.Result[listResult], error) {
	rows := f.list.Rows()
	result := tool.NewResult(f.list.Text(), listResult{Prompts: rows, Total: f.total})
	if f.more {
		next, err := f.service.encodeSearchCursor(ctx, f.fingerprint(), f.position)
		if err != nil {
			return nil, err
		}
		result.Structured.NextCursor = next
	}
	if f.cut || f.undecided {
		result.Texts = append(result.Texts, f.describeRest(result.Structured.NextCursor))
	}
	if f.shortened != "" {
		result.Texts = append(result.Texts, fmt.Sprintf("The text of %s is too long for a list; get_prompt returns it", f.shortened))
	}
	return result, nil
}

// describeRest says how much of a list is shown, and how to get the rest. Where there are further windows an offset would have
// all of them decided again.
func (f *listBuilder) describeRest(cursor string) string {
	next, total := fmt.Sprintf("offset=%d", f.start+len(f.list.Rows())), fmt.Sprint(f.total)
	windows := f.undecided || f.position.window != (namespaceRange{})
	if f.byCursor || windows {
		next = "cursor=" + cursor
	}
	if windows && (f.undecided || f.position.window.until != "") {
		total = "at least " + total
	}
	if f.cut && !f.brief {
		next += " or detail=" + summary
	}
	return fmt.Sprintf("Showing %d of %s; call again with %s", len(f.list.Rows()), total, next)
}

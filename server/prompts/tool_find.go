package prompts

import (
	"context"
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/transport"
)

const (
	// charactersPerToken is what texts of prompts have in the middle.
	charactersPerToken = 3.6
	// findRows is how many prompts are read at a time.
	findRows = 50
	// summary is the detail that leaves out what makes prompts long.
	summary = "summary"
)

// finding is a list of prompts under way.
type finding struct {
	query store.FindQuery
	// search tells cursors of this list from those of others.
	search string
	bare   string
	brief  bool
	// at is where to go on; start is the offset the caller gave, and counted says that the list began
	// at the first prompt there is.
	at      mark
	start   int
	counted bool
	// left is how many prompts may still come, room how many characters.
	left, room int

	texts []string
	rows  []any
	// more says that there are others; cut that it was for want of room.
	more, cut bool
	// all is how many there are from the start, once known.
	all   int
	known bool
}

// found is the structured result of a list.
type found struct {
	Prompts    []any  `json:"prompts"`
	Total      int64  `json:"total"`
	NextCursor string `json:"nextCursor,omitempty"`
}

func (s *Surface) listPrompts(ctx context.Context, in given) (answer, error) {
	return s.find(ctx, in, "")
}

// maxQuery is how long a search may be, in characters. Longer ones are texts.
const maxQuery = 2000

func (s *Surface) searchPrompts(ctx context.Context, in given) (answer, error) {
	if n := utf8.RuneCountInString(in.text("query")); n > maxQuery {
		return answer{}, invalid("argument %q: has %d characters; at most %d are allowed; find_similar_prompts compares whole texts", "query", n, maxQuery)
	}
	return s.find(ctx, in, in.text("query"))
}

func (s *Surface) find(ctx context.Context, in given, text string) (answer, error) {
	f, err := s.begin(ctx, in, text)
	if err != nil {
		return answer{}, err
	}
	var total int64
	if f.query.Scope.All || len(f.query.Scope.Namespaces) > 0 {
		if err := f.fill(ctx, s.library); err != nil {
			return answer{}, err
		}
		if total, err = f.total(ctx, s.library); err != nil {
			return answer{}, err
		}
	}
	return f.answer(in, total), nil
}

// begin reads what a list is to have.
func (s *Surface) begin(ctx context.Context, in given, text string) (*finding, error) {
	endpoint := transport.FromContext(ctx).Namespace
	metadata, err := prompt.CanonicalMetadata(in.object("metadata"))
	if err != nil {
		return nil, err
	}
	f := &finding{
		bare: s.bare(ctx), brief: in.text("detail") == summary,
		left: in.count("limit"), room: math.MaxInt, start: in.count("offset"), counted: !in.has("cursor"),
		rows: []any{},
		query: store.FindQuery{Text: text, Filter: store.Filter{
			Category: in.text("category"), Template: in.flag("isTemplate"),
			Tags: in.texts("tags"), AllTags: in.text("tagMatch") == "all", Metadata: metadata,
		}},
	}
	if f.left == 0 {
		f.left = math.MaxInt
	}
	if s.resultLimit > 0 {
		f.room = int(float64(s.resultLimit) * charactersPerToken)
	}
	f.search = fingerprint(endpoint, text, f.query.Filter)
	f.at.skip = f.start
	if cursor := in.text("cursor"); cursor != "" {
		if f.start != 0 {
			return nil, invalid("give cursor or offset, not both")
		}
		if f.at, err = readCursor(f.search, cursor); err != nil {
			return nil, err
		}
	}
	f.query.Scope, err = s.scope(ctx, endpoint)
	return f, err
}

// fill reads until the list is at its end, or what was asked for is there, or there is no more room.
func (f *finding) fill(ctx context.Context, library Library) error {
	for {
		f.query.After, f.query.Offset, f.query.Limit = f.at.after, f.at.skip, min(findRows, f.left)
		page, err := library.Find(ctx, f.query)
		if err != nil {
			return err
		}
		for i := range page.Prompts {
			fits, err := f.add(&page.Prompts[i])
			if err != nil {
				return err
			}
			if !fits {
				f.more, f.cut = true, true
				f.all, f.known = f.start+len(f.rows)+len(page.Prompts)-i, page.Next == nil
				return nil
			}
			f.at.skip++
			f.left--
		}
		if page.Next == nil {
			f.all, f.known = f.start+len(f.rows), true
			return nil
		}
		f.at = mark{after: page.Next}
		if f.left == 0 {
			f.more = true
			return nil
		}
	}
}

// add takes a prompt unless there is no room. The first one is taken always: a caller must get on.
func (f *finding) add(r *store.PromptView) (bool, error) {
	var row any
	if f.brief {
		row = showSummary(f.bare, r)
	} else {
		row = showPrompt(f.bare, r)
	}
	text, err := indented(row, "  ")
	if err != nil {
		return false, err
	}
	room := f.room - utf8.RuneCountInString(text) - len("  ,\n")
	if room < 0 && len(f.rows) > 0 {
		return false, nil
	}
	f.room = room
	f.texts, f.rows = append(f.texts, text), append(f.rows, row)
	return true, nil
}

// total is how many prompts there are, counted only where reading did not tell.
func (f *finding) total(ctx context.Context, library Library) (int64, error) {
	if f.known && f.counted && (f.start == 0 || len(f.rows) > 0) {
		return int64(f.all), nil
	}
	return library.CountFound(ctx, f.query)
}

func (f *finding) answer(in given, total int64) answer {
	result := found{Prompts: f.rows, Total: total}
	if f.more {
		result.NextCursor = f.at.cursorOf(f.search)
	}
	text := "[]"
	if len(f.texts) > 0 {
		text = "[\n  " + strings.Join(f.texts, ",\n  ") + "\n]"
	}
	a := answer{texts: []string{text}, structured: result}
	if f.cut {
		next := fmt.Sprintf("offset=%d", f.start+len(f.rows))
		if in.has("cursor") {
			next = "cursor=" + result.NextCursor
		}
		if !f.brief {
			next += " or detail=" + summary
		}
		a.texts = append(a.texts, fmt.Sprintf("Showing %d of %d; call again with %s", len(f.rows), total, next))
	}
	return a
}

func (s *Surface) stats(ctx context.Context, _ given) (answer, error) {
	scope, err := s.scope(ctx, transport.FromContext(ctx).Namespace)
	if err != nil {
		return answer{}, err
	}
	counted := store.Stats{}
	if scope.All || len(scope.Namespaces) > 0 {
		if counted, err = s.library.Stats(ctx, scope); err != nil {
			return answer{}, err
		}
	}
	shown := struct {
		Total      int64            `json:"total"`
		Templates  int64            `json:"templates"`
		Regular    int64            `json:"regular"`
		Categories map[string]int64 `json:"categories"`
		Tags       map[string]int64 `json:"tags"`
	}{counted.Total, counted.Templates, counted.Total - counted.Templates, counted.Categories, counted.Tags}
	if shown.Categories == nil {
		shown.Categories = map[string]int64{}
	}
	if shown.Tags == nil {
		shown.Tags = map[string]int64{}
	}
	return inJSON(shown, shown)
}

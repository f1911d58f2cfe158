package servicedesk

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type searchRequestsInput struct {
	target
	Query         *string            `json:"query,omitempty" description:"Words, each in the subject or the description; or a number" bounds:"1..200"`
	SimilarTo     *string            `json:"similar_to,omitempty" description:"Number of a ticket"`
	Criteria      []requestCondition `json:"criteria,omitempty" description:"Conditions that hold all" bounds:"1..8"`
	IncludeClosed *bool              `json:"include_closed,omitempty"`
	Limit         *int64             `json:"limit,omitempty" description:"25 when absent" bounds:"1..50"`
}

// maxWords bounds the words of a query: each is two conditions.
const maxWords = 8

// searchRequests answers search_requests: one call of SDP, and for similar_to that of the ticket before.
func (s *Service) searchRequests(ctx context.Context, in searchRequestsInput) (*tool.Result[requestList], error) {
	given := 0
	for _, is := range []bool{in.Query != nil, in.SimilarTo != nil, in.Criteria != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		return nil, tool.NewInvalid("give exactly one of query, similar_to and criteria")
	}
	d, err := s.openDesk(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	o := sdp.ListOptions{Rows: sdp.MaxRows, Sort: "created_time", Descending: true, CountAll: true}
	var score func(*sdp.Request) float64
	var chosen filter
	switch {
	case in.Query != nil:
		chosen, score, err = selectByWords(*in.Query)
	case in.SimilarTo != nil:
		chosen, score, err = d.selectSimilar(ctx, *in.SimilarTo)
	default:
		for i := range in.Criteria {
			one, wrong := in.Criteria[i].filter(d.zone)
			if wrong != nil {
				return nil, wrong
			}
			chosen = chosen.and(one)
		}
	}
	if err != nil {
		return nil, err
	}
	page, err := d.selectAndList(ctx, func(ctx context.Context) (filter, error) {
		if valueOr(in.IncludeClosed, in.SimilarTo != nil) {
			return chosen, nil
		}
		open, err := d.progressFilter(ctx, true)
		return open.and(chosen), err
	}, o)
	if err != nil {
		return nil, err
	}
	return d.searchResult(&page, now, paging{Limit: in.Limit}.rows(), score), nil
}

// selectByWords selects tickets with each word in the subject or the description, and scores by the share of words in the subject. One
// number is that of a ticket, too.
func selectByWords(query string) (filter, func(*sdp.Request) float64, error) {
	words := strings.Fields(strings.ToLower(query))
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 0 || len(words) > maxWords {
		return filter{}, nil, tool.NewInvalid("argument %q: give one to %d words", "query", maxWords)
	}
	var each []sdp.Criteria
	for _, word := range words {
		alternatives := []sdp.Criteria{sdp.Where("subject", sdp.Contains, word), sdp.Where("description", sdp.Contains, word)}
		if number, is := sdp.ParseDisplayID(word); is && len(words) == 1 {
			alternatives = append(alternatives, sdp.Where("display_id", sdp.Is, number))
		}
		each = append(each, sdp.Any(alternatives...))
	}
	number, _ := sdp.ParseDisplayID(query)
	isNumbered := func(r *sdp.Request) bool { return number != "" && r.DisplayID == number }
	selected := filter{criteria: sdp.All(each...), fields: []string{"description"}, holds: func(r *sdp.Request) bool {
		return isNumbered(r) || !r.Raw.Has("description") || countIn(r.Subject+"\n"+descriptionText(r), words) == len(words)
	}}
	return selected, func(r *sdp.Request) float64 {
		if isNumbered(r) {
			return 1
		}
		return float64(countIn(r.Subject, words)) / float64(len(words))
	}, nil
}

// countIn returns how many of some words are in a text.
func countIn(text string, words []string) int {
	text = foldText(text)
	found := 0
	for _, word := range words {
		if strings.Contains(text, foldText(word)) {
			found++
		}
	}
	return found
}

// selectSimilar selects the newest tickets of the category of one, and scores by how much their subjects are alike.
func (d *desk) selectSimilar(ctx context.Context, text string) (filter, func(*sdp.Request) float64, error) {
	of, err := d.readTicket(ctx, text)
	if err != nil {
		return filter{}, nil, err
	}
	similarity, likeness := prompt.SimilarityTo(of.Subject), likenessTo(of.Subject)
	selected := filter{criteria: sdp.IsEmpty("category"), holds: func(r *sdp.Request) bool {
		isSame := refersTo(r.Category, of.Category) || r.Category.IsZero() && of.Category.IsZero()
		return r.ID != of.ID && (isSame || !r.Raw.Has("category"))
	}}
	switch {
	case of.Category.ID != "":
		selected.criteria = sdp.Where("category.id", sdp.Is, of.Category.ID)
	case of.Category.Name != "":
		selected.criteria = sdp.Where("category.name", sdp.Is, of.Category.Name)
	}
	return selected, func(r *sdp.Request) float64 {
		// Subjects are short: pairs of letters in common count where no runs of words are.
		return max(similarity(r.Subject), likeness(r.Subject))
	}, nil
}

// searchResult makes the result of a search, the best first. What is not among the newest hundred hits is found by other words.
func (d *desk) searchResult(page *requestPage, now time.Time, limit int, score func(*sdp.Request) float64) *tool.Result[requestList] {
	rows := make([]requestRow, len(page.rows))
	for i := range page.rows {
		rows[i] = d.newRow(&page.rows[i], now, nil)
		if score != nil {
			rows[i].Score = new(math.Round(score(&page.rows[i])*100) / 100)
		}
	}
	if score != nil {
		slices.SortStableFunc(rows, func(a, b requestRow) int { return cmp.Compare(*b.Score, *a.Score) })
	}
	more := page.next != 0 || len(rows) > limit
	rows = rows[:min(len(rows), limit)]
	return d.requestResult(rows, page.total, more, newRequestTable(nil, score != nil), func(int) string { return "" })
}

package servicedesk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// solutionsScope is the OAuth scope that reading the knowledge base needs.
	solutionsScope = "SDPOnDemand.solutions.READ"
	// excerptLength is how many characters of an article are shown in a list, shownSolutions how many articles.
	excerptLength  = 300
	shownSolutions = 10
	// leastWord is how long a word of a ticket is that is looked for in the knowledge base.
	leastWord = 4
)

type searchSolutionsInput struct {
	target
	Query      *string `json:"query,omitempty" description:"Words of the title, the keywords or the text" bounds:"1..200"`
	RequestID  *string `json:"request_id,omitempty" description:"Ticket to find articles for"`
	SolutionID *string `json:"solution_id,omitempty" description:"Article to read"`
}

// solutionRow is an article of the knowledge base: its excerpt in a list, its text where it is read.
type solutionRow struct {
	ID      string `json:"id"`
	Title   string `json:"subject"`
	Topic   string `json:"topic,omitempty"`
	Excerpt string `json:"excerpt,omitempty"`
	Text    string `json:"text,omitempty"`
	URI     string `json:"uri"`
}

type solutionsResult struct {
	Solutions []solutionRow `json:"solutions"`
	More      bool          `json:"more,omitempty"`
	Trust     string        `json:"trust"`
}

// searchSolutions answers search_solutions: one call of SDP, and those of the ticket before.
func (s *Service) searchSolutions(ctx context.Context, in searchSolutionsInput) (*tool.Result[solutionsResult], error) {
	given := 0
	for _, argument := range []*string{in.Query, in.RequestID, in.SolutionID} {
		if argument != nil {
			given++
		}
	}
	if given != 1 {
		return nil, tool.NewInvalid("give exactly one of query, request_id and solution_id")
	}
	d, err := s.openDesk(ctx, in.target, knowledgeToolset)
	if err != nil {
		return nil, err
	}
	if in.SolutionID != nil {
		return d.readSolution(ctx, strings.TrimPrefix(*in.SolutionID, "id:"))
	}
	words, everyWord, err := d.wordsFor(ctx, in)
	if err != nil {
		return nil, err
	}
	var each []sdp.Criteria
	for _, word := range words {
		each = append(each, sdp.Any(
			sdp.Where("title", sdp.Contains, word), sdp.Where("keywords", sdp.Contains, word), sdp.Where("description", sdp.Contains, word)))
	}
	where := sdp.All(each...)
	if !everyWord {
		where = sdp.Any(each...)
	}
	page, err := d.client.Solutions().List(ctx, sdp.ListOptions{
		Rows: shownSolutions, Where: where, Fields: []string{"id", "title", "topic", "keywords", "description"},
	})
	if err != nil {
		return nil, needScope(solutionsScope, err)
	}
	slices.SortStableFunc(page.Items, func(a, b sdp.Solution) int { return cmp.Compare(countWords(words, &b), countWords(words, &a)) })
	return d.solutionsResult(page.Items, page.Next != 0), nil
}

// wordsFor returns the words that are looked for, and whether an article has to have all of them: those of a query, and not those of a
// ticket.
func (d *desk) wordsFor(ctx context.Context, in searchSolutionsInput) (words []string, every bool, err error) {
	text := valueOr(in.Query, "")
	if in.RequestID != nil {
		if err := d.checkToolset(requestsToolset); err != nil {
			return nil, false, err
		}
		ticket, err := d.readTicket(ctx, *in.RequestID)
		if err != nil {
			return nil, false, err
		}
		text = ticket.Subject
	}
	for _, word := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return strings.ContainsRune(" \t\n.,;:!?()\"", r) }) {
		if (in.RequestID == nil || len([]rune(word)) >= leastWord) && !slices.Contains(words, word) {
			words = append(words, word)
		}
	}
	if len(words) == 0 {
		return nil, false, tool.NewInvalid("there is no word to look for")
	}
	return words[:min(len(words), maxWords)], in.RequestID == nil, nil
}

func countWords(words []string, in *sdp.Solution) int {
	return countIn(in.Title+" "+in.Keywords, words)
}

func (d *desk) solutionsResult(found []sdp.Solution, more bool) *tool.Result[solutionsResult] {
	result := solutionsResult{Solutions: []solutionRow{}, More: more, Trust: untrusted}
	shown := newTable("id", "title", "topic", "excerpt")
	for _, f := range found {
		row := d.newSolutionRow(&f)
		text, _ := readHTML(f.TextHTML, excerptLength)
		row.Excerpt = oneLine(text)
		if !shown.append([]string{row.ID, row.Title, row.Topic, row.Excerpt}) {
			result.More = true
			break
		}
		result.Solutions = append(result.Solutions, row)
	}
	said := fmt.Sprintf("%d articles; solution_id reads one.", len(result.Solutions))
	if result.More {
		said += " There are more; give more words."
	}
	return tool.NewResult(said+"\n"+shown.text(), result)
}

func (d *desk) newSolutionRow(of *sdp.Solution) solutionRow {
	return solutionRow{ID: of.ID, Title: shortenLine(of.Title), Topic: oneLine(of.Topic.Name), URI: d.uriOf("solutions", of.ID)}
}

// errNoSolution is said of an article that does not exist.
var errNoSolution = &tool.Error{Kind: tool.NotFound, Text: "no such article; search_solutions says which there are", Details: errorDetails{Kind: tool.NotFound}}

// findSolution returns an article, or errNoSolution.
func (d *desk) findSolution(ctx context.Context, id string) (sdp.Solution, error) {
	if !isDigits(id) || len(id) > 25 {
		return sdp.Solution{}, errNoSolution
	}
	found, err := d.client.Solutions().Get(ctx, id)
	if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) {
		return sdp.Solution{}, errNoSolution
	}
	return found, needScope(solutionsScope, err)
}

func (d *desk) readSolution(ctx context.Context, id string) (*tool.Result[solutionsResult], error) {
	found, err := d.findSolution(ctx, id)
	if err != nil {
		return nil, err
	}
	row := d.newSolutionRow(&found)
	row.Title = oneLine(found.Title)
	text, whole := readHTML(found.TextHTML, fullText)
	row.Text = text
	said := "Article " + row.ID + "."
	if !whole {
		said += " The text is cut; " + row.URI + " has up to 60,000 characters."
	}
	return tool.NewResult(said+"\n"+richtext.FrameUntrusted(row.Title+"\n\n"+text), solutionsResult{Solutions: []solutionRow{row}, Trust: untrusted}), nil
}

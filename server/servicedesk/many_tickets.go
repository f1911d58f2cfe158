package servicedesk

import (
	"context"
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/tool"
)

// namedBy is what a caller names a ticket by, in an argument.
type namedBy struct{ argument, text string }

// nameAll names tickets in one argument.
func nameAll(argument string, texts []string) []namedBy {
	all := make([]namedBy, len(texts))
	for i, text := range texts {
		all[i] = namedBy{argument, text}
	}
	return all
}

// namedTicket is a ticket that a caller names, by its number or its id.
type namedTicket struct {
	namedBy
	number, id string
}

func (n namedTicket) isOf(r *sdp.Request) bool {
	return n.number != "" && r.DisplayID == n.number || n.id != "" && r.ID == n.id
}

// readTickets returns tickets that are inside the ceilings, in one call of SDP, in the order of their names and each once. If any is not
// there, or outside, there are none.
func (d *desk) readTickets(ctx context.Context, texts []namedBy) ([]sdp.Request, error) {
	var named []namedTicket
	var numbers, ids []any
	for _, text := range texts {
		number, id, ok := parseRequestID(text.text)
		if !ok {
			return nil, text.sayNoTicket()
		}
		one := namedTicket{text, number, id}
		switch {
		case slices.ContainsFunc(named, func(n namedTicket) bool { return n.number == number && n.id == id }):
			continue
		case number != "":
			numbers = append(numbers, number)
		default:
			ids = append(ids, id)
		}
		named = append(named, one)
	}
	var either []sdp.Criteria
	if len(numbers) > 0 {
		either = append(either, sdp.Where("display_id", sdp.Is, numbers...))
	}
	if len(ids) > 0 {
		either = append(either, sdp.Where("id", sdp.Is, ids...))
	}
	page, err := d.listPage(ctx, filter{criteria: sdp.Any(either...), holds: func(r *sdp.Request) bool {
		return slices.ContainsFunc(named, func(n namedTicket) bool { return n.isOf(r) })
	}, fields: comparedFields}, sdp.ListOptions{Rows: len(named), Fields: comparedFields})
	if err != nil && !isUnknownValue(err) {
		return nil, err
	}
	var found []sdp.Request
	for _, n := range named {
		at := slices.IndexFunc(page.rows, func(r sdp.Request) bool { return n.isOf(&r) })
		if at < 0 {
			return nil, n.sayNoTicket()
		}
		row := page.rows[at]
		d.numbers.add(row.DisplayID, row.ID)
		if !slices.ContainsFunc(found, func(r sdp.Request) bool { return r.ID == row.ID }) {
			found = append(found, row)
			audit.FromContext(ctx).UseTicket(row.DisplayID)
		}
	}
	return found, nil
}

// sayNoTicket is errNoTicket for one of many.
func (n namedBy) sayNoTicket() *tool.Error {
	return &tool.Error{
		Kind: tool.NotFound, Text: fmt.Sprintf("argument %q: no such ticket as %s; nothing was written", n.argument, excerpt.Truncate(oneLine(n.text), 40)),
		Details: errorDetails{Kind: tool.NotFound, Fields: []string{n.argument}},
	}
}

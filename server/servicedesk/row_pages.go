package servicedesk

import (
	"fmt"
	"strconv"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// rowPage is a part of a list that the caller may see.
type rowPage[T any] struct {
	rows []T
	// places are where the rows stand in the list of SDP, from 1: rows are left out.
	places []int
	// next is where the next page begins, 0 at the end. Total is -1 where it is not known.
	next, total int
}

// newRowPage keeps the rows of a page from a place on that are admitted. The total is what was counted here where the page is the whole
// list, and not known where that of SDP may count what is left out: isBounded says that some of the list is outside of the ceilings.
func newRowPage[T any](found sdp.Page[T], start int, isBounded bool, admits func(*T) bool) rowPage[T] {
	page := rowPage[T]{next: found.Next, total: found.Total}
	for i := range found.Items {
		if admits(&found.Items[i]) {
			page.rows, page.places = append(page.rows, found.Items[i]), append(page.places, max(start, 1)+i)
		}
	}
	switch {
	case page.next == 0 && start <= 1:
		page.total = len(page.rows)
	case len(page.rows) < len(found.Items) || isBounded:
		page.total = -1
	}
	return page
}

// placeAfter returns where the list goes on of which so many rows are shown.
func (p *rowPage[T]) placeAfter(shown int) int {
	if shown < len(p.rows) {
		return p.places[shown]
	}
	return p.next
}

// describeShown says how many rows of a list are shown, and of how many where that is known.
func (d *desk) describeShown(shown, total int, what string) string {
	count := strconv.Itoa(shown)
	if total >= 0 {
		count = fmt.Sprintf("%d of %d", shown, total)
	}
	return fmt.Sprintf("%s %s. Times are in %s.", count, what, d.zone)
}

// knownTotal returns a total for a result, nil where it is not known.
func knownTotal(total int) *int {
	if total < 0 {
		return nil
	}
	return &total
}

// sayCursor says how a list goes on, where it does.
func sayCursor(cursor string) string {
	if cursor == "" {
		return ""
	}
	return " More: cursor=" + cursor
}

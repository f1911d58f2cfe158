package servicedesk

import (
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// projectCeiling is which projects of a connection there are for its callers. It is asked for with every list, and rows are checked
// again, as are projects before anything of them is read or written.
type projectCeiling struct {
	// isBounded says that not every project is inside; ids and numbers are of those that are.
	isBounded    bool
	ids, numbers []string
}

// newProjectCeiling reads spec.access.projects: what is digits is an id, and what has letters before them is a number.
func newProjectCeiling(list []string) projectCeiling {
	c := projectCeiling{isBounded: list != nil}
	for _, entry := range list {
		if number, is := sdp.ParseDisplayID(entry); is && !isDigits(entry) {
			c.numbers = append(c.numbers, number)
		} else {
			c.ids = append(c.ids, entry)
		}
	}
	return c
}

// isClosed reports whether no project is inside, so that there is nothing to ask for.
func (c projectCeiling) isClosed() bool { return c.isBounded && len(c.ids)+len(c.numbers) == 0 }

// criteria selects what is inside.
func (c projectCeiling) criteria() sdp.Criteria {
	var alternatives []sdp.Criteria
	if len(c.ids) > 0 {
		alternatives = append(alternatives, sdp.Where("id", sdp.Is, anyOf(c.ids)...))
	}
	if len(c.numbers) > 0 {
		alternatives = append(alternatives, sdp.Where("display_id", sdp.Is, anyOf(c.numbers)...))
	}
	if len(alternatives) == 0 {
		return sdp.Criteria{}
	}
	return sdp.Any(alternatives...)
}

// admits reports whether a project is inside.
func (c projectCeiling) admits(p *sdp.Project) bool {
	return !c.isBounded || slices.Contains(c.ids, p.ID) || p.Number != "" && slices.Contains(c.numbers, strings.TrimSpace(p.Number))
}

package servicedesk

import (
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

// withoutEntry is what a list of groups or sites has for tickets that have none.
const withoutEntry = "none"

// ceiling is which tickets of a connection there are for its callers. It is asked for with every list, and rows are checked again:
// a site may ignore criteria.
type ceiling struct{ groups, sites bound }

// bound is which values a field may have.
type bound struct {
	field string
	// isBounded says that not every value may be; names are those that may, without case, and isEmptyAllowed that none may too.
	isBounded      bool
	names          []string
	isEmptyAllowed bool
}

func newCeiling(access *store.ConnectionAccess) ceiling {
	return ceiling{newBound("group", access.Groups), newBound("site", access.Sites)}
}

func newBound(field string, list []string) bound {
	b := bound{field: field, isBounded: list != nil}
	for _, name := range list {
		if name == withoutEntry {
			b.isEmptyAllowed = true
			continue
		}
		b.names = append(b.names, name)
	}
	return b
}

// isClosed reports whether no ticket is inside, so that there is nothing to ask for.
func (c ceiling) isClosed() bool { return c.groups.isClosed() || c.sites.isClosed() }

func (b bound) isClosed() bool { return b.isBounded && len(b.names) == 0 && !b.isEmptyAllowed }

// isBounded reports whether anything is outside.
func (c ceiling) isBounded() bool { return c.groups.isBounded || c.sites.isBounded }

// criteria selects what is inside.
func (c ceiling) criteria() sdp.Criteria { return sdp.All(c.groups.criteria(), c.sites.criteria()) }

func (b bound) criteria() sdp.Criteria {
	var alternatives []sdp.Criteria
	if len(b.names) > 0 {
		alternatives = append(alternatives, sdp.Where(b.field+".name", sdp.Is, anyOf(b.names)...))
	}
	if b.isEmptyAllowed {
		alternatives = append(alternatives, sdp.IsEmpty(b.field))
	}
	if !b.isBounded || len(alternatives) == 0 {
		return sdp.Criteria{}
	}
	return sdp.Any(alternatives...)
}

// admits reports whether a ticket is inside. One of which SDP does not say the group or the site has none.
func (c ceiling) admits(r *sdp.Request) bool {
	return c.groups.admits(r.Group) && c.sites.admits(r.Site)
}

func (b bound) admits(value sdp.Ref) bool {
	switch {
	case !b.isBounded:
		return true
	case value.Name == "":
		return b.isEmptyAllowed && value.ID == ""
	}
	return slices.ContainsFunc(b.names, func(name string) bool { return strings.EqualFold(name, value.Name) })
}

func anyOf(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

package plan

import "github.com/lectern-dev/lectern/internal/store"

// State is what IsFenced reads of a row.
type State struct {
	store.Fence
	Deleted bool
}

// IsFenced reports whether a row refuses a publication, because only the API server can say whose turn it
// is. A tombstone fences even its own UID, or a deposed leader would bring back what was deleted. A
// takeover is a compare-and-set on the fence that was seen; it also passes where the publication needs
// none, because its own first attempt may have been committed without an answer.
func IsFenced(row State, p *store.Publication) bool {
	switch {
	case row.Revision == 0: // inserted by this transaction
		return false
	case p.Takeover != nil && row.Fence == *p.Takeover:
		return false
	default:
		return row.Deleted || row.UID != p.Owner.UID || row.Generation > p.Owner.Generation
	}
}

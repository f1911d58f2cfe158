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
func IsFenced(row State, owner store.Owner, takeover *store.Fence) bool {
	switch {
	case row.Revision == 0: // inserted by this transaction
		return false
	case takeover != nil && row.Fence == *takeover:
		return false
	default:
		return row.Deleted || row.UID != owner.UID || row.Generation > owner.Generation
	}
}

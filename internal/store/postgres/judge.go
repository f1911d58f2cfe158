package postgres

import "github.com/lectern-dev/lectern/internal/store"

// verdict is what a row means to a publication.
type verdict int

const (
	// fresh: the row was inserted by this transaction.
	fresh verdict = iota
	// ours: the row stands for the same object, or for what it was before.
	ours
	// fenced: only the API server can say whose turn it is.
	fenced
)

// standing is what judge looks at in a row.
type standing struct {
	store.Fence
	Deleted bool
}

// judge decides whether a publication may write. A tombstone fences even its own UID, or a deposed
// leader would bring back what was deleted. A takeover is a compare-and-set on the fence that was seen; it also
// passes where the publication needs none, because its own first attempt may have been committed
// unheard.
func judge(row standing, p *store.Publication) verdict {
	switch {
	case row.Revision == 0:
		return fresh
	case p.Takeover != nil && row.Fence == *p.Takeover:
		return ours
	case !row.Deleted && row.UID == p.Owner.UID && row.Generation <= p.Owner.Generation:
		return ours
	default:
		return fenced
	}
}

// Package faultpoint names the places where a test may kill the controller. In a normal build every
// one of them is empty; the build tag faultpoints arms the one named in LECTERN_FAULTPOINT.
//
// It knows nothing of what surrounds a place. Its invariant: the lists below name every place.
package faultpoint

// Name is a place between two steps that another controller may have to take over from.
type Name string

// The places of a reconcile, in the order it passes them.
const (
	Fetched      Name = "fetched"       // the object was read, nothing is written
	FinalizerSet Name = "finalizer-set" // the finalizer is on the object
	Compiled     Name = "compiled"      // the Document exists in memory
	RowLocked    Name = "row-locked"    // inside the publish transaction, nothing written
	RowWritten   Name = "row-written"   // inside the publish transaction, all written, not committed
	Published    Name = "published"     // committed, the status not patched
	Removed      Name = "removed"       // the tombstone is committed, the finalizer still there
)

// The places on the way of a change request into its object.
const (
	ChangeProven  Name = "change-proven"  // its turn may come, nothing is written down of the object
	ChangeBegun   Name = "change-begun"   // written down, the object not written
	ChangeWritten Name = "change-written" // the object is written, the request does not know
	ChangeApplied Name = "change-applied" // the request knows, the event is not sent
)

// ReconcilePoints lists the places of a reconcile.
func ReconcilePoints() []Name {
	return []Name{Fetched, FinalizerSet, Compiled, RowLocked, RowWritten, Published, Removed}
}

// ProofPoints lists the places of a change request that are passed only where proof is asked for.
func ProofPoints() []Name { return []Name{ChangeProven} }

// ChangePoints lists the places of every change request.
func ChangePoints() []Name { return []Name{ChangeBegun, ChangeWritten, ChangeApplied} }

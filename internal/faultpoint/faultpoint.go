// Package faultpoint names the places where a test may kill the controller. In a normal build every
// one of them is empty; the build tag faultpoints arms the one named in LECTERN_FAULTPOINT.
//
// It knows nothing of what surrounds a place. Its invariant: All is the whole list.
package faultpoint

// Name is a place between fetching an object and patching its status.
type Name string

// The places, in the order a reconcile passes them.
const (
	Fetched      Name = "fetched"       // the object was read, nothing is written
	FinalizerSet Name = "finalizer-set" // the finalizer is on the object
	Compiled     Name = "compiled"      // the Document exists in memory
	RowLocked    Name = "row-locked"    // inside the publish transaction, nothing written
	RowWritten   Name = "row-written"   // inside the publish transaction, all written, not committed
	Published    Name = "published"     // committed, the status not patched
	Removed      Name = "removed"       // the tombstone is committed, the finalizer still there
)

// All lists every place.
func All() []Name {
	return []Name{Fetched, FinalizerSet, Compiled, RowLocked, RowWritten, Published, Removed}
}

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

// The places of a connection whose grant code is exchanged, in the order it passes them, and then those of a refresh and a deletion.
const (
	ConnectionStored  Name = "connection-stored"   // servers may know the connection, nobody was called
	ManagedSecretMade Name = "managed-secret-made" // the place for a refresh token is there, the code is not marked
	ExchangeClaimed   Name = "exchange-claimed"    // the database knows of the request, the code is not marked
	CodeMarked        Name = "code-marked"         // the code is marked as spent, and was not sent
	CodeSent          Name = "code-sent"           // the accounts server answered, and nothing is written
	RefreshTokenKept  Name = "refresh-token-kept"  // the refresh token is in its Secret, the database does not know
	RefreshClaimed    Name = "refresh-claimed"     // the database knows of the request, nothing was sent
	RefreshAnswered   Name = "refresh-answered"    // there is a new access token, and the database does not know
	TokenStored       Name = "token-stored"        // the token is stored, its status is not written
	ConnectionRemoved Name = "connection-removed"  // the tombstone is committed, nothing is revoked
	TokenRevoked      Name = "token-revoked"       // the refresh token is revoked, its Secret still there
)

// The places of a batch of the audit.
const (
	AuditAppended Name = "audit-appended" // the row is in its segment, Append has not returned
	AuditClosed   Name = "audit-closed"   // nothing more is written to the segment, the database does not know it
	AuditClaimed  Name = "audit-claimed"  // inside the transaction, the batch is there and its rows are not
	AuditCopied   Name = "audit-copied"   // inside the transaction, all rows are there, not committed
	AuditLoaded   Name = "audit-loaded"   // committed, the segment still there
	AuditRemoved  Name = "audit-removed"  // the segment is gone
)

// AuditPoints lists the places of a batch, in the order it passes them.
func AuditPoints() []Name {
	return []Name{AuditAppended, AuditClosed, AuditClaimed, AuditCopied, AuditLoaded, AuditRemoved}
}

// ConnectionPoints lists the places of a connection that becomes ready by a grant code. RefreshPoints lists those of a refresh, and
// ConnectionDeletionPoints those of a deletion.
func ConnectionPoints() []Name {
	return []Name{ConnectionStored, ManagedSecretMade, ExchangeClaimed, CodeMarked, CodeSent, RefreshTokenKept, TokenStored}
}

// RefreshPoints lists the places of a refresh.
func RefreshPoints() []Name { return []Name{RefreshClaimed, RefreshAnswered, TokenStored} }

// ConnectionDeletionPoints lists the places of a deleted connection.
func ConnectionDeletionPoints() []Name { return []Name{ConnectionRemoved, TokenRevoked} }

// ReconcilePoints lists the places of a reconcile.
func ReconcilePoints() []Name {
	return []Name{Fetched, FinalizerSet, Compiled, RowLocked, RowWritten, Published, Removed}
}

// ProofPoints lists the places of a change request that are passed only where proof is asked for.
func ProofPoints() []Name { return []Name{ChangeProven} }

// ChangePoints lists the places of every change request.
func ChangePoints() []Name { return []Name{ChangeBegun, ChangeWritten, ChangeApplied} }

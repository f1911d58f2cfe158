// Package change decides what becomes of a change request: a write of a prompt that an agent asked for over MCP.
//
// It knows no Kubernetes, no SQL and no MCP, and is pure: a View of what a caller knows gives a Verdict. Its invariant: a
// request is rejected only when nothing of it is written, and nothing of it still can be.
//
// # Who decides which rule
//
// Decide asks the rules in the order of this table. A rule that meets what is unknown passes, so each caller decides what
// it can know: the controller reads the object, the folder its files, a server only rows, before it stores a request;
// the fake is the controller of the server's tests.
//
//	rule                 controller  folder  server  fake
//	unknownAction        yes         yes     yes     yes
//	alreadyWritten       yes         -       -       -
//	alreadyDeleted       yes         -       -       -
//	interruptedAddition  yes         -       -       -
//	deletedMeanwhile     yes         -       -       -
//	notProven            yes         -       -       -
//	overdue              yes         -       -       -
//	alreadyExists        yes         yes     -       yes
//	nameReserved         -           yes     -       -
//	notFound             yes         yes     -       yes
//	ownedElsewhere       yes         -       -       yes
//	invalidEdit          yes         yes     yes     yes
//	versionPending       yes         -       -       -
//	versionMismatch      yes         yes     yes     yes
//	channelMismatch      yes         yes     yes     yes
//	withdrawnIsNewest    -           -       yes     -
//	withdrawnInChannel   -           -       yes     -
//
// The folder and the fake write in one step and begin nothing. The server chooses the name of an addition, and finds out
// that a prompt is not there when it reads what to decide on. A withdrawal of a version in use is written all the same by
// who did not see that, and then blocked by the publish.
//
// # States
//
// In a cluster a request is a row. A server inserts it; everything else is the leading controller's: the runnable of
// controllers/changes, except for the publish, which is the prompt reconciler's.
//
//	        server: RequestChange
//	                  │
//	                  ▼
//	┌──────────────────────────────────┐   rejected by a rule or by the API server,
//	│ Pending                          ├──── and no write can still succeed ────▶ Refused, Conflict
//	│   BeginChange before each write, │
//	│   at most MaxAttempts in a row   ├──── ChangeExpiry (10 min) is over ─────▶ Expired
//	└─────────────────┬────────────────┘
//	                  │ MarkChangeApplied: the object has the edit and the request's id,
//	                  │ or is being deleted; the publish may come first
//	                  ▼
//	┌──────────────────────────────────┐   another writer replaced the edit, deleted the object,
//	│ Applied                          ├──── or the API server's store was restored ────▶ Conflict
//	│   checked again while it takes   │
//	│   longer than 2 s                ├──── the object cannot be published ────▶ Blocked
//	└─────────────────┬────────────────┘
//	                  │ the publish that serves it, or the tombstone
//	                  ▼
//	              Published
//
// A write is begun (a row says what is about to be written) and sent within ObjectWriteTimeout (5 s), and the API server
// gives up on it after as long. So after twice that time (10 s) it can no longer succeed, and whoever takes over from a
// controller that ended in between can tell what happened: until then a rejection waits, unless the object changed
// meanwhile or the API server has said that another writer came first.
//
// The clocks are store.ObjectWriteTimeout, store.ChangeExpiry and, of the database alone, its grace for a publish.
package change

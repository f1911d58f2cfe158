// Package upkeep keeps rows and objects in step where no event does: it tombstones rows whose
// object is gone, enqueues objects whose row differs, erases the texts of old tombstones, deletes old change requests
// and unused tags, and fills in search indexes that an earlier release did not write.
//
// It runs on the leader only and never decides from a cache. Its invariant: it removes nothing it
// did not compare with a complete list of live objects, and never more than the sweep limit.
package upkeep

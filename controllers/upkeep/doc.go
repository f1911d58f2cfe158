// Package upkeep keeps rows and objects in step where no event does: it tombstones rows whose
// object is gone, wakes objects whose row differs, erases the texts of old tombstones and tags nobody has,
// and indexes what a release before this one did not.
//
// It runs on the leader only and never decides from a cache. Its invariant: it removes nothing it
// did not compare with a complete list of live objects, and never more than the sweep limit.
package upkeep

// Package conformance holds Lectern against programs that know nothing of it: the official suite of
// both eras, the official TypeScript clients of two generations, and the Inspector.
//
// The suite asks the fixtures, which stand on Lectern's transport; the others ask `lectern server`
// itself, on a real database. All of them come from npm, pinned by the lock beside this file, and are
// installed into the cache once. Its invariant: what cannot be run fails; nothing is skipped.
//
//	go test ./test/conformance -run TestConformanceSuite -times 20
package conformance

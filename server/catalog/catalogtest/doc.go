// Package catalogtest has what a catalog reads in tests: a Postgres database, filled by an Author as
// a controller does, and a Source that a test can stop, break and count, which a database cannot be.
//
// A test takes the Author unless it needs one of these three.
package catalogtest

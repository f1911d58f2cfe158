// Package plan decides what a publish changes in a store of prompts, whose row of a connection it is, and whether a token may be
// asked for.
//
// It knows no store and does nothing: each decision is a value that a store carries out, all of one
// publish while nobody else may change the row. Its invariant: every store that follows it gives the
// same versions the same numbers.
package plan

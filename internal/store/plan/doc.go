// Package plan decides what a publish changes in a store of prompts.
//
// It knows no store and does nothing: each decision is a value that a store carries out, all of one
// publish while nobody else may change the row. Its invariant: every store that follows it gives the
// same versions the same numbers.
package plan

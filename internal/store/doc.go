// Package store has the words every store of prompts and connections speaks: keys, publications, what a publish
// answers, tokens and their budget, and the errors a caller decides on.
//
// It speaks no SQL and imports no Kubernetes; errors name both where an operator has to act. Whatever implements a store of
// prompts passes the suite in storetest.
package store

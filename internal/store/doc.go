// Package store has the words every store of prompts speaks: keys, publications, what a publish
// answers, and the errors a caller decides on.
//
// It speaks no SQL and imports no Kubernetes; errors name both where an operator has to act. Whatever implements a store
// passes the suite in storetest.
package store

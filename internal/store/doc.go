// Package store has the words every store of prompts speaks: keys, publications, what a publish
// answers, and the errors a caller decides on.
//
// It knows no SQL and no Kubernetes. Whatever implements it passes the suite in storetest.
package store

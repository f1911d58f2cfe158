// Package postgres is the store of prompts in PostgreSQL 15 to 18.
//
// It knows no Kubernetes and no MCP; an object's owner is a UID and a generation to it. Nothing of
// pgx or sqlc leaves it: every error a caller decides on is one of package store.
//
// Its invariant: every visible change is one transaction that ends by taking the next revision from
// the one row of feed and holds that row to its commit. So revisions have no gaps and become
// visible in order, and a reader that asks for what came after the last revision it saw misses
// nothing.
package postgres

// Package namespaces says which namespaces an installation watches.
//
// It knows no Kubernetes client, no SQL and no MCP. Its invariant: controller and servers of an installation that are given
// the same flag agree on every namespace.
package namespaces

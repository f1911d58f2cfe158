// Package servicedesk offers ServiceDesk Plus as MCP tools, resources and completion: tools, texts, rights, and what a connection
// allows at most.
//
// It knows connections by what is in the store, and calls ServiceDesk Plus by internal/sdp. It knows no Kubernetes and no prompts. Its
// invariant: what a caller may not use, and what is outside of the ceilings of a connection, is answered as what does not exist,
// with the same calls of ServiceDesk Plus; and what people wrote there leaves it only as untrusted text.
package servicedesk

// Package localdesk is ServiceDesk Plus without a database: what a server needs of a store of connections, from manifests in a folder,
// credentials that a person names, and a state folder that all processes of a user share.
//
// It knows no MCP, no Kubernetes beyond the manifests' own types and no SQL. What a connection logs in with, and when a token is due,
// is for package connectionlogin to say, and how many requests there may be for package plan: as for a controller. Its invariants:
// a token request is written into the state before it is sent, and a grant code is sent once, after its mark was written where its
// refresh token will be; no state that a person or another program wrote is overwritten, though a damaged log of calls is; and no secret
// is in a log, an error or a row.
//
// A Source has the rows (source.go), a keeper for each connection finds out what its row says (keeper.go, tokens.go, exchange.go,
// proof.go, api_key.go) by credentials (credentials.go) and by the state (state.go, sent_code.go) that a file has (state_folder.go); the rate is a file beside it (rate_log.go). Intents of writes
// live as long as the process (writes.go). What keepers call is audited (audit.go).
package localdesk

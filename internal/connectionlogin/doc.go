// Package connectionlogin says what an SDPConnection logs in with, when its access token is due, and whether ServiceDesk Plus takes
// it: to a controller, which keeps tokens in Secrets and a database, and to a server that has neither.
//
// Its decisions are functions of values; one function calls, and it is given the client to call with. It knows no Kubernetes beyond
// the manifest's own types, no files and no SQL. Its invariant: a grant code that was sent is never chosen again, and no error
// has a credential in it.
package connectionlogin

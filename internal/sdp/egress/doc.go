// Package egress decides where credentials may go, and makes the HTTP clients that send them nowhere else.
//
// It knows no ServiceDesk Plus, no Kubernetes and no token. Rules say which hosts are allowed; a client checks each request
// against them, and each connection by the address it is about to go to, so that a name that resolves differently the second
// time is checked the second time. Its invariant: a client of NewClient sends no byte to a host that no rule names, follows no
// redirect, and reads no proxy from the environment.
package egress

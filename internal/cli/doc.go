// Package cli is the commands of people: `lectern validate`, which a check before a merge runs, and `lectern render`, which
// shows what a caller would get, work on manifests in files; `lectern can-i` says what a caller may do, and
// `lectern connect` lets a client on a pipe call a server.
//
// It imports nothing of servers and controllers. It prints and exits; what is right or wrong with a manifest is
// internal/manifest's to say, and who may what internal/access's.
package cli

// Package sdp speaks the v3 REST API of ServiceDesk Plus (SDP), in the cloud and on premises.
//
// A Client has collections (requests, projects, problems, changes, solutions, assets, people, lookups) and what can be done with
// their records. Answers are decoded tolerantly: a record keeps all that SDP sent beside what is decoded of it, and no shape of a
// field is an error. What differs between the editions is in edition.go and nowhere else.
//
// The package knows no tool, no database and no Kubernetes. Tokens come from a TokenSource, turns from a Limiter, and the HTTP
// client from internal/sdp/egress. Its invariants: a write is sent once, unless it is certain that SDP did not carry it out, and
// what may have been carried out is reported as KindIndeterminate, for FindCreated and FindUpdated to look up; nothing that SDP wrote
// is in the text of an error.
package sdp

// Package sdptest is a fake ServiceDesk Plus: an accounts server (OAuth) and an API server, in the
// cloud and the on-premises edition.
package sdptest

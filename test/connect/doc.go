// Package connect starts `lectern connect` as a client does that knows no tokens, with an independent client (the official
// Go SDK) at its one end and a server that lets nobody in without a token of Kubernetes at the other.
//
// It is tests only, and they know nothing of the program but what such a client sees.
package connect

// Package audit makes a row of the audit of every call that reads or changes something: tools/call, prompts/get, resources/read and
// the completion of sdp:// resources, those that were refused, limited or canceled among them.
//
// It is told of a call by the transport (recorder.go), and of what the call is about by those who answer it, through an Entry that the
// context of the call has (entry.go). It knows neither prompts nor ServiceDesk Plus, and where rows go is for internal/audit. Its
// invariant: the row of a call is appended before the first byte of its answer is written, and no call fails for want of room.
package audit

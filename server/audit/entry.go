package audit

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// Entry is the row of a call while the call is answered, by one goroutine at a time. Its methods do nothing on nil, which is what there
// is where nothing is audited.
type Entry struct {
	row audit.ToolUsage
	// payloads is what is kept of what is said.
	payloads audit.PayloadPolicy
	isDenied bool
	// tickets are the numbers of those that the call is about.
	tickets []string
	// made is what the call made, as a target names it.
	made    string
	refused tool.Kind
	// given are the arguments of a prompt that it has and the call gives.
	given []string
}

type entryKey struct{}

// FromContext returns the entry of a call; nil where it is not audited.
func FromContext(ctx context.Context) *Entry {
	e, _ := ctx.Value(entryKey{}).(*Entry)
	return e
}

// WithoutEntry returns a context by which nothing is noted of a call: for questions that do not decide about it.
func WithoutEntry(ctx context.Context) context.Context {
	return context.WithValue(ctx, entryKey{}, (*Entry)(nil))
}

// CallID returns what rows name the call by; the nil UUID where it is not audited.
func (e *Entry) CallID() uuid.UUID {
	if e == nil {
		return uuid.Nil
	}
	return e.row.CallID
}

// UsePrompt notes which prompt a call is about.
func (e *Entry) UsePrompt(key store.Key) {
	if e != nil {
		e.row.Prompt.Namespace, e.row.Prompt.Name = key.Namespace, key.Name
	}
}

// UseArguments notes which of a call's arguments a prompt has.
func (e *Entry) UseArguments(names []string) {
	if e != nil {
		e.given = names
	}
}

// UseVersion notes what was fetched or rendered of the prompt of a call, as its receipt says.
func (e *Entry) UseVersion(version int64, digest string) {
	if e != nil {
		e.row.Prompt.Version, e.row.Prompt.Digest = version, digest
	}
}

// UseConnection notes the connection of a call, what that keeps of what is said, and what is a name in one of its lists.
func (e *Entry) UseConnection(connection audit.Connection, payloads string, knows audit.KnowsName) {
	if e != nil {
		e.row.Connection, e.payloads.Payloads, e.payloads.Knows = connection, payloads, knows
	}
}

// UseTicket notes the number, as people quote it, of a ticket that a call is about.
func (e *Entry) UseTicket(number string) {
	if e != nil && number != "" && !slices.Contains(e.tickets, number) {
		e.tickets = append(e.tickets, number)
	}
}

// UseRecord notes what a call made, by its kind and as people name it: no argument does.
func (e *Entry) UseRecord(kind, id string) {
	if e != nil {
		e.made = kind + "/" + id
	}
}

// Deny notes that the caller may not do what the call asks for, whatever they are told.
func (e *Entry) Deny() {
	if e != nil {
		e.isDenied = true
	}
}

// BeginWrite notes that something is about to be sent that changes ServiceDesk Plus.
func (e *Entry) BeginWrite() {
	if e != nil {
		e.row.WriteBegun = true
	}
}

// JoinCall has the row of a call of ServiceDesk Plus say for which call it was made.
func (e *Entry) JoinCall(call *audit.APICall) {
	if e != nil {
		call.CallID, call.Actor, call.Traceparent = e.row.CallID, e.row.Actor, e.row.Traceparent
	}
}

// targetArguments are the arguments of tools that name what a call is about, and how a target names it. The first that is there counts.
var targetArguments = []struct{ argument, kind string }{
	{"task_id", "task"}, {"milestone_id", "milestone"}, {"request_id", ticketKind}, {"project_id", "project"}, {"record_id", "record"},
	{"solution_id", "solution"}, {"id", "prompt"},
}

const (
	// maxTarget bounds what a caller wrote of a target, in bytes, and maxTargets one of several tickets.
	maxTarget, maxTargets = 200, 1000
	ticketKind            = "request"
)

// addTickets has a target also name the tickets that a call was about, by their numbers: who searches for one may not know as what it
// was asked for. What the caller called a ticket gives way to them.
func addTickets(target string, numbers []string) string {
	if len(numbers) == 0 {
		return target
	}
	named := make([]string, 0, len(numbers)+1)
	if target != "" && !strings.HasPrefix(target, ticketKind+"/") {
		named = append(named, target)
	}
	size := len(target)
	for _, number := range numbers {
		if size += len(number) + len(ticketKind) + 2; size > maxTargets {
			break
		}
		named = append(named, ticketKind+"/"+number)
	}
	return strings.Join(named, " ")
}

// targetOf names what a call of a tool is about, by its arguments as the caller wrote them.
func targetOf(argument func(name string) string) string {
	for _, one := range targetArguments {
		if value := argument(one.argument); value != "" {
			return one.kind + "/" + strings.TrimLeft(value, "#")
		}
	}
	return ""
}

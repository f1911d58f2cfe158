package audit

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

// Entry is the row of a call while the call is answered, by one goroutine at a time. Its methods do nothing on nil, which is what there
// is where nothing is audited.
type Entry struct {
	row audit.ToolUsage
	// payloads is what the connection of the call keeps of what is said, in the words of spec.audit.payloads.
	payloads string
	isDenied bool
	refused  tool.Kind
}

type entryKey struct{}

// FromContext returns the entry of a call; nil where it is not audited.
func FromContext(ctx context.Context) *Entry {
	e, _ := ctx.Value(entryKey{}).(*Entry)
	return e
}

// UsePrompt notes which prompt a call is about.
func (e *Entry) UsePrompt(key store.Key) {
	if e != nil {
		e.row.Prompt.Namespace, e.row.Prompt.Name = key.Namespace, key.Name
	}
}

// UseVersion notes what was fetched or rendered of the prompt of a call, as its receipt says.
func (e *Entry) UseVersion(version int64, digest string) {
	if e != nil {
		e.row.Prompt.Version, e.row.Prompt.Digest = version, digest
	}
}

// UseConnection notes the connection of a call, and how much that keeps of what is said.
func (e *Entry) UseConnection(connection audit.Connection, payloads string) {
	if e != nil {
		e.row.Connection, e.payloads = connection, payloads
	}
}

// Deny notes that the caller may not do what the call asks for, whatever they are told.
func (e *Entry) Deny() {
	if e != nil {
		e.isDenied = true
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
	{"task_id", "task"}, {"milestone_id", "milestone"}, {"request_id", "request"}, {"project_id", "project"}, {"record_id", "record"},
	{"solution_id", "solution"}, {"id", "prompt"},
}

// maxTarget bounds a target, in bytes.
const maxTarget = 200

// targetOf names what a call of a tool is about, by its arguments as the caller wrote them.
func targetOf(argument func(name string) string) string {
	for _, one := range targetArguments {
		if value := argument(one.argument); value != "" {
			return one.kind + "/" + strings.TrimLeft(value, "#")
		}
	}
	return ""
}

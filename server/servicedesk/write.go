package servicedesk

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// readWriteMode is the spec.access.mode of connections that tools may write through.
const readWriteMode = "ReadWrite"

// writeDeadline is how long a call of ServiceDesk Plus that writes may be sent after its intent was stored.
const writeDeadline = 10 * time.Second

// risk is why a person is asked before a write, as spec.access.confirm decides.
type risk int

// The risks.
const (
	// noRisk is asked for under Always alone.
	noRisk risk = iota
	// destructive is asked for under Destructive and Always: closing, bulk changes, the trash, notes that requesters see.
	destructive
	// reachesRequester is always asked for, whatever spec.access.confirm says, where spec.access.requesterVisible is Deny: resolution
	// and closure comments, which a requester may read.
	reachesRequester
)

// dryRun is the argument of all tools that write.
type dryRun struct {
	DryRun *bool `json:"dry_run,omitempty" description:"Only say what would be done"`
}

// idempotencyKey is the argument of tools that make something.
type idempotencyKey struct {
	IdempotencyKey *string `json:"idempotency_key,omitempty" description:"A repeat with the same key makes nothing twice" bounds:"1..200"`
}

// planned is the argument of tools that a plan of a dry run confirms.
type planned struct {
	Plan *string `json:"plan,omitempty" description:"The plan that a dry run returned, to carry it out" bounds:"1..4000"`
}

// writeRequest is what a tool is about to do.
type writeRequest struct {
	// tool is its name, arguments its input without dry_run, plan and idempotency_key: together they are what is done once.
	tool      string
	arguments any
	dryRun    *bool
	key, plan *string
	// mergesRepeats has an equal call of the same caller within 120 s be the same write: tools that create, add or link.
	mergesRepeats bool
	risk          risk
	// question is what a person confirms, and what was shown of each record: a plan of something else, or of how things were, is refused.
	question tool.Question
}

// write is a call of a tool that may write now, or says what it would do.
type write struct {
	d *desk
	// isDry says that nothing is sent; Plan is what carries it out then, where it has to be confirmed.
	isDry bool
	plan  string
	// isRepeat says that what was asked for had been done by an earlier call.
	isRepeat bool
}

// startWrite decides whether a call may write: it asks a person or opens a plan where the policy of the connection wants that. Its
// error is the answer of the call.
func (d *desk) startWrite(ctx context.Context, r writeRequest) (*write, error) {
	w := &write{d: d, isDry: r.dryRun != nil && *r.dryRun}
	if w.isDry || r.risk == noRisk {
		return w, nil
	}
	_, err := tool.Confirm(ctx, r.question)
	if errors.Is(err, tool.ErrCannotAsk) {
		return w, nil
	}
	return w, err
}

// writeStep is one call of ServiceDesk Plus that writes, of which a tool may make several.
type writeStep struct {
	// name tells the steps of a call apart: "note", "close", "ticket 31".
	name string
	// weight is what it counts of spec.access.writesPerHour: 1 for what a caller sees as one write, 0 for what belongs to another step.
	weight int
	// target is the record that is changed, or that something is made below: "requests/123". It is how the write is found again.
	target string
	// send sends it. Texts end with signature.of(text). What it returns names what was made or changed.
	send func(ctx context.Context, s signature) (writtenRecord, error)
	// find looks it up after an answer was lost.
	find func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error)
}

// writtenRecord is what a step made or changed.
type writtenRecord struct{ ID, Number string }

// send carries out a step at most once: its intent is stored before, its outcome after, and a call whose answer was lost is
// looked up. A repeat returns what the first one made.
func (w *write) send(ctx context.Context, step writeStep) (writtenRecord, error) {
	bounded, cancel := context.WithTimeout(ctx, writeDeadline)
	defer cancel()
	return step.send(bounded, w.d.sampleSignature())
}

// signature ends a text that is written.
type signature struct{ caller, mark string }

// of returns a Markdown text with who wrote it and the mark of the intent.
func (s signature) of(text string) string {
	end := "[" + s.mark + "]"
	if s.caller != "" {
		end = "— " + s.caller + " through Lectern " + end
	}
	return strings.TrimRight(text, "\n") + "\n\n" + end
}

// newMark returns what tells the texts of one intent from all others.
func newMark() string {
	random := make([]byte, 5)
	_, _ = rand.Read(random) // it never fails
	return strings.ToLower(base32.StdEncoding.EncodeToString(random)[:6])
}

// openDeskToWrite is openDesk for a tool that writes: the caller may operate the connection, and its mode is ReadWrite.
func (s *Service) openDeskToWrite(ctx context.Context, in target, toolset string) (*desk, error) {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return nil, fmt.Errorf("no identity: %w", auth.ErrDenied)
	}
	if err := checkWanted(ctx, toolset); err != nil {
		return nil, err
	}
	found, err := s.chooseConnection(ctx, identity, auth.Operate, in)
	if err != nil {
		return nil, err
	}
	d, err := s.newDesk(ctx, found, identity, toolset)
	if err != nil {
		return nil, err
	}
	if d.Access.Mode != readWriteMode {
		return nil, tool.NewForbidden("connection %s is read only (spec.access.mode)", d.key)
	}
	return d, nil
}

// checkFields refuses fields that spec.access.fields does not list for a kind of record: "request", "task", "project" …
func (d *desk) checkFields(kind string, fields ...string) error {
	allowed, isBounded := d.Access.Fields[kind]
	if !isBounded {
		return nil
	}
	for _, field := range fields {
		if !slices.Contains(allowed, field) {
			refused := tool.NewForbidden("connection %s does not let agents write the field %s of a %s (spec.access.fields)", d.key, field, kind)
			refused.Details = errorDetails{Kind: refused.Kind, Fields: []string{field}, Allowed: allowed}
			return refused
		}
	}
	return nil
}

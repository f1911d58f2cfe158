package servicedesk

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

// A tool that writes does so in four steps. It opens the desk by openDeskToWrite, reads the records that it changes (which holds them to
// the ceilings), decides what is to become of them, and checks by checkFields and its own policies that agents may write that. With all
// of it in a writeRequest it calls startWrite, which answers the call by its error where a person is asked first, or a plan is wanted.
// Then either w.isDry, and the result says what would be done, with w.plan; or it hands each call of ServiceDesk Plus that writes to
// w.send, which sends it at most once for the same key, plan, or equal call, and finds out what became of one whose answer was lost.
// Errors of w.send are answers; they wrap the error of the call.

// readWriteMode is the spec.access.mode of connections that tools may write through.
const readWriteMode = "ReadWrite"

// dryRun is the argument of all tools that write.
type dryRun struct {
	DryRun *bool `json:"dry_run,omitempty"`
}

// idempotencyKey is the argument of tools that make something.
type idempotencyKey struct {
	IdempotencyKey *string `json:"idempotency_key,omitempty" description:"The same key is carried out once" bounds:"1..200"`
}

// planned is the argument of tools that a plan of a dry run confirms. Other tools that write take it too, and do not show it.
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
	// continuesPlan has a plan that was used before go on with the steps that were not begun: changes of many records.
	continuesPlan bool
	risk          risk
	// question is what a person confirms. Its Shown is set by startWrite where shown is.
	question tool.Question
	// shown is what was shown of each record, by a name that refusals say, such as "status of request 31": a plan of how things were is
	// refused.
	shown map[string]string
	// isSo has those names of shown that are as the call would have them: a plan that goes on has perhaps made them so.
	isSo map[string]bool
	// refusesEach has the tool refuse what moved, each record alone, by write.moved; a plan of which something moved is refused otherwise.
	refusesEach bool
}

// write is a call of a tool that may write now, or says what it would do.
type write struct {
	d *desk
	// isDry says that nothing is sent; plan is what carries it out then, where it has to be confirmed.
	isDry bool
	plan  string
	// question is what that plan confirms.
	question string
	// moved are the names of shown that are not as the plan showed them.
	moved []string
	// hasPlan says that the plan of a dry run confirmed it.
	hasPlan bool
	// hasRepeated says that a step had been done by an earlier call, hasBegun that this call began one.
	hasRepeated, hasBegun bool

	intent store.WriteIntent
	// isWeighed says that a step weighed something, which the first that is sent does; isAhead that one did which was to weigh nothing.
	isWeighed, isAhead bool
}

// isRepeat reports whether earlier calls did all that was asked for: one that goes on where they ended is none.
func (w *write) isRepeat() bool { return w.hasRepeated && !w.hasBegun }

// startWrite decides whether a call may write: it asks a person or opens a plan where the policy of the connection wants that. Its
// error is the answer of the call.
func (d *desk) startWrite(ctx context.Context, r writeRequest) (*write, error) {
	if d.service.writes == nil {
		return nil, &tool.Error{Kind: unavailableKind, Text: "writes are switched off: this server keeps no record of them"}
	}
	w := &write{d: d, isDry: r.dryRun != nil && *r.dryRun}
	arguments, err := json.Marshal([]any{r.tool, r.arguments, d.Address()})
	if err != nil {
		return nil, fmt.Errorf("write the arguments of a call: %w", err)
	}
	digest := sha256.Sum256(arguments)
	call := audit.FromContext(ctx).CallID()
	if call == uuid.Nil {
		call = uuid.Must(uuid.NewV7())
	}
	w.intent = store.WriteIntent{
		Connection: d.id, CallID: call.String(), Caller: nameCaller(&d.identity), Tool: r.tool, Digest: digest[:],
		MergesRepeats: r.mergesRepeats, ContinuesPlan: r.continuesPlan,
	}
	if r.key != nil {
		w.intent.Key = *r.key
	}
	if r.plan == nil {
		r.plan = unlistedPlan(ctx)
	}
	return w, d.confirmWrite(ctx, w, &r)
}

// maxCallerName bounds who a write is done for, in bytes.
const maxCallerName = 1000

// nameCaller returns what tells a caller from all others.
func nameCaller(identity *auth.Identity) string {
	name := string(identity.Proof) + " " + identity.Subject
	if len(name) > maxCallerName {
		return fmt.Sprintf("%s sha256:%x", identity.Proof, sha256.Sum256([]byte(identity.Subject)))
	}
	return name
}

// writeStep is one call of ServiceDesk Plus that writes, of which a tool may make several.
type writeStep struct {
	// name tells the steps of a call apart: "note", "close", "ticket 31".
	name string
	// weight is what it counts of spec.access.writesPerHour: 1 for what a caller sees as one write, 0 for what belongs to another step.
	weight int
	// seen is when the record that is changed was updated last, as it was read before; nil where that is not known.
	seen *sdp.Time
	// send sends it. Texts end with signature.of(text). What it returns names what was made or changed.
	send func(ctx context.Context, s signature) (writtenRecord, error)
	// find looks it up after an answer was lost; without it, it is looked up by what was sent (sdp.WriteTrace).
	find func(ctx context.Context, attempt *sdp.Attempt, s signature) (sdp.WriteLookup, error)
}

// writtenRecord is what a step made or changed. isRepeat says that an earlier call did.
type writtenRecord struct {
	ID, Number string
	isRepeat   bool
}

// signature ends a text that is written.
type signature struct{ caller, mark string }

// inText returns the mark as texts bear it. Its letters alone may be in a word of anybody's.
func (s signature) inText() string { return "[" + s.mark + "]" }

// of returns a text, Markdown or plain, with who wrote it and the mark of the intent, and without what nobody sees.
func (s signature) of(text string) string {
	end := s.inText()
	if s.caller != "" {
		end = "— " + s.caller + " through Lectern " + end
	}
	return strings.TrimRight(richtext.Clean(text), "\n") + "\n\n" + end
}

// makeSignature returns what the texts of an intent end with: who asked for it, unless spec.access.attribution is None.
func (d *desk) makeSignature(mark string) signature {
	if d.Access.Attribution == "None" {
		return signature{mark: mark}
	}
	return signature{caller: d.nameAuthor(), mark: mark}
}

// maxAttribution bounds the name of a caller in a text, in characters.
const maxAttribution = 80

// nameAuthor returns who the caller is, for people: their address in ServiceDesk Plus, or else their subject, without what Markdown
// would make something of.
func (d *desk) nameAuthor() string {
	name := d.identity.Subject
	if person, known := d.person(); known {
		name = person.Email
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune("[]()<>*`~|\\#!", r) {
			return -1
		}
		return r
	}, oneLine(name))
	if runes := []rune(name); len(runes) > maxAttribution {
		name = string(runes[:maxAttribution])
	}
	return name
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

// givenNames returns the names of the arguments that are given, in their order: a refusal names the same one each time.
func givenNames(isGiven map[string]bool) []string {
	return slices.DeleteFunc(sortedKeys(isGiven), func(name string) bool { return !isGiven[name] })
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

package prompts

import (
	"context"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// changeResult is the structured result of a tool that writes.
type changeResult struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	ChangeID string `json:"changeId"`
	State    string `json:"state"`
	// Version is the newest version afterwards, Served the one callers get by default, Changed whether the change made
	// a version.
	Version int64 `json:"version,omitempty"`
	Served  int64 `json:"served,omitempty"`
	Changed *bool `json:"changed,omitempty"`
}

// outcomeError returns what the caller is told of a request that failed, or nil.
func outcomeError(o store.ChangeOutcome) error {
	say := func(kind tool.Kind) error { return &tool.Error{Kind: kind, Text: o.Message} }
	switch o.State {
	case store.ChangeBlocked:
		return &tool.Error{Kind: tool.Validation, Text: fmt.Sprintf("the change is in the object, which is blocked (%s): %s", o.Reason, o.Message)}
	case store.ChangeRefused:
		switch o.Reason {
		case store.ReasonOwnedElsewhere:
			return say(tool.OwnedElsewhere)
		case store.ReasonInvalid:
			return say(tool.Validation)
		case store.ReasonKeyLost, store.ReasonProofExpired:
			return say(tool.Storage)
		case store.ReasonIdempotencyKeyReused:
			return say(tool.Conflict)
		default:
			return say(tool.Forbidden)
		}
	case store.ChangeConflict:
		if o.Reason == store.ReasonNotFound {
			return store.ErrNotFound
		}
		return say(tool.Conflict)
	case store.ChangeExpired:
		return say(tool.Storage)
	default:
		return nil
	}
}

// rejectionError refuses a request of which it is known before it is stored that it will be rejected. What is published is
// known here; of the object nothing is.
func rejectionError(view change.View) error {
	if r := change.Decide(view).Rejection; r != nil {
		return outcomeError(r.OutcomeFor(view.Request))
	}
	return nil
}

// newChangeResult makes the result of a change: the sentence when it is published, else that it is accepted.
func newChangeResult(omitted string, o store.ChangeOutcome, name, sentence string) *tool.Result[changeResult] {
	result := changeResult{
		ID: formatID(omitted, o.Key), Name: name, ChangeID: o.ID,
		State: lowerCaseState(o.State), Version: o.Version, Served: o.Served,
	}
	if o.State != store.ChangePublished {
		return tool.NewResult(acceptedSentence(o, name), result)
	}
	return tool.NewResult(sentence, result)
}

// newVersionResult is newChangeResult for a change that may make a version.
func newVersionResult(omitted string, o store.ChangeOutcome, name, sentence string) *tool.Result[changeResult] {
	result := newChangeResult(omitted, o, name, sentence)
	if o.State == store.ChangePublished {
		result.Structured.Changed = &o.NewVersion
	}
	return result
}

// quoteName puts a name between quotes, without escaping: so the tools always did.
func quoteName(name string) string { return `"` + name + `"` }

func acceptedSentence(o store.ChangeOutcome, name string) string {
	step := "applied"
	if o.State == store.ChangeApplied {
		step = "published"
	}
	return fmt.Sprintf("Change %s for prompt %s is accepted but not %s yet; ask get_prompt_change", o.ID, quoteName(name), step)
}

func lowerCaseState(state store.ChangeState) string { return strings.ToLower(string(state)) }

type getChangeInput struct {
	ChangeID string `json:"changeId" description:"changeId from the call that asked for it"`
}

// getChangeResult is a change request as get_prompt_change shows it.
type getChangeResult struct {
	ChangeID string `json:"changeId"`
	ID       string `json:"id"`
	State    string `json:"state"`
	Version  int64  `json:"version,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
}

func (s *Service) getChange(ctx context.Context, in getChangeInput) (*tool.Result[getChangeResult], error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return nil, err
	}
	outcomes, err := s.changes.ChangeOutcomes(ctx, identity.Subject, []string{in.ChangeID})
	if err != nil {
		return nil, err
	}
	endpoint := transport.FromContext(ctx).Namespace
	if len(outcomes) == 0 || endpoint != "" && endpoint != outcomes[0].Key.Namespace {
		return nil, &tool.Error{Kind: tool.NotFound, Text: fmt.Sprintf("Change with id '%s' not found, or not yours", excerpt.Truncate(in.ChangeID, 80))}
	}
	o := outcomes[0]
	s.catchUpIfPublished(ctx, o)
	shown := getChangeResult{
		ChangeID: o.ID, ID: formatID(s.omittedNamespace(ctx), o.Key), State: lowerCaseState(o.State),
		Version: o.Version, Reason: o.Reason, Message: excerpt.TruncateBytes(o.Message, excerpt.MaxMessage),
	}
	return tool.NewJSONResult(shown, shown)
}

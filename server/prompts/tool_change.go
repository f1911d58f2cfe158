package prompts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// written is what a tool that writes gives beside the text.
type written struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	ChangeID string `json:"changeId"`
	State    string `json:"state"`
	// Version is the newest version after it, Served the one callers get by default, Changed whether it
	// is a new one.
	Version int64 `json:"version,omitempty"`
	Served  int64 `json:"served,omitempty"`
	Changed *bool `json:"changed,omitempty"`
}

// may judges who asks for a change of the prompt a call names. Who may not even read it learns nothing;
// who may is told what he may not, whether or not it is there.
func (s *Surface) may(ctx context.Context, verb auth.Verb, key store.Key, in given) error {
	err := s.allow(ctx, verb, key)
	if !errors.Is(err, auth.ErrDenied) {
		return err
	}
	if err := s.allow(ctx, auth.Get, key); err != nil {
		return err
	}
	return forbidden("you may read prompt %s, but not %s it; ask for the verb %s on prompts.lectern.dev", in.text("id"), verb, verb)
}

// refusal is what is said of a request that came to another end than it should; nil when it did not.
func refusal(o store.ChangeOutcome) error {
	say := func(kind problemKind) error { return &problem{kind: kind, text: o.Message} }
	switch o.State {
	case store.ChangeBlocked:
		return &problem{kind: validationError, text: fmt.Sprintf("the change is in the object, which is blocked (%s): %s", o.Reason, o.Message)}
	case store.ChangeRefused:
		switch o.Reason {
		case store.ReasonOwnedElsewhere:
			return say(ownedElsewhereError)
		case store.ReasonInvalid:
			return say(validationError)
		default:
			return say(forbiddenError)
		}
	case store.ChangeConflict:
		if o.Reason == store.ReasonNotFound {
			return store.ErrNotFound
		}
		return say(conflictError)
	case store.ChangeExpired:
		return say(storageError)
	default:
		return nil
	}
}

// report is the answer to a change that is published, in a sentence, or accepted.
func report(bare string, o store.ChangeOutcome, name, sentence string) answer {
	result := written{
		ID: idOf(bare, o.Key), Name: name, ChangeID: o.ID,
		State: stateOf(o.State), Version: o.Version, Served: o.Served,
	}
	if o.State != store.ChangePublished {
		return answer{texts: []string{accepted(o, name)}, structured: result}
	}
	return answer{texts: []string{sentence}, structured: result}
}

// reportVersion is report for a change that may make a version.
func reportVersion(bare string, o store.ChangeOutcome, name, sentence string) answer {
	a := report(bare, o, name, sentence)
	if result, is := a.structured.(written); is && o.State == store.ChangePublished {
		result.Changed = &o.NewVersion
		a.structured = result
	}
	return a
}

// inQuotes puts a name in a sentence as it is, as the tools always did.
func inQuotes(name string) string { return `"` + name + `"` }

func accepted(o store.ChangeOutcome, name string) string {
	step := "applied"
	if o.State == store.ChangeApplied {
		step = "published"
	}
	return fmt.Sprintf("Change %s for prompt %s is accepted but not %s yet; ask get_prompt_change", o.ID, inQuotes(name), step)
}

func stateOf(state store.ChangeState) string { return strings.ToLower(string(state)) }

// shownChange is a change request as get_prompt_change tells it.
type shownChange struct {
	ChangeID string `json:"changeId"`
	ID       string `json:"id"`
	State    string `json:"state"`
	Version  int64  `json:"version,omitempty"`
	Reason   string `json:"reason,omitempty"`
	Message  string `json:"message,omitempty"`
}

func (s *Surface) getChange(ctx context.Context, in given) (answer, error) {
	identity, err := caller(ctx)
	if err != nil {
		return answer{}, err
	}
	id := in.text("changeId")
	outcomes, err := s.changes.ChangeOutcomes(ctx, identity.Subject, []string{id})
	if err != nil {
		return answer{}, err
	}
	endpoint := transport.FromContext(ctx).Namespace
	if len(outcomes) == 0 || endpoint != "" && endpoint != outcomes[0].Key.Namespace {
		return answer{}, &problem{kind: notFoundError, text: fmt.Sprintf("Change with id '%s' not found, or not yours", clip(id, 80))}
	}
	o := outcomes[0]
	s.served(ctx, o)
	shown := shownChange{
		ChangeID: o.ID, ID: idOf(s.bare(ctx), o.Key), State: stateOf(o.State),
		Version: o.Version, Reason: o.Reason, Message: o.Message,
	}
	return inJSON(shown, shown)
}

// editOf is what the arguments of add_prompt and update_prompt ask for. Blanks around texts are not
// meant: who writes over MCP is a model.
func editOf(in given) (store.Edit, error) {
	edit := store.Edit{
		Title: in.trimmed("name"), Content: in.trimmed("content"), Description: in.trimmed("description"),
		IsTemplate: in.flag("isTemplate"),
	}
	for name, value := range map[string]*string{"name": edit.Title, "content": edit.Content} {
		if value != nil && *value == "" {
			return store.Edit{}, invalid("argument %q: is empty", name)
		}
	}
	if in.has("category") {
		category := in.text("category")
		edit.Category = &category
	}
	if in.has("tags") {
		tags := in.texts("tags")
		edit.Tags = &tags
	}
	if in.has("metadata") {
		edit.Metadata = in.object("metadata")
	}
	return edit, nil
}

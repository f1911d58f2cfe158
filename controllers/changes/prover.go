package changes

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/access"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store"
)

// keyDelay is how long a key may take to reach this program after servers have it: Secrets are mounted at different times.
const keyDelay = 2 * time.Minute

// Prover finds out whether a change request is its subject's, and theirs to make. It trusts nothing of the request, which
// anybody may have written who has the servers' database role.
type Prover struct {
	// Keys open what servers sealed.
	Keys interface {
		Open(sealed, context []byte) ([]byte, error)
	}
	Verifier access.Verifier
	Reviewer access.Reviewer
	// IsForUsAlone says of a verified token that it is good nowhere else.
	IsForUsAlone func(token string) bool
}

// flaw is what is wrong with a proof: for the metric, and for the caller.
type flaw struct {
	name      string
	rejection *change.Rejection
}

func newFlaw(name, reason, format string, args ...any) *flaw {
	return &flaw{name, change.NewRefusal(reason, format+"; nothing was written", args...)}
}

// findUnproven returns why a request is not shown to be its subject's, and theirs to make; nil when it is, or where the
// installation takes requests without proof. What was written already needs none: it was asked for before. The error wraps
// errNotYet or access.ErrUnavailable when nobody can tell now.
func (c *Changes) findUnproven(ctx context.Context, request *store.OpenChange) (*change.Rejection, error) {
	return c.findUnprovenRight(ctx, request, verbsOf(&request.ChangeRequest))
}

// findUnprovenRemoval returns why a deletion is not its subject's to make though they may delete: it takes channels away, and
// the prompt made again without them would serve another version. Moving a channel there takes the verb promote, too.
func (c *Changes) findUnprovenRemoval(ctx context.Context, request *store.OpenChange, object *v1alpha1.Prompt) (*change.Rejection, error) {
	if request.Action != store.ActionDelete || object == nil || len(object.Spec.Channels) == 0 {
		return nil, nil
	}
	rejection, err := c.findUnprovenRight(ctx, request, []access.Verb{access.Promote})
	if rejection != nil && rejection.Reason == store.ReasonForbidden {
		rejection.Message = fmt.Sprintf("prompt %s has channels, which a deletion removes; %s", request.Key, rejection.Message)
	}
	return rejection, err
}

// findUnprovenRight is findUnproven for the verbs given.
func (c *Changes) findUnprovenRight(ctx context.Context, request *store.OpenChange, verbs []access.Verb) (*change.Rejection, error) {
	if c.AllowUnproven {
		return nil, nil
	}
	identity, found, err := c.Prover.identify(ctx, request)
	switch {
	case err != nil:
		return nil, err
	case found != nil:
		unproven.WithLabelValues(found.name).Inc()
		return found.rejection, nil
	}
	return c.Prover.review(ctx, identity, request.Key, verbs)
}

// identify returns who asks, or what is wrong with the proof of it. A nil Prover proves nothing.
func (p *Prover) identify(ctx context.Context, request *store.OpenChange) (access.Identity, *flaw, error) {
	if p == nil {
		return access.Identity{}, newFlaw("NoKey", store.ReasonUnproven, "this installation takes no changes without proof of who asks, and its controller has no key to open proofs with; "+
			"its operator gives it one with --intake-key-file, or allows changes by everybody with --changes=unproven"), nil
	}
	token, found, err := p.open(request)
	if found != nil || err != nil {
		return access.Identity{}, found, err
	}
	identity, err := p.Verifier.Verify(ctx, token)
	if err != nil {
		found, err := explainUnverified(token, err)
		return access.Identity{}, found, err
	}
	switch {
	case !p.IsForUsAlone(token):
		return access.Identity{}, newFlaw("TokenForOthers", store.ReasonUnproven, "the token it came with has an audience that is not this installation's; use one that is issued for this server alone"), nil
	case identity.Subject != request.Subject:
		return access.Identity{}, newFlaw("AnotherSubject", store.ReasonUnproven, "the token it came with is not that of whom it names"), nil
	}
	return identity, nil, nil
}

// open returns the token that a request came with.
func (p *Prover) open(request *store.OpenChange) (string, *flaw, error) {
	switch {
	case request.Seal.IsOver():
		return "", newFlaw("ProofExpired", store.ReasonProofExpired, "it waited for 14 minutes, and proof of who asks is kept no longer; ask again"), nil
	case len(request.Seal.Sealed) == 0:
		return "", newFlaw("NoProof", store.ReasonUnproven, "it carries no proof of who asks, and this installation takes none without; "+
			"its operator can allow it with --changes=unproven"), nil
	}
	token, err := p.Keys.Open(request.Seal.Sealed, request.Seal.Context.Encode())
	switch {
	case err == nil:
		return string(token), nil, nil
	case !errors.Is(err, seal.ErrUnknownKey):
		return "", newFlaw("NotOpened", store.ReasonUnproven, "its proof of who asks was not made for it; ask again"), nil
	case request.Seal.Age < keyDelay:
		return "", nil, fmt.Errorf("%w: the key that the proof is sealed to may be on its way", errNotYet)
	default:
		return "", newFlaw("KeyLost", store.ReasonKeyLost, "its proof of who asks is sealed to a key that the controller does not have; ask again, and if that fails, too, "+
			"the operator gives controllers and servers the two files of one `lectern keys new`"), nil
	}
}

// explainUnverified returns what is wrong with a token that was not verified, or the error when nobody could say.
func explainUnverified(token string, err error) (*flaw, error) {
	if lacking, is := errors.AsType[*access.InsufficientScopeError](err); is {
		return newFlaw("ScopeMissing", store.ReasonUnproven, "%v", lacking), nil
	}
	if _, is := errors.AsType[*access.InvalidTokenError](err); !is {
		return nil, fmt.Errorf("verify the token of a change request: %w", err)
	}
	if access.HasExpired(token, time.Now()) {
		return newFlaw("TokenExpired", store.ReasonTokenExpired, "the token it came with expired before it was applied; ask again with a new one"), nil
	}
	return newFlaw("TokenInvalid", store.ReasonUnproven, "the token it came with is not valid any more; get a new one and ask again"), nil
}

// review returns why a caller may not do what takes the verbs.
func (p *Prover) review(ctx context.Context, caller access.Identity, key store.Key, verbs []access.Verb) (*change.Rejection, error) {
	for _, verb := range verbs {
		question := access.Question{Verb: verb, Resource: access.Prompts, Namespace: key.Namespace, Name: key.Name}
		if verb == access.Create { // what is not there has no name to Kubernetes, either
			question.Name = ""
		}
		err := p.Reviewer.Review(ctx, caller, question)
		if errors.Is(err, access.ErrDenied) {
			return change.NewRefusal(store.ReasonForbidden, "you may not %s prompt %s; ask for the verb %s on prompts.%s in namespace %s; nothing was written",
				verb, key, verb, access.Group, key.Namespace), nil
		}
		if err != nil {
			return nil, fmt.Errorf("review a change request: %w", err)
		}
	}
	return nil, nil
}

// verbsOf returns all that a caller must be allowed for a request. That is decided by what it does, whatever tool made it.
func verbsOf(request *store.ChangeRequest) []access.Verb {
	edit := request.Edit
	var verbs []access.Verb
	switch request.Action {
	case store.ActionAdd:
		verbs = append(verbs, access.Create)
	case store.ActionDelete:
		return []access.Verb{access.Delete}
	default:
		moves, withdraws := edit.Channel != nil, edit.Withdraw != 0
		edit.Channel, edit.Withdraw = nil, 0
		if !moves && !withdraws || !edit.IsEmpty() {
			verbs = append(verbs, access.Patch)
		}
	}
	if request.Edit.Channel != nil {
		verbs = append(verbs, access.Promote)
	}
	if request.Edit.Withdraw != 0 {
		verbs = append(verbs, access.Delete)
	}
	return verbs
}

package prompts

import (
	"context"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Library is what tools, resources and completion read, past the catalog. An error that trying again may
// cure wraps store.ErrUnavailable.
type Library interface {
	// GetView returns one version of a live prompt, whatever its exposure; errors are those of Catalog.Get.
	GetView(ctx context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error)
	Find(ctx context.Context, query store.FindQuery) (store.FindResult, error)
	// CountFound returns how many prompts Find has in all; After, Offset and Limit do not matter.
	CountFound(ctx context.Context, query store.FindQuery) (int64, error)
	Stats(ctx context.Context, scope store.Scope) (store.Stats, error)
	// FindSimilar returns near-duplicates, the most similar first.
	FindSimilar(ctx context.Context, query store.SimilarQuery) ([]store.SimilarPrompt, error)
	// ListVersions returns the versions below version before, newest first; before 0 starts at the newest.
	ListVersions(ctx context.Context, key store.Key, before int64, limit int) ([]store.VersionInfo, error)
	// CompleteNames returns names of listed prompts that begin with prefix, each once.
	CompleteNames(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error)
	// CompleteNamespaces returns namespaces with listed prompts that begin with prefix.
	CompleteNamespaces(ctx context.Context, scope store.Scope, prefix string, limit int) (store.Completions, error)
	// LoadFragments returns what includes would expand to now.
	LoadFragments(ctx context.Context, namespace string, refs []prompt.Ref) (map[prompt.Ref]prompt.Fragment, error)
	// NameTaken reports whether a name cannot be given to a new prompt: it is a live prompt's, a
	// tombstone's, or asked for by a change request that is not final.
	NameTaken(ctx context.Context, key store.Key) (bool, error)
}

// FileFaults says what is wrong with the files that prompts come from.
type FileFaults interface {
	// Faults returns the first limit things that keep prompts from being served as their files say, each as
	// file:line:column: message of a bounded size, and how many there are. It waits for nothing.
	Faults(limit int) (first []string, total int)
}

// Prover proves callers to whoever applies changes.
type Prover interface {
	// ProveCaller returns the proof of the caller that goes with a change request. An *auth.UnprovableError says why the
	// caller cannot be proven.
	ProveCaller(ctx context.Context) (*store.CallerProof, error)
}

// Changes takes change requests.
type Changes interface {
	// RequestChange stores a request and returns its outcome so far, which may be final. A repeat, of the id or of
	// the subject's idempotency key, gets the first one's outcome, under the first one's id, or
	// store.ErrIdempotencyKeyReused when it asks for something else. After store.ErrUnavailable the request may be
	// stored.
	RequestChange(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error)
	// FindEarlierRequest returns what RequestChange gives a repeat, and stores nothing: store.ErrNotFound says that
	// there was no such request.
	FindEarlierRequest(ctx context.Context, request store.ChangeRequest) (store.ChangeOutcome, error)
	// ChangeOutcomes returns those of the requests that exist, in no order. Subject is who asks: another's
	// request does not exist to them.
	ChangeOutcomes(ctx context.Context, subject string, ids []string) ([]store.ChangeOutcome, error)
}

package access

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

const (
	// allowedFor and deniedFor are how long the answer to a SubjectAccessReview counts.
	allowedFor = 30 * time.Second
	deniedFor  = 10 * time.Second
	// keptAllowed and keptDenied are how many answers are kept, about 250 bytes each: for 1,000 callers and 50 namespaces.
	keptAllowed = 1 << 16
	keptDenied  = 1 << 15
	// reviewsAtATime are on their way to the API server, reviewsOfCallerAtATime of one caller.
	reviewsAtATime         = 64
	reviewsOfCallerAtATime = 16
	// reviewAllTimeout is how long ReviewAll may take together.
	reviewAllTimeout = 5 * time.Second
	// maxNameLength is that of names and namespaces there can be, in bytes.
	maxNameLength = 253
)

// Decision is what Kubernetes says about a question, and why, in its words: "RBAC: allowed by RoleBinding ...".
type Decision struct {
	Allowed bool
	Reason  string
}

// subjectReviewer asks the API server what a caller may do (SubjectAccessReview).
type subjectReviewer struct {
	server  *apiServer
	now     func() time.Time
	keys    *cacheKeys
	answers *answerCache[bool]
	turns   *reviewTurns
	// allTimeout is how long ReviewAll may take together.
	allTimeout time.Duration
}

func newSubjectReviewer(server *apiServer, now func() time.Time) *subjectReviewer {
	return &subjectReviewer{
		server: server, now: now, keys: newCacheKeys(), turns: newReviewTurns(),
		answers: newAnswerCache[bool](keptAllowed, keptDenied, now), allTimeout: reviewAllTimeout,
	}
}

// Review implements Reviewer. An allow counts for 30 s, a denial for 10 s. An allow that is used in its last 10 s is renewed
// meanwhile, of the request's share of reviews, so that whoever calls all the time waits for no review but the first.
func (r *subjectReviewer) Review(ctx context.Context, identity Identity, question Question) error {
	return r.ReviewAll(ctx, identity, []Question{question})[0]
}

// ReviewAll implements Reviewer. Once the API server does not answer, it asks no more.
func (r *subjectReviewer) ReviewAll(ctx context.Context, identity Identity, questions []Question) []error {
	found := make([]error, len(questions))
	who := r.keys.ofIdentity(&identity)
	var missing, aging []int
	for i := range questions {
		if !isAskable(questions[i]) {
			found[i] = ErrDenied
			continue
		}
		if known, ok := r.answers.lookUp(r.keys.ofQuestion(ctx, who, &questions[i])); ok {
			found[i] = asError(known.value)
			if r.answers.isAging(&known) {
				aging = append(aging, i)
			}
			continue
		}
		if !takeReview(ctx) {
			found[i] = ErrReviewsSpent
			continue
		}
		missing = append(missing, i)
	}
	if len(missing) > 0 {
		r.askAll(ctx, identity, who, questions, missing, found)
	}
	for _, i := range aging {
		if !takeReview(ctx) {
			break
		}
		r.answers.renew(ctx, r.keys.ofQuestion(ctx, who, &questions[i]), r.sendQuestion(identity, questions[i]))
	}
	return found
}

// askAll has the questions at these places asked, and puts down what is found.
func (r *subjectReviewer) askAll(ctx context.Context, identity Identity, who cacheKey, questions []Question, places []int, found []error) {
	ctx, cancel := context.WithTimeout(ctx, r.allTimeout)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(reviewsOfCallerAtATime)
	for _, i := range places {
		group.Go(func() error {
			allowed, err := r.answers.ask(ctx, r.keys.ofQuestion(ctx, who, &questions[i]), r.sendQuestion(identity, questions[i]))
			if err != nil {
				found[i] = err
				return err
			}
			found[i] = asError(allowed)
			return nil
		})
	}
	_ = group.Wait() // it is in found
}

// sendQuestion returns a function that asks the API server a question about a caller.
func (r *subjectReviewer) sendQuestion(identity Identity, question Question) func(context.Context) (answer[bool], error) {
	return func(ctx context.Context) (answer[bool], error) {
		_, found, err := r.sendReview(ctx, &identity, &question)
		return found, err
	}
}

// ReviewAgain implements Reviewer.
func (r *subjectReviewer) ReviewAgain(ctx context.Context, identity Identity, question Question) error {
	decision, err := r.Explain(ctx, identity, question)
	if err != nil {
		return err
	}
	return asError(decision.Allowed)
}

// Explain is ReviewAgain with the reason. The error wraps ErrUnavailable or ErrReviewsSpent.
func (r *subjectReviewer) Explain(ctx context.Context, identity Identity, question Question) (decision Decision, err error) {
	if !isAskable(question) {
		return Decision{Reason: fmt.Sprintf("no name is longer than %d bytes", maxNameLength)}, nil
	}
	if !takeReview(ctx) {
		return Decision{}, ErrReviewsSpent
	}
	key := r.keys.ofQuestion(ctx, r.keys.ofIdentity(&identity), &question)
	_, err = r.answers.askAgain(ctx, key, func(ctx context.Context) (found answer[bool], err error) {
		decision, found, err = r.sendReview(ctx, &identity, &question)
		return found, err
	})
	return decision, err
}

// isAskable says whether the question is about a name there can be: no other is sent.
func isAskable(q Question) bool {
	return len(q.Namespace) <= maxNameLength && len(q.Name) <= maxNameLength
}

// sendReview asks the API server, and returns what it says, and what of that is kept.
func (r *subjectReviewer) sendReview(ctx context.Context, identity *Identity, question *Question) (Decision, answer[bool], error) {
	began := time.Now()
	release, err := r.turns.acquire(ctx, identity.Subject)
	if err != nil {
		return Decision{}, answer[bool]{}, waitError(ctx) // nothing was asked: who is asked may answer all the same
	}
	defer release()
	asked := r.now()
	review, err := r.server.reviews.Create(ctx, newReview(identity, question), metav1.CreateOptions{})
	if err != nil {
		return Decision{}, answer[bool]{}, r.server.noteFailure(ctx, subjectAccessReview, began, err)
	}
	decision := readDecision(&review.Status)
	result, expires := resultAllowed, asked.Add(allowedFor)
	if !decision.Allowed {
		result, expires = resultDenied, asked.Add(deniedFor)
	}
	r.server.noteAnswer(subjectAccessReview, result, began)
	return decision, answer[bool]{value: decision.Allowed, isNo: !decision.Allowed, asked: asked, expires: expires}, nil
}

func newReview(identity *Identity, question *Question) *authorizationv1.SubjectAccessReview {
	spec := authorizationv1.SubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Group: Group, Resource: string(question.Resource), Verb: string(question.Verb),
			Namespace: question.Namespace, Name: question.Name,
		},
		User: identity.Subject, UID: identity.UID, Groups: identity.Groups,
	}
	if len(identity.Extra) > 0 {
		spec.Extra = make(map[string]authorizationv1.ExtraValue, len(identity.Extra))
		for name, values := range identity.Extra {
			spec.Extra[name] = values
		}
	}
	return &authorizationv1.SubjectAccessReview{Spec: spec}
}

// readDecision reads an answer as the API server reads that of a webhook: whoever is not allowed, is not, and an explicit denial
// wins. An error in evaluation without an allow is a denial too: one binding to a role that does not exist is such an error,
// in every answer that is not an allow, and must not make all of them an outage.
func readDecision(status *authorizationv1.SubjectAccessReviewStatus) Decision {
	reason := status.Reason
	if reason == "" {
		reason = status.EvaluationError
	}
	return Decision{Allowed: status.Allowed && !status.Denied, Reason: excerpt.TruncateBytes(reason, maxReasonLength)}
}

func asError(allowed bool) error {
	if allowed {
		return nil
	}
	return ErrDenied
}

package access

import (
	"context"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/semaphore"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

const (
	// tokenReviewsAtATime are on their way to the API server.
	tokenReviewsAtATime = 32
	// maxReasonLength is how much the API server may say of a token, in bytes.
	maxReasonLength = 300
)

// kubernetesVerifier asks the API server whom a token proves (TokenReview). Slices and maps of what it returns are shared.
type kubernetesVerifier struct {
	*tokenCache
	server *apiServer
	turns  *semaphore.Weighted
}

func newKubernetesVerifier(server *apiServer, audiences []string, now func() time.Time) *kubernetesVerifier {
	return &kubernetesVerifier{
		tokenCache: newTokenCache(audiences, now), server: server, turns: semaphore.NewWeighted(tokenReviewsAtATime),
	}
}

// Verify implements Verifier. A proof counts for 30 s, and no longer than the token; a refusal for 10 s.
func (v *kubernetesVerifier) Verify(ctx context.Context, token string) (Identity, error) {
	return v.proveOnce(ctx, token, v.sendReview(token))
}

// VerifyAgain implements Verifier.
func (v *kubernetesVerifier) VerifyAgain(ctx context.Context, token string) (Identity, error) {
	return v.proveAgain(ctx, token, v.sendReview(token))
}

// sendReview returns a function that asks the API server about the token.
func (v *kubernetesVerifier) sendReview(token string) func(context.Context) (answer[tokenAnswer], error) {
	return func(ctx context.Context) (answer[tokenAnswer], error) {
		began := time.Now()
		if err := v.turns.Acquire(ctx, 1); err != nil {
			return answer[tokenAnswer]{}, waitError(ctx) // nothing was asked: who is asked may answer all the same
		}
		defer v.turns.Release(1)
		asked := v.now()
		// From V(8) on Kubernetes' client logs the bodies of requests and answers, and the token is in both.
		review, err := v.server.tokens.Create(logr.NewContext(ctx, logr.Discard()), &authenticationv1.TokenReview{
			Spec: authenticationv1.TokenReviewSpec{Token: token, Audiences: v.audiences},
		}, metav1.CreateOptions{})
		if err != nil {
			return answer[tokenAnswer]{}, v.server.noteFailure(ctx, tokenReview, began, err)
		}
		expires := readClaims(token).Expires
		if reason := v.findFault(&review.Status); reason != "" {
			v.server.noteAnswer(tokenReview, resultDenied, began)
			refused := tokenAnswer{refused: &InvalidTokenError{Reason: reason}}
			return answer[tokenAnswer]{value: refused, isNo: true, asked: asked, expires: asked.Add(refusedFor)}, nil
		}
		v.server.noteAnswer(tokenReview, resultAllowed, began)
		return provenAnswer(identityOf(&review.Status.User, expires), asked), nil
	}
}

// findFault returns why a token proves nobody, or nothing. An answer without audiences is one of an API server that did not
// look at ours (authentication.k8s.io/v1, TokenReviewStatus.audiences).
func (v *kubernetesVerifier) findFault(status *authenticationv1.TokenReviewStatus) string {
	switch {
	case !status.Authenticated && status.Error != "":
		return excerpt.TruncateBytes(status.Error, maxReasonLength)
	case !status.Authenticated:
		return "Kubernetes does not know it"
	case !slices.ContainsFunc(status.Audiences, func(audience string) bool { return slices.Contains(v.audiences, audience) }):
		return "it was issued for another audience"
	case status.User.Username == "":
		return "it names nobody"
	}
	return ""
}

func identityOf(user *authenticationv1.UserInfo, expires time.Time) Identity {
	identity := Identity{Subject: user.Username, UID: user.UID, Groups: user.Groups, Proof: ProofKubernetes, Expires: expires}
	if len(user.Extra) > 0 {
		identity.Extra = make(map[string][]string, len(user.Extra))
		for name, values := range user.Extra {
			identity.Extra[name] = values
		}
	}
	return identity
}

package sdpconnection

import (
	"errors"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/store"
)

// failure is why a reconcile ended before a connection was ready. Its message is for people, and has no secret.
type failure struct {
	kind            status.Kind
	reason, message string
	// concerns is the condition beside Ready that is not True because of it; empty for none.
	concerns string
	// retryAfter is when to try again; zero for the usual interval.
	retryAfter time.Duration
	cause      error
}

func (f *failure) Error() string { return f.message }

// Unwrap returns what the log tells.
func (f *failure) Unwrap() error { return f.cause }

// failBlocked is a failure that a person ends.
func failBlocked(concerns, reason, message string) *failure {
	return &failure{kind: status.KindBlocked, reason: reason, message: message, concerns: concerns}
}

// failWaiting is a failure that ends by itself, or with something that is still to come.
func failWaiting(concerns, reason, message string, retryAfter time.Duration) *failure {
	return &failure{kind: status.KindWaiting, reason: reason, message: message, concerns: concerns, retryAfter: retryAfter}
}

// failRetrying is a failure after which it is not known how the connection stands.
func failRetrying(concerns, reason, message string, retryAfter time.Duration) *failure {
	return &failure{kind: status.KindRetry, reason: reason, message: message, concerns: concerns, retryAfter: retryAfter}
}

// failureOf returns an error as a failure: those of the store by what ends them, others as unexpected.
func failureOf(err error) *failure {
	if known, is := errors.AsType[*failure](err); is {
		return known
	}
	retry := func(reason, message string) *failure {
		return &failure{kind: status.KindRetry, reason: reason, message: message, cause: err}
	}
	foreign, isForeign := errors.AsType[*store.ForeignClusterError](err)
	unstorable, isUnstorable := errors.AsType[*store.UnstorableValueError](err)
	_, isFenced := errors.AsType[*store.FencedError](err)
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return &failure{kind: status.KindWaiting, reason: v1alpha1.ReasonProgressing, message: "the namespace is being deleted"}
	case apierrors.IsForbidden(err) && isMissingRight(err):
		return &failure{kind: status.KindBlocked, reason: v1alpha1.ReasonNamespaceNotAllowed, message: "the controller lacks rights in this namespace, " +
			"which is in --connection-namespaces: bind its account to the ClusterRole lectern-connections there (chart: connections.namespaces): " + err.Error()}
	case apierrors.IsForbidden(err): // by a quota, or an admission webhook, whose words may be anything
		return retry(v1alpha1.ReasonUnexpected, "the API server does not permit a write in this namespace, by a quota or by admission, which the controller's log tells; trying again")
	case isForeign:
		return failBlocked("", v1alpha1.ReasonForeignCluster, foreign.Error())
	case isUnstorable:
		return failBlocked("", v1alpha1.ReasonInvalidSpec, unstorable.Error())
	case errors.Is(err, store.ErrSchemaBehind):
		return retry(v1alpha1.ReasonSchemaBehind, "the database schema is older than this controller; run `lectern migrate`")
	case errors.Is(err, store.ErrUnavailable):
		return retry(v1alpha1.ReasonStoreUnavailable, "the database cannot be reached; what is served stays as it was, trying again")
	case isFenced, apierrors.IsConflict(err):
		return retry(v1alpha1.ReasonContended, "other changes came first; trying again")
	}
	return retry(v1alpha1.ReasonUnexpected, "an unexpected error, which the controller's log tells; trying again")
}

// isMissingRight reports whether a refusal is one of authorization, whose words name the account and the object, and no value. Its
// status has the same reason as those of admission have.
func isMissingRight(err error) bool {
	return strings.Contains(err.Error(), `: User "`) && strings.Contains(err.Error(), `" cannot `)
}

// outcome returns how a reconcile ends with the failure.
func (f *failure) outcome(interval time.Duration) status.Outcome {
	after := interval
	if f.retryAfter > 0 {
		after = min(interval, f.retryAfter)
	}
	switch f.kind {
	case status.KindBlocked:
		return status.Blocked(f.reason, f.message).RequeueAfter(after)
	case status.KindWaiting:
		return status.Waiting(f.reason, f.message).RequeueAfter(after)
	}
	return status.Retry(f.reason, f.message, f.cause).RequeueAfter(after)
}

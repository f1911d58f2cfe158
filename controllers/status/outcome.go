// Package status turns the outcome of a reconcile into conditions, an event and a requeue. It is the only writer of
// status and finalizers.
//
// It knows no kind of object. Its invariant is the kstatus contract: observedGeneration is
// stamped on every write, Ready always exists, and Reconciling and Stalled exist only while true
// and never both.
package status

import (
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// Kind is one of the four things a reconcile can end in.
type Kind string

// The four kinds.
const (
	KindReady   Kind = "Ready"
	KindWaiting Kind = "Waiting"
	KindBlocked Kind = "Blocked"
	KindRetry   Kind = "Retry"
	// KindNone is the kind of an object that was never reconciled.
	KindNone Kind = "None"
)

// Kinds returns all there are.
func Kinds() []Kind { return []Kind{KindReady, KindWaiting, KindBlocked, KindRetry, KindNone} }

// KindOf returns the kind of outcome that an object's conditions were written for.
func KindOf(conditions []metav1.Condition) Kind {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return KindNone
	case ready.Status == metav1.ConditionTrue:
		return KindReady
	case meta.IsStatusConditionTrue(conditions, v1alpha1.ConditionStalled):
		return KindBlocked
	case ready.Status == metav1.ConditionFalse:
		return KindWaiting
	}
	return KindRetry
}

// Outcome is what a reconcile ended in: Ready, Waiting, Blocked or Retry. It is a value; Finish
// carries it out.
type Outcome struct {
	kind         Kind
	ready        metav1.ConditionStatus
	abnormal     string // the condition that is True beside Ready, or empty
	eventType    string
	reason       string
	message      string
	err          error
	requeueAfter time.Duration
}

// Ready says that what the spec asks for is what is served.
func Ready(reason, message string) Outcome {
	return Outcome{kind: KindReady, ready: metav1.ConditionTrue, eventType: "Normal", reason: reason, message: message}
}

// Waiting says that something the spec refers to is not there yet; the reconcile comes back by
// itself.
func Waiting(reason, message string) Outcome {
	return Outcome{
		kind: KindWaiting, ready: metav1.ConditionFalse, abnormal: v1alpha1.ConditionReconciling,
		eventType: "Normal", reason: reason, message: message,
	}
}

// Blocked says that nothing will change until a person acts.
func Blocked(reason, message string) Outcome {
	return Outcome{
		kind: KindBlocked, ready: metav1.ConditionFalse, abnormal: v1alpha1.ConditionStalled,
		eventType: "Warning", reason: reason, message: message,
	}
}

// Retry says that the truth is not known now, and that the reconcile is retried with backoff. Ready is
// Unknown, not False: a failover of the database must not paint every object red. The message is
// for people; err goes to the log.
func Retry(reason, message string, err error) Outcome {
	return Outcome{
		kind: KindRetry, ready: metav1.ConditionUnknown, abnormal: v1alpha1.ConditionReconciling,
		eventType: "Warning", reason: reason, message: message, err: err,
	}
}

// RequeueAfter returns the outcome with another reconcile after d, give or take a tenth.
func (o Outcome) RequeueAfter(d time.Duration) Outcome {
	o.requeueAfter = d
	return o
}

// Reason returns the reason of the Ready condition.
func (o Outcome) Reason() string { return o.reason }

// Message returns the message of the Ready condition, uncut.
func (o Outcome) Message() string { return o.message }

// Kind returns which of the four it is.
func (o Outcome) Kind() Kind { return o.kind }

package sdpconnection

import (
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/store"
)

// finding is what a reconcile found out about a connection, for its conditions.
type finding struct {
	failed  *failure // nil for nothing
	isCloud bool
	// hasToken says that servers have a token that they can use. That is known where isTokenKnown.
	isTokenKnown, hasToken bool

	isProven  bool
	warning   string
	lacks     []string // scopes, by toolset
	isPending bool
	unread    []string
	areRead   bool // lists were looked at
}

// conditionsOf returns the conditions beside Ready that something is known about. What a reconcile did not get to stays as it was.
func conditionsOf(f finding) []metav1.Condition {
	var found []metav1.Condition
	set := func(kind string, status metav1.ConditionStatus, reason, message string) {
		found = append(found, metav1.Condition{Type: kind, Status: status, Reason: reason, Message: message})
	}
	concerns := func(kind string) bool { return f.failed != nil && f.failed.concerns == kind }
	failedStatus := metav1.ConditionFalse
	if f.failed != nil && f.failed.kind == status.KindRetry {
		failedStatus = metav1.ConditionUnknown
	}
	switch {
	case concerns(v1alpha1.ConditionCredentialsValid):
		set(v1alpha1.ConditionCredentialsValid, failedStatus, f.failed.reason, f.failed.message)
	case f.isProven && f.warning != "":
		set(v1alpha1.ConditionCredentialsValid, metav1.ConditionFalse, v1alpha1.ReasonGrantCodeNeeded, f.warning)
	case f.isProven && len(f.lacks) > 0:
		set(v1alpha1.ConditionCredentialsValid, metav1.ConditionFalse, v1alpha1.ReasonScopeMissing,
			"the token lacks OAuth scopes that toolsets need: "+excerpt.List(f.lacks, "; ")+"; a grant code with these scopes as well gives another token")
	case f.isProven:
		set(v1alpha1.ConditionCredentialsValid, metav1.ConditionTrue, v1alpha1.ReasonCredentialsAccepted, "ServiceDesk Plus takes what the Secret has")
	}
	switch {
	case concerns(v1alpha1.ConditionTokenFresh): // also of one that lives, and that ServiceDesk Plus refuses
		set(v1alpha1.ConditionTokenFresh, failedStatus, f.failed.reason, f.failed.message)
	case !f.isTokenKnown:
	case f.hasToken && f.isCloud:
		set(v1alpha1.ConditionTokenFresh, metav1.ConditionTrue, v1alpha1.ReasonTokenRefreshed, "servers have an access token")
	case f.hasToken:
		set(v1alpha1.ConditionTokenFresh, metav1.ConditionTrue, v1alpha1.ReasonAPIKeySealed, "servers have the API key")
	case f.failed != nil && f.failed.kind != status.KindRetry:
		set(v1alpha1.ConditionTokenFresh, metav1.ConditionFalse, v1alpha1.ReasonTokenExpired, "there is no token that servers can use")
	}
	switch {
	case !f.areRead:
	case len(f.unread) > 0:
		set(v1alpha1.ConditionLookupsFresh, metav1.ConditionFalse, v1alpha1.ReasonLookupsFailed, "these lists cannot be read, or not whole: "+excerpt.List(f.unread, "; "))
	case f.isPending:
		set(v1alpha1.ConditionLookupsFresh, metav1.ConditionFalse, v1alpha1.ReasonLookupsPending, "some lists are still to be read, or are due")
	default:
		set(v1alpha1.ConditionLookupsFresh, metav1.ConditionTrue, v1alpha1.ReasonLookupsRefreshed, "every list is new enough")
	}
	return found
}

// hasToken reports whether servers have a token that did not expire.
func (p *pass) hasToken() bool {
	return p.token != nil && (p.token.ExpiresAt.IsZero() || p.Clock.Now().Before(p.token.ExpiresAt))
}

// tellWhatServersHave adds to a failure of a person's Secret that servers do not stop because of it.
func (p *pass) tellWhatServersHave(failed *failure) *failure {
	switch {
	case !p.hasToken():
		return failed
	case p.token.Kind == store.APIKey:
		failed.message += "; servers go on with the API key that it had before"
	default:
		failed.message += "; servers go on with the access token that they have, until " + p.token.ExpiresAt.UTC().Format(time.RFC3339)
	}
	failed.message += ": to stop them set spec.suspend, or delete the connection"
	return failed
}

// finish writes what was found out into the status, and returns the outcome.
func (p *pass) finish(err error) status.Outcome {
	var failed *failure
	if err != nil {
		failed = failureOf(err)
	}
	p.writeStatus(failed)
	f := finding{
		failed: failed, isCloud: p.c.Spec.Edition != v1alpha1.EditionOnPremises, isProven: p.isProven, warning: p.login.Warning,
		isTokenKnown: p.isTokenKnown, hasToken: p.hasToken(),
		isPending: p.pending, unread: p.unread, areRead: p.areRead,
	}
	if f.hasToken {
		f.lacks = missingScopes(connectionobject.Toolsets(&p.c.Spec), connectionobject.Mode(&p.c.Spec), p.token.Scopes)
	}
	conditions := conditionsOf(f)
	for _, kind := range []string{v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionTokenFresh, v1alpha1.ConditionLookupsFresh} {
		i := slices.IndexFunc(conditions, func(c metav1.Condition) bool { return c.Type == kind })
		if i < 0 {
			p.carryCondition(kind)
			continue
		}
		conditions[i].ObservedGeneration = p.c.Generation
		conditions[i].Message = excerpt.TruncateBytes(conditions[i].Message, status.MaxMessageBytes)
		meta.SetStatusCondition(&p.c.Status.Conditions, conditions[i])
	}
	if failed != nil {
		return failed.outcome(p.nextReconcile())
	}
	return status.Ready(v1alpha1.ReasonConnected, "ServiceDesk Plus answers with what the Secret has").RequeueAfter(p.nextReconcile())
}

// nextReconcile returns when the next reconcile is.
func (p *pass) nextReconcile() (after time.Duration) {
	if p.retryAfter > 0 {
		return min(p.retryAfter, p.Interval)
	}
	return p.Interval
}

// carryCondition leaves a condition as it is, of which nothing was found out; the first time it is unknown.
func (p *pass) carryCondition(kind string) {
	if known := meta.FindStatusCondition(p.c.Status.Conditions, kind); known != nil {
		known.ObservedGeneration = p.c.Generation
		return
	}
	meta.SetStatusCondition(&p.c.Status.Conditions, metav1.Condition{
		Type: kind, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonProgressing, Message: "not known yet", ObservedGeneration: p.c.Generation,
	})
}

// writeStatus writes what there is of tokens and lists into the status.
func (p *pass) writeStatus(failed *failure) {
	if p.token != nil && p.token.Kind == store.AccessToken && (failed == nil || p.isProven) {
		expires, issued := metav1.NewTime(p.token.ExpiresAt.Truncate(time.Second)), metav1.NewTime(p.token.IssuedAt.Truncate(time.Second))
		p.c.Status.Token = &v1alpha1.TokenStatus{ExpiresAt: &expires, LastRefreshAt: &issued}
	}
	if !p.areRead {
		return
	}
	p.c.Status.Lookups = nil
	for _, s := range p.lookups {
		at := metav1.NewTime(s.RefreshedAt.Truncate(time.Second))
		p.c.Status.Lookups = append(p.c.Status.Lookups, v1alpha1.LookupStatus{
			Type: s.Type, Entries: int32(s.Entries), RefreshedAt: &at, //nolint:gosec // bounded by maxLookupEntries
		})
	}
}

// recordConditionEvents records an event where a condition came to say that a person has something to do, though the connection is ready.
func (p *pass) recordConditionEvents(before *v1alpha1.SDPConnection) {
	if !meta.IsStatusConditionTrue(p.c.Status.Conditions, v1alpha1.ConditionReady) {
		return // Ready has an event of its own
	}
	for _, kind := range []string{v1alpha1.ConditionCredentialsValid, v1alpha1.ConditionLookupsFresh} {
		now, was := meta.FindStatusCondition(p.c.Status.Conditions, kind), meta.FindStatusCondition(before.Status.Conditions, kind)
		if now == nil || now.Status != metav1.ConditionFalse || now.Reason == v1alpha1.ReasonLookupsPending || was != nil && was.Reason == now.Reason {
			continue
		}
		p.Status.RecordWarning(p.c, now.Reason, now.Message)
	}
}

package changes

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// snapshot is a request and what there is of its prompt, read at one time.
type snapshot struct {
	request store.OpenChange
	// controller names who decides, in status.controller.
	controller string
	// object is the object as the API server has it, or nil.
	object *v1alpha1.Prompt
	// published is read only where the request expects a version.
	published store.PublishedState
	// knownConflict is an attempt of which the API server said itself that another writer came first. It is over.
	knownConflict attemptID
	// unproven is why the request is not shown to be its subject's, and theirs to make.
	unproven *change.Rejection
}

// attemptID names one write of an object, begun for a request: the request and which of its attempts it is.
type attemptID struct {
	request string
	attempt int32
}

// view returns what the decision is made of, and the spec with the edit in it.
func (s *snapshot) view() (change.View, v1alpha1.PromptSpec) {
	var before *v1alpha1.PromptSpec
	var owner string
	if s.object != nil {
		before, owner = &s.object.Spec, refusingOwner(s.object, s.request.ChangeRequest, s.controller)
	}
	edited, err := promptobject.EditedSpec(before, s.request.ChangeRequest)
	var proposal string
	if owner != "" && err == nil {
		proposal = proposedPatch(*before, edited)
	}
	return change.View{
		Request:     s.request.ChangeRequest,
		Attempt:     s.lastAttempt(),
		Unproven:    s.unproven,
		Overdue:     s.request.Overdue,
		Object:      observe(s.object),
		Owner:       owner,
		Proposal:    proposal,
		EditError:   err,
		Published:   &s.published,
		Unpublished: s.object != nil && isUnpublished(s.object, s.published),
	}, edited
}

// refusingOwner is promptobject.RefusingOwner, to which another installation is one, too, whatever an annotation says.
func refusingOwner(object *v1alpha1.Prompt, request store.ChangeRequest, controller string) string {
	if promptobject.IsOfAnotherController(object, controller) {
		return otherInstallation(object)
	}
	return promptobject.RefusingOwner(object, request)
}

// otherInstallation names the controller of an object to an agent of another one.
func otherInstallation(object *v1alpha1.Prompt) string {
	return "another installation of Lectern (" + promptobject.ControllerOf(object) + ")"
}

// lastAttempt returns nil when no write was begun.
func (s *snapshot) lastAttempt() *change.Attempt {
	if s.request.Attempt == 0 {
		return nil
	}
	over := s.knownConflict == attemptID{s.request.ID, s.request.Attempt}
	return &change.Attempt{Intent: s.request.Intent, InFlight: s.request.MayLand && !over}
}

func observe(object *v1alpha1.Prompt) change.Object {
	if object == nil {
		return change.Object{Presence: change.Absent}
	}
	observed := change.Object{
		Presence: change.Present, UID: string(object.UID), ResourceVersion: object.ResourceVersion,
		LastChange: object.Annotations[v1alpha1.LastChangeAnnotation],
	}
	if !object.DeletionTimestamp.IsZero() {
		observed.Presence = change.Terminating
	}
	return observed
}

// isUnpublished reports whether the object is ahead of what is published, and its publish still to come.
func isUnpublished(object *v1alpha1.Prompt, published store.PublishedState) bool {
	retried := meta.IsStatusConditionPresentAndEqual(object.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionUnknown)
	unseen := object.Status.ObservedGeneration != object.Generation
	return (unseen || retried) && published.Owner != store.Owner{UID: string(object.UID), Generation: object.Generation}
}

// maxProposal bounds a patch that is shown, in bytes, so that it is whole in the message: half of one is no use to a reader.
const maxProposal = 1 << 10

// proposedPatch returns the edit as a patch for a person, or nothing.
func proposedPatch(before, after v1alpha1.PromptSpec) string {
	patch, err := promptobject.ProposedPatch(before, after)
	if err != nil || len(patch) > maxProposal {
		return ""
	}
	return patch
}

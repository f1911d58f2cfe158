package changes

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// view is all a decision is made of.
type view struct {
	request store.OpenChange
	// unproven says that requests are taken without proof of who asks.
	unproven bool
	// object is the object as the API server has it, or nil.
	object *v1alpha1.Prompt
	// live is what is published of it.
	live store.PublishedState
	// heard is the attempt of which the API server said itself that another writer came first. It is over.
	heard try
}

// try is one write of an object, begun for a request: the request and which of its attempts it is.
type try struct {
	id      string
	attempt int32
}

// step is what comes next for a request.
type step string

const (
	// stepWrite: write the object so that its spec is spec, or delete it.
	stepWrite step = "write"
	// stepApplied: the object says it already.
	stepApplied step = "applied"
	// stepForget: the object that was to be deleted is gone.
	stepForget step = "forget"
	// stepLater: there is no saying yet.
	stepLater step = "later"
	// stepSettle: it ends here, and nothing of it is in the object.
	stepSettle step = "settle"
)

// verdict is a decision.
type verdict struct {
	step step
	spec v1alpha1.PromptSpec

	state           store.ChangeState
	reason, message string
}

func settle(state store.ChangeState, reason, format string, args ...any) verdict {
	return verdict{step: stepSettle, state: state, reason: reason, message: fmt.Sprintf(format, args...)}
}

func conflict(reason, format string, args ...any) verdict {
	return settle(store.ChangeConflict, reason, format, args...)
}

func refuse(reason, format string, args ...any) verdict {
	return settle(store.ChangeRefused, reason, format, args...)
}

// decide says what comes next. An answer that a write still under way could turn into a lie waits until that cannot land
// any more.
func decide(v view) verdict {
	d := judge(v)
	if d.step == stepSettle && v.undecided() {
		return verdict{step: stepLater}
	}
	return d
}

// undecided reports whether an earlier write may still succeed. Of an object that is there it cannot once that changed; one
// that is in the way of a creation may be gone the next moment.
func (v view) undecided() bool {
	switch {
	case !v.request.MayLand, v.heard == try{v.request.ID, v.request.Attempt}: // none was begun, or the last one is over
		return false
	case v.request.Action == store.ActionAdd:
		return true
	default:
		return v.object != nil && v.object.ResourceVersion == v.request.Intent.ResourceVersion
	}
}

func judge(v view) verdict {
	if v.request.Attempt > 0 {
		if d, over := resume(v); over {
			return d
		}
	}
	switch {
	case !v.unproven:
		return refuse(store.ReasonUnproven, "the request carries no proof of who asks, and this installation takes none without; "+
			"its operator can allow it with --changes=unproven")
	case v.request.Overdue:
		return expire(v.request)
	}
	switch v.request.Action {
	case store.ActionAdd:
		return judgeAdd(v)
	case store.ActionUpdate:
		return judgeUpdate(v)
	default:
		return judgeDelete(v)
	}
}

// expire ends a request for good. One that was begun was written by nobody, or judge would not have come here.
func expire(request store.OpenChange) verdict {
	if request.Attempt > 0 {
		return settle(store.ChangeExpired, store.ReasonNotBegun, "the request could not be written within 10 minutes, and never will be; nothing was written; ask again")
	}
	return settle(store.ChangeExpired, store.ReasonNotBegun, "%s", store.MessageNotBegun)
}

// resume looks whether a write that was begun, by whomever, has settled the matter: it succeeded, or its object is gone.
func resume(v view) (d verdict, over bool) {
	c := v.request
	same := v.object != nil && string(v.object.UID) == c.Intent.UID
	switch {
	case c.Action == store.ActionDelete && same:
		return verdict{step: stepApplied}, !v.object.DeletionTimestamp.IsZero()
	case c.Action == store.ActionDelete:
		return verdict{step: stepForget}, true
	case v.object != nil && v.object.Annotations[v1alpha1.LastChangeAnnotation] == c.ID:
		return verdict{step: stepApplied}, true
	case c.Action == store.ActionAdd && v.object == nil:
		return conflict(store.ReasonInterrupted, "the prompt was about to be created and is not there; "+
			"it may have been deleted since, so it is not created again; ask again if you want it"), true
	case c.Action == store.ActionUpdate && !same:
		return conflict(store.ReasonNotFound, "the prompt was deleted while it was edited"), true
	}
	return verdict{}, false
}

func judgeAdd(v view) verdict {
	switch {
	case v.object == nil:
		spec, err := promptobject.SpecFromEdit(v.request.Edit)
		if err != nil {
			return refuse(store.ReasonInvalid, "%v", err)
		}
		return verdict{step: stepWrite, spec: spec}
	case !v.object.DeletionTimestamp.IsZero():
		return conflict(store.ReasonAlreadyExists, "a prompt %s is there and being deleted; ask again once it is gone", v.request.Key)
	default:
		return conflict(store.ReasonAlreadyExists, "a prompt %s is there already; update it, or choose another name", v.request.Key)
	}
}

func judgeUpdate(v view) verdict {
	switch {
	case v.object == nil:
		return conflict(store.ReasonNotFound, "there is no prompt %s", v.request.Key)
	case !v.object.DeletionTimestamp.IsZero():
		return conflict(store.ReasonNotFound, "the prompt %s is being deleted", v.request.Key)
	}
	after, err := promptobject.ApplyEdit(v.object.Spec, v.request.Edit)
	if owner := promptobject.RefusingOwner(v.object, v.request.ChangeRequest); owner != "" {
		if err != nil {
			return owned(v, owner, "")
		}
		return owned(v, owner, proposal(v.object.Spec, after))
	}
	if err != nil {
		return refuse(store.ReasonInvalid, "%v", err)
	}
	if d, wrong := judgeVersion(v); wrong {
		return d
	}
	return verdict{step: stepWrite, spec: after}
}

func judgeDelete(v view) verdict {
	if v.object == nil {
		return conflict(store.ReasonNotFound, "there is no prompt %s", v.request.Key)
	}
	if owner := promptobject.RefusingOwner(v.object, v.request.ChangeRequest); owner != "" {
		return owned(v, owner, "")
	}
	if d, wrong := judgeVersion(v); wrong {
		return d
	}
	return verdict{step: stepWrite}
}

// judgeVersion holds the version the asker knows against the one there is. While the object is ahead of what is published
// there is no saying: its next version has no number yet.
func judgeVersion(v view) (verdict, bool) {
	want := v.request.ExpectedVersion
	if want == 0 {
		return verdict{}, false
	}
	now := store.Owner{UID: string(v.object.UID), Generation: v.object.Generation}
	unseen := v.object.Status.ObservedGeneration != v.object.Generation ||
		meta.IsStatusConditionPresentAndEqual(v.object.Status.Conditions, v1alpha1.ConditionReady, metav1.ConditionUnknown) // tried again
	if v.live.Owner != now && unseen {
		return verdict{step: stepLater}, true
	}
	if channel := v.request.Edit.Channel; channel != nil {
		is := v.live.Channels[channel.Name]
		return conflict(store.ReasonVersionMismatch, "channel %s is at version %d, not %d; look at it and decide again", channel.Name, is, want), is != want
	}
	return conflict(store.ReasonVersionMismatch, "the newest version is %d, not %d; read it and decide again", v.live.Version, want), v.live.Version != want
}

// longestProposal bounds a patch that is shown; a longer one is no use to a reader.
const longestProposal = 8 << 10

// proposal is the edit as a patch for a person, or nothing.
func proposal(before, after v1alpha1.PromptSpec) string {
	patch, err := promptobject.ProposedPatch(before, after)
	if err != nil || len(patch) > longestProposal {
		return ""
	}
	return patch
}

// owned refuses what is another's to do, and says how it can be had all the same.
func owned(v view, owner, patch string) verdict {
	said := fmt.Sprintf("the prompt %s is kept by %s, so it is not changed from here", v.request.Key, owner)
	switch {
	case v.request.Action == store.ActionDelete:
		said += "; propose there that it be deleted"
	case patch != "":
		said += "; propose this change of its manifest there:\n" + patch
	default:
		said += "; propose the change of its manifest there"
	}
	return refuse(store.ReasonOwnedElsewhere, "%s", said)
}

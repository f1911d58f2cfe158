package changes

import (
	"errors"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/store"
)

func TestRejectionOf(t *testing.T) {
	kind := schema.GroupKind{Group: "lectern.dev", Kind: "Prompt"}
	resource := schema.GroupResource{Group: "lectern.dev", Resource: "prompts"}
	for name, tc := range map[string]struct {
		err        error
		reason     string
		isConflict bool
	}{
		"invalid":              {err: apierrors.NewInvalid(kind, "p", nil), reason: store.ReasonInvalid},
		"bad request":          {err: apierrors.NewBadRequest("what"), reason: store.ReasonInvalid},
		"too large":            {err: apierrors.NewRequestEntityTooLargeError("3 MiB"), reason: store.ReasonInvalid},
		"forbidden":            {err: apierrors.NewForbidden(resource, "p", errors.New("no")), reason: store.ReasonForbidden},
		"no namespace":         {err: apierrors.NewNotFound(schema.GroupResource{Resource: "namespaces"}, "a"), reason: store.ReasonNamespaceMissing},
		"conflict":             {err: apierrors.NewConflict(resource, "p", errors.New("newer")), isConflict: true},
		"already there":        {err: apierrors.NewAlreadyExists(resource, "p"), isConflict: true},
		"timeout":              {err: apierrors.NewTimeoutError("slow", 1)},
		"internal":             {err: apierrors.NewInternalError(errors.New("oops"))},
		"connection refused":   {err: http.ErrServerClosed},
		"nothing went wrong":   {},
		"service unavailable":  {err: apierrors.NewServiceUnavailable("starting")},
		"too many requests":    {err: apierrors.NewTooManyRequests("later", 1)},
		"no resource":          {err: apierrors.NewGenericServerResponse(http.StatusNotFound, "post", resource, "p", "404 page not found", 0, true)},
		"method not supported": {err: apierrors.NewMethodNotSupported(resource, "create")},
	} {
		t.Run(name, func(t *testing.T) {
			if got := isConflict(store.ActionAdd, tc.err); got != tc.isConflict {
				t.Errorf("is a conflict: %t, want %t", got, tc.isConflict)
			}
			reason := ""
			if got := rejectionOf(store.Key{Namespace: "a", Name: "p"}, tc.err); got != nil {
				reason = got.Reason
			}
			if reason != tc.reason {
				t.Errorf("the reason is %q, want %q", reason, tc.reason)
			}
		})
	}
	if gone := apierrors.NewNotFound(resource, "p"); !isConflict(store.ActionUpdate, gone) || isConflict(store.ActionAdd, gone) {
		t.Error("an object that is gone is another's doing for an update, a namespace that is not there for an addition")
	}
}

func TestNewWrite_Intent(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want store.Intent
	}{
		"another text":  {"new", store.Intent{UID: "u1", ResourceVersion: "10", Generation: 4}},
		"the same text": {"old", store.Intent{UID: "u1", ResourceVersion: "10", Generation: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := newWrite(requestFor(store.ActionUpdate).ChangeRequest, object(), v1alpha1.PromptSpec{Text: tc.text})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, w.intent); diff != "" {
				t.Errorf("intent (-want +got):\n%s", diff)
			}
		})
	}
}

// An action that is not known is never taken for a deletion.
func TestNewWrite_UnknownAction(t *testing.T) {
	if w, err := newWrite(requestFor("Rename").ChangeRequest, object(), v1alpha1.PromptSpec{}); err == nil || w.send != nil {
		t.Errorf("got a write of %+v, %v; want an error", w.intent, err)
	}
}

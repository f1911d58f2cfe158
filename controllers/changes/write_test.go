package changes

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/promptobject"
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
		"too large for etcd":   {err: apierrors.NewGenericServerResponse(http.StatusInternalServerError, "post", resource, "p", "etcdserver: request is too large", 0, true), reason: store.ReasonInvalid},
		"far too large":        {err: apierrors.NewInternalError(errors.New("rpc error: code = ResourceExhausted desc = trying to send message larger than max (3 vs. 2)")), reason: store.ReasonInvalid},
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
			if got := rejectionOf(store.Key{Namespace: "a", Name: "p"}, v1alpha1.PromptSpec{}, tc.err); got != nil {
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

// TestRejectionOf_LongMessage: the API server repeats the value it does not like.
func TestRejectionOf_LongMessage(t *testing.T) {
	invalid := apierrors.NewInvalid(v1alpha1.GroupVersion.WithKind("Prompt").GroupKind(), "p", field.ErrorList{field.Invalid(field.NewPath("spec", "text"), strings.Repeat("v", 120_000), "is wrong")})
	got := rejectionOf(store.Key{Namespace: "a", Name: "p"}, v1alpha1.PromptSpec{}, invalid)
	if got == nil {
		t.Fatal("it is not refused")
	}
	if len(got.Message) > excerpt.MaxMessage {
		t.Errorf("the message has %d bytes", len(got.Message))
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

// TestMergePatchExpresses: a null in a list is a value, and one in an object removes a member.
func TestMergePatchExpresses(t *testing.T) {
	for _, tc := range []struct {
		before, after string
		want          bool
	}{
		{``, `{"a":1}`, true},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":1.0}}`, true},
		{`{"a":1}`, `{"a":null}`, false},
		{``, `{"a":{"b":null}}`, false},
		{``, `{"a":[null]}`, true},
		{`{"a":[null]}`, `{"a":[null,null]}`, true},
		{`{"a":[1,[null]]}`, `{"a":[1,[null]],"b":[null]}`, true},
		{`{"a":{"x":[1]}}`, `{"a":{"x":[1,null]},"b":1}`, true},
		{`{"a":[null]}`, `{"b":[{"c":[null,{"d":[]}]}]}`, true},
	} {
		spec := func(metadata string) v1alpha1.PromptSpec {
			spec := v1alpha1.PromptSpec{Text: "x"}
			if metadata != "" {
				spec.Metadata = &runtime.RawExtension{Raw: []byte(metadata)}
			}
			return spec
		}
		before := object()
		before.Spec = spec(tc.before)
		if _, err := newWrite(requestFor(store.ActionUpdate).ChangeRequest, before, spec(tc.after)); err != nil {
			t.Errorf("from %s to %s: %v", tc.before, tc.after, err)
		}
		patch, err := promptobject.MergePatch(before.Spec, spec(tc.after))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := mergePatchExpresses(before.Spec, patch, spec(tc.after)); err != nil || got != tc.want {
			t.Errorf("from %s to %s: the patch %s says it: %t, %v; want %t", tc.before, tc.after, patch, got, err, tc.want)
		}
	}
}

// An action that is not known is never taken for a deletion.
func TestNewWrite_UnknownAction(t *testing.T) {
	if w, err := newWrite(requestFor("Rename").ChangeRequest, object(), v1alpha1.PromptSpec{}); err == nil || w.send != nil {
		t.Errorf("got a write of %+v, %v; want an error", w.intent, err)
	}
}

package changes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// objectWrite is one write of an object, ready to be sent.
type objectWrite struct {
	intent store.Intent
	send   func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error)
}

// newWrite makes the write a request asks for. The id of the request goes in with the edit.
func newWrite(request store.ChangeRequest, object *v1alpha1.Prompt, spec v1alpha1.PromptSpec) (objectWrite, error) {
	annotations := map[string]string{v1alpha1.LastChangeAnnotation: request.ID, v1alpha1.ChangedByAnnotation: request.Subject}
	switch request.Action {
	case store.ActionAdd:
		return newCreate(request.Key, annotations, spec), nil
	case store.ActionUpdate:
		return newPatch(object, annotations, spec)
	case store.ActionDelete:
		return newDelete(object), nil
	}
	return objectWrite{}, fmt.Errorf("no write is known for action %q", request.Action)
}

func newCreate(key store.Key, annotations map[string]string, spec v1alpha1.PromptSpec) objectWrite {
	return objectWrite{
		intent: store.Intent{Generation: 1},
		send: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			p := &v1alpha1.Prompt{
				ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: annotations}, Spec: spec,
			}
			return p, objects.Create(ctx, p)
		},
	}
}

func newPatch(object *v1alpha1.Prompt, annotations map[string]string, spec v1alpha1.PromptSpec) (objectWrite, error) {
	change, err := promptobject.MergePatch(object.Spec, spec)
	if err != nil {
		return objectWrite{}, err
	}
	var fields map[string]json.RawMessage // as written: a number keeps its digits
	if err := json.Unmarshal(change, &fields); err != nil {
		return objectWrite{}, fmt.Errorf("read the patch: %w", err)
	}
	generation := object.Generation
	if len(fields) > 0 {
		generation++
	}
	kind, body := types.MergePatchType, any(mergePatchBody(object, annotations, fields))
	if said, err := mergePatchExpresses(object.Spec, change, spec); err != nil {
		return objectWrite{}, err
	} else if !said {
		kind, body = types.JSONPatchType, jsonPatchBody(object, annotations, spec)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return objectWrite{}, fmt.Errorf("write the patch: %w", err)
	}
	return objectWrite{
		intent: store.Intent{UID: string(object.UID), ResourceVersion: object.ResourceVersion, Generation: generation},
		send: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
			return p, objects.Patch(ctx, p, client.RawPatch(kind, text))
		},
	}, nil
}

func mergePatchBody(object *v1alpha1.Prompt, annotations map[string]string, fields map[string]json.RawMessage) map[string]any {
	body := map[string]any{"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion, "annotations": annotations}}
	for name, value := range fields {
		body[name] = value
	}
	return body
}

type operation struct {
	Op    string `json:"op"`
	Path  string `json:"path"`
	Value any    `json:"value"`
}

// jsonPatchBody returns as a JSON patch (RFC 6902) what a merge patch (RFC 7386) cannot express, where null removes. It
// replaces the uid and the resourceVersion, as a merge patch does, rather than test them: so another object is a conflict.
func jsonPatchBody(object *v1alpha1.Prompt, annotations map[string]string, spec v1alpha1.PromptSpec) []operation {
	all := map[string]string{}
	maps.Copy(all, object.Annotations)
	maps.Copy(all, annotations)
	return []operation{
		{"replace", "/metadata/uid", object.UID},
		{"replace", "/metadata/resourceVersion", object.ResourceVersion},
		{"add", "/metadata/annotations", all},
		{"replace", "/spec", spec},
	}
}

// mergePatchExpresses reports whether the merge patch turns before into what is wanted.
func mergePatchExpresses(before v1alpha1.PromptSpec, change []byte, want v1alpha1.PromptSpec) (bool, error) {
	was, err := json.Marshal(map[string]any{"spec": before})
	if err != nil {
		return false, fmt.Errorf("write the spec: %w", err)
	}
	patched, err := jsonpatch.MergePatch(was, change)
	if err != nil {
		return false, fmt.Errorf("try the patch: %w", err)
	}
	is, err := json.Marshal(map[string]any{"spec": want})
	if err != nil {
		return false, fmt.Errorf("write the spec: %w", err)
	}
	return equalJSON(patched, is)
}

// equalJSON compares two texts, numbers as they are written. The comparison of package jsonpatch panics on a null in a list.
func equalJSON(one, other []byte) (bool, error) {
	var values [2]any
	for i, text := range [][]byte{one, other} {
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		if err := decoder.Decode(&values[i]); err != nil {
			return false, fmt.Errorf("read the spec: %w", err)
		}
	}
	return reflect.DeepEqual(values[0], values[1]), nil
}

func newDelete(object *v1alpha1.Prompt) objectWrite {
	return objectWrite{
		intent: store.Intent{UID: string(object.UID), ResourceVersion: object.ResourceVersion, Generation: object.Generation},
		send: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			preconditions := client.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion}
			return object, objects.Delete(ctx, object.DeepCopy(), preconditions)
		},
	}
}

// isConflict reports whether a write failed because the object is not the one it was decided on.
func isConflict(action store.Action, err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || action != store.ActionAdd && isAbsent(err)
}

// isAbsent reports whether the API server says that there is no such object. Where it does not serve the resource at all,
// its answer has the same code, and is none.
func isAbsent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err)
}

// etcdMaxRequest is how many bytes of one write etcd takes by default, and little of it is not the object.
const etcdMaxRequest = 1536 << 10

// isTooLarge reports whether a write was refused for its size: by the API server, by etcd behind it, or by the API server's
// client of etcd. What etcd says comes as an internal error.
func isTooLarge(err error) bool {
	return apierrors.IsRequestEntityTooLargeError(err) || err != nil &&
		(strings.Contains(err.Error(), "etcdserver: request is too large") || strings.Contains(err.Error(), "trying to send message larger than max"))
}

// sizeOf returns how many bytes a spec is as the API server stores it.
func sizeOf(spec v1alpha1.PromptSpec) int {
	text, err := json.Marshal(spec)
	if err != nil {
		return 0
	}
	return len(text)
}

// newTooLargeRefusal says how large the object would be, and what to do.
func newTooLargeRefusal(spec v1alpha1.PromptSpec) *change.Rejection {
	return change.NewRefusal(store.ReasonInvalid, "the API server refuses it for its size: the spec has %d bytes as JSON, where <, >, & and control characters count "+
		"as six, and etcd takes %d by default for a whole object; %s", sizeOf(spec), etcdMaxRequest, prompt.TextRemedy)
}

// rejectionOf returns why the API server refuses a write of a spec for good, or nil when the write may succeed another time.
func rejectionOf(key store.Key, spec v1alpha1.PromptSpec, err error) *change.Rejection {
	if isTooLarge(err) {
		return newTooLargeRefusal(spec)
	}
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return nil
	}
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return change.NewRefusal(store.ReasonNamespaceMissing, "the namespace %s is being deleted", key.Namespace)
	case isAbsent(err):
		return change.NewRefusal(store.ReasonNamespaceMissing, "there is no namespace %s; choose one that is there", key.Namespace)
	case apierrors.IsForbidden(err):
		return change.NewRefusal(store.ReasonForbidden, "the API server does not let Lectern write prompts in namespace %s; its operator finds the reason in the controller's log", key.Namespace)
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err):
		return change.NewRefusal(store.ReasonInvalid, "the API server refuses it: %s", excerpt.TruncateBytes(answer.Status().Message, 1<<10))
	}
	return nil
}

// describeEdit returns in a few words what a request changes.
func describeEdit(request store.ChangeRequest) string {
	switch request.Action {
	case store.ActionAdd:
		return "created the prompt"
	case store.ActionDelete:
		return "deleted the prompt"
	}
	var fields map[string]any
	text, err := json.Marshal(request.Edit)
	if err == nil {
		err = json.Unmarshal(text, &fields)
	}
	if err != nil || len(fields) == 0 {
		return "changed nothing"
	}
	return "changed " + strings.Join(slices.Sorted(maps.Keys(fields)), ", ")
}

package changes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	jsonpatch "github.com/evanphx/json-patch/v5"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// write is one write of an object, ready to be made.
type write struct {
	intent store.Intent
	do     func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error)
}

// prepare makes of a verdict the write it asks for. The id of the request goes in with the edit.
func prepare(v view, spec v1alpha1.PromptSpec) (write, error) {
	marks := map[string]string{v1alpha1.LastChangeAnnotation: v.request.ID, v1alpha1.ChangedByAnnotation: v.request.Subject}
	switch v.request.Action {
	case store.ActionAdd:
		return create(v.request.Key, marks, spec), nil
	case store.ActionUpdate:
		return patch(v.object, marks, spec)
	default:
		return remove(v.object), nil
	}
}

func create(key store.Key, marks map[string]string, spec v1alpha1.PromptSpec) write {
	return write{
		intent: store.Intent{Generation: 1},
		do: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			p := &v1alpha1.Prompt{
				ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name, Annotations: marks}, Spec: spec,
			}
			return p, objects.Create(ctx, p)
		},
	}
}

func patch(object *v1alpha1.Prompt, marks map[string]string, spec v1alpha1.PromptSpec) (write, error) {
	change, err := promptobject.MergePatch(object.Spec, spec)
	if err != nil {
		return write{}, err
	}
	var fields map[string]json.RawMessage // as written: a number keeps its digits
	if err := json.Unmarshal(change, &fields); err != nil {
		return write{}, fmt.Errorf("read the patch: %w", err)
	}
	generation := object.Generation
	if len(fields) > 0 {
		generation++
	}
	kind, body := types.MergePatchType, any(merging(object, marks, fields))
	if said, err := says(object.Spec, change, spec); err != nil {
		return write{}, err
	} else if !said {
		kind, body = types.JSONPatchType, replacing(object, marks, spec)
	}
	text, err := json.Marshal(body)
	if err != nil {
		return write{}, fmt.Errorf("write the patch: %w", err)
	}
	return write{
		intent: store.Intent{UID: string(object.UID), ResourceVersion: object.ResourceVersion, Generation: generation},
		do: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			p := &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}
			return p, objects.Patch(ctx, p, client.RawPatch(kind, text))
		},
	}, nil
}

func merging(object *v1alpha1.Prompt, marks map[string]string, fields map[string]json.RawMessage) map[string]any {
	body := map[string]any{"metadata": map[string]any{"uid": object.UID, "resourceVersion": object.ResourceVersion, "annotations": marks}}
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

// replacing says as a JSON patch what a merge patch cannot: in one, null takes away. It puts in the uid and the
// resourceVersion, as a merge patch does, rather than test them: so an object that is another one is a conflict.
func replacing(object *v1alpha1.Prompt, marks map[string]string, spec v1alpha1.PromptSpec) []operation {
	annotations := map[string]string{}
	maps.Copy(annotations, object.Annotations)
	maps.Copy(annotations, marks)
	return []operation{
		{"replace", "/metadata/uid", object.UID},
		{"replace", "/metadata/resourceVersion", object.ResourceVersion},
		{"add", "/metadata/annotations", annotations},
		{"replace", "/spec", spec},
	}
}

// says reports whether the merge patch makes of before what is wanted.
func says(before v1alpha1.PromptSpec, change []byte, want v1alpha1.PromptSpec) (bool, error) {
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
	return jsonpatch.Equal(patched, is), nil
}

func remove(object *v1alpha1.Prompt) write {
	return write{
		intent: store.Intent{UID: string(object.UID), ResourceVersion: object.ResourceVersion, Generation: object.Generation},
		do: func(ctx context.Context, objects client.Client) (*v1alpha1.Prompt, error) {
			preconditions := client.Preconditions{UID: &object.UID, ResourceVersion: &object.ResourceVersion}
			return object, objects.Delete(ctx, object.DeepCopy(), preconditions)
		},
	}
}

// contended reports whether a write failed because the object is not the one it was decided on.
func contended(action store.Action, err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err) || action != store.ActionAdd && absent(err)
}

// absent reports whether the API server says that there is no such object. Where it does not serve the resource at all, its
// answer has the same code, and is none.
func absent(err error) bool {
	return apierrors.IsNotFound(err) && !apierrors.IsUnexpectedServerError(err)
}

// refusal is what the API server says against a write for good, or false when it may go through another time.
func refusal(key store.Key, err error) (verdict, bool) {
	var answer apierrors.APIStatus
	if !errors.As(err, &answer) {
		return verdict{}, false
	}
	words := answer.Status().Message
	switch {
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return refuse(store.ReasonNamespaceMissing, "the namespace %s is being deleted", key.Namespace), true
	case absent(err):
		return refuse(store.ReasonNamespaceMissing, "there is no namespace %s; choose one that is there", key.Namespace), true
	case apierrors.IsForbidden(err):
		return refuse(store.ReasonForbidden, "the API server does not let Lectern write prompts in namespace %s; its operator finds the reason in the controller's log", key.Namespace), true
	case apierrors.IsInvalid(err), apierrors.IsBadRequest(err), apierrors.IsRequestEntityTooLargeError(err):
		return refuse(store.ReasonInvalid, "the API server refuses it: %s", words), true
	}
	return verdict{}, false
}

// asked says in a few words what a request changes.
func asked(request store.ChangeRequest) string {
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
	return "changed " + list(maps.Keys(fields))
}

package changes

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
)

// maxAttempts is how often one look at a request writes the object before it gives way to the other writers.
const maxAttempts = 5

// goOn works on the request of a prompt whose turn it is, until it is written or settled. What another controller settles
// or works on is left to it.
func (c *Changes) goOn(ctx context.Context, key store.Key) error {
	var heard try
	for attempt := 1; ; attempt++ {
		var err error
		heard, err = c.attempt(ctx, key, heard, attempt > maxAttempts)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrNotYours) {
			return nil
		}
		if err != nil || heard == (try{}) {
			return err
		}
		contentions.Inc()
	}
}

// attempt reads, decides, and does what was decided. When another writer came first it returns which write that was, and
// zero otherwise. With last, giving way is all that is left.
func (c *Changes) attempt(ctx context.Context, key store.Key, heard try, last bool) (lost try, err error) {
	request, err := c.Store.NextChange(ctx, key)
	if err != nil {
		return try{}, err
	}
	if request.State == store.ChangeApplied {
		return try{}, c.lookAfter(ctx, request)
	}
	v, err := c.see(ctx, request)
	if err != nil {
		return try{}, err
	}
	v.heard = heard
	d := decide(v)
	if d.step == stepWrite && last {
		d = conflict(store.ReasonContended, "others changed the prompt each of %d times; ask again", maxAttempts)
	}
	switch d.step {
	case stepLater:
		return try{}, errLater
	case stepForget:
		return try{}, c.Store.RemoveKeepingPolicy(ctx, key, request.Intent.UID)
	case stepApplied:
		// The object may have gone on since; what was written is the generation that was to come of it.
		return try{}, c.record(ctx, request, v.object, request.Intent.Generation)
	case stepSettle:
		return try{}, c.settle(ctx, v, d)
	}
	return c.write(ctx, v, d.spec)
}

// see gathers what a decision is made of. The object is read first: what is published may be ahead of it, but then the
// write on it fails.
func (c *Changes) see(ctx context.Context, request store.OpenChange) (view, error) {
	v := view{request: request, unproven: c.Unproven}
	var err error
	if v.object, err = c.object(ctx, request.Key); err != nil {
		return view{}, err
	}
	if request.ExpectedVersion != 0 {
		if v.live, err = c.Store.PublishedState(ctx, request.Key); err != nil {
			return view{}, err
		}
	}
	return v, nil
}

// object is the object as the API server has it, or nil.
func (c *Changes) object(ctx context.Context, key store.Key) (*v1alpha1.Prompt, error) {
	var p v1alpha1.Prompt
	err := c.Objects.Get(ctx, client.ObjectKey{Namespace: key.Namespace, Name: key.Name}, &p)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the object: %w", err)
	}
	return &p, nil
}

// write makes one attempt at the object, after it was written down, and returns it when another writer came first.
func (c *Changes) write(ctx context.Context, v view, spec v1alpha1.PromptSpec) (lost try, err error) {
	if v.request.Action != store.ActionDelete {
		_, err := promptobject.ResolveAndCompile(ctx, c.Store, v.request.Key.Namespace, promptobject.SpecOf(&spec))
		if invalid(err) {
			return try{}, c.settle(ctx, v, refuse(store.ReasonInvalid, "%v", err))
		}
		if err != nil {
			return try{}, err
		}
	}
	w, err := prepare(v, spec)
	if err != nil {
		return try{}, err
	}
	earlier := v.undecided()
	if earlier { // a refusal would have to wait for it, and an attempt of ours make that wait longer: so ask first
		_, err := w.do(ctx, client.NewDryRunClient(c.Objects))
		if _, final := refusal(v.request.Key, err); final {
			return try{}, errLater
		}
	}
	// Begun and sent within store.ObjectWriteTimeout: what is answered after a crash counts on it.
	timely, cancel := context.WithTimeout(ctx, store.ObjectWriteTimeout)
	defer cancel()
	if err := c.Store.BeginChange(timely, v.request, w.intent); err != nil {
		return try{}, err
	}
	v.request.Attempt++
	faultpoint.Hit(faultpoint.ChangeBegun)
	written, err := w.do(timely, c.Objects)
	if contended(v.request.Action, err) {
		return try{v.request.ID, v.request.Attempt}, nil
	}
	if err != nil {
		if d, final := refusal(v.request.Key, err); final && !earlier {
			c.Log.Info("The API server refuses a change", "prompt", v.request.Key, "change", v.request.ID, "err", err)
			return try{}, c.end(ctx, v.request, d)
		}
		return try{}, fmt.Errorf("write the object: %w", err)
	}
	faultpoint.Hit(faultpoint.ChangeWritten)
	if v.request.Action == store.ActionDelete && released(written) {
		applied.WithLabelValues(string(v.request.Action)).Inc()
		return try{}, c.Store.RemoveKeepingPolicy(ctx, v.request.Key, string(written.UID))
	}
	return try{}, c.record(ctx, v.request, written, written.Generation)
}

// invalid reports whether an error is the compiler's.
func invalid(err error) bool {
	var (
		template *prompt.TemplateError
		spec     *prompt.SpecError
		limit    *prompt.LimitError
		includes *prompt.IncludeError
	)
	return errors.As(err, &template) || errors.As(err, &spec) || errors.As(err, &limit) || errors.As(err, &includes)
}

// record says that the object carries the edit since a generation, to the database and to who looks at the object.
func (c *Changes) record(ctx context.Context, request store.OpenChange, object *v1alpha1.Prompt, generation int64) error {
	if err := c.Store.MarkChangeApplied(ctx, request.ID, string(object.UID), generation); err != nil {
		return err
	}
	faultpoint.Hit(faultpoint.ChangeApplied)
	applied.WithLabelValues(string(request.Action)).Inc()
	object.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Prompt"))
	c.Recorder.Eventf(object, nil, corev1.EventTypeNormal, "ChangedByAgent", "Change", "%s %s (change %s)",
		request.Subject, asked(request.ChangeRequest), request.ID)
	return nil
}

// settle ends a request before anything was written, unless a write may still land.
func (c *Changes) settle(ctx context.Context, v view, d verdict) error {
	if v.undecided() {
		return errLater
	}
	return c.end(ctx, v.request, d)
}

func (c *Changes) end(ctx context.Context, request store.OpenChange, d verdict) error {
	if err := c.Store.FinalizeChange(ctx, request, d.state, d.reason, d.message); err != nil {
		return err
	}
	settled.WithLabelValues(string(d.state), d.reason).Inc()
	return nil
}

// lookAfter asks about a request whose publish takes long: is the object still there, and does the reconciler know?
func (c *Changes) lookAfter(ctx context.Context, request store.OpenChange) error {
	if !request.Stuck {
		return nil
	}
	object, err := c.object(ctx, request.Key)
	if err != nil {
		return err
	}
	if object == nil || string(object.UID) != request.Intent.UID || !object.DeletionTimestamp.IsZero() && released(object) {
		return c.Store.RemoveKeepingPolicy(ctx, request.Key, request.Intent.UID)
	}
	if wentBack(request, object) {
		return c.Store.FinalizeAppliedChange(ctx, store.AppliedChange{ID: request.ID}, "", "")
	}
	select {
	case c.Drifted <- event.GenericEvent{Object: &v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: object.Namespace, Name: object.Name}}}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// released reports whether the reconciler has nothing more to say about an object that is deleted: it is gone, or held
// by others only.
func released(deleted *v1alpha1.Prompt) bool {
	return !controllerutil.ContainsFinalizer(deleted, v1alpha1.PromptFinalizer)
}

// wentBack reports whether what was written is undone, as after a restore of the API server's own store.
func wentBack(request store.OpenChange, object *v1alpha1.Prompt) bool {
	if request.Action == store.ActionDelete {
		return object.DeletionTimestamp.IsZero()
	}
	return object.Generation < request.Intent.Generation && object.Annotations[v1alpha1.LastChangeAnnotation] != request.ID
}

func list(words iter.Seq[string]) string { return strings.Join(slices.Sorted(words), ", ") }

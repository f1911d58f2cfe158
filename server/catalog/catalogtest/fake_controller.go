package catalogtest

import (
	"context"
	"errors"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/change"
	"github.com/lectern-dev/lectern/internal/promptobject"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/testenv/require"
)

// RunController carries out change requests until the test ends, as a controller does on objects: those are
// what was published. The ones named are Argo CD's.
func (a *Author) RunController(owned ...store.Key) {
	a.tb.Helper()
	others := make(map[store.Key]bool, len(owned))
	for _, key := range owned {
		others[key] = true
	}
	a.runOnOpenChanges(func(ctx context.Context, request store.OpenChange) error {
		return a.applyChange(ctx, request, others[request.Key])
	})
}

// RefuseChanges refuses all change requests until the test ends.
func (a *Author) RefuseChanges(reason, message string) {
	a.tb.Helper()
	a.runOnOpenChanges(func(ctx context.Context, request store.OpenChange) error {
		return a.writer.FinalizeChange(ctx, request, store.ChangeRefused, reason, message)
	})
}

// runOnOpenChanges calls process with the request of each prompt whose turn it is, again and again until the test ends.
func (a *Author) runOnOpenChanges(process func(context.Context, store.OpenChange) error) {
	a.tb.Helper()
	ctx, end := context.WithCancel(context.Background())
	ended := make(chan struct{})
	a.tb.Cleanup(func() { end(); <-ended })
	go func() {
		defer close(ended)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if err := a.processOpenChanges(ctx, process); err != nil && ctx.Err() == nil {
				a.tb.Errorf("carry out change requests: %v", err)
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
}

// CountOpenChanges returns how many prompts have change requests that are not carried out.
func (a *Author) CountOpenChanges() int {
	a.tb.Helper()
	keys, err := a.writer.PromptsWithOpenChanges(a.tb.Context(), 1000)
	require.NoError(a.tb, err)
	return len(keys)
}

func (a *Author) processOpenChanges(ctx context.Context, process func(context.Context, store.OpenChange) error) error {
	keys, err := a.writer.PromptsWithOpenChanges(ctx, 100)
	if err != nil {
		return err
	}
	for _, key := range keys {
		request, err := a.writer.NextChange(ctx, key)
		if err == nil {
			err = process(ctx, request)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	return nil
}

func (a *Author) applyChange(ctx context.Context, c store.OpenChange, owned bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	spec, there := a.specs[c.Key]
	live, err := a.writer.PublishedState(ctx, c.Key)
	if err != nil {
		return err
	}
	var before *v1alpha1.PromptSpec
	presence := change.Absent
	if there {
		before, presence = &spec, change.Present
	}
	owner := ""
	if owned {
		owner = "Argo CD"
	}
	edited, editError := promptobject.EditedSpec(before, c.ChangeRequest)
	view := change.View{
		Request: c.ChangeRequest, Object: change.Object{Presence: presence}, Owner: owner, EditError: editError, Published: &live,
	}
	if r := change.Decide(view).Rejection; r != nil {
		return a.writer.FinalizeChange(ctx, c, r.State, r.Reason, r.Message)
	}
	a.written++
	object := v1alpha1.Prompt{ObjectMeta: metav1.ObjectMeta{Namespace: c.Key.Namespace, Name: c.Key.Name}}
	object.UID, object.Generation = a.objectUID(c.Key), a.written
	if err := a.writer.BeginChange(ctx, c, store.Intent{UID: string(object.UID), ResourceVersion: "1", Generation: a.written}); err != nil {
		return err
	}
	if err := a.writer.MarkChangeApplied(ctx, c.ID, string(object.UID), a.written); err != nil {
		return err
	}
	if c.Action == store.ActionDelete {
		return a.writeTombstone(ctx, c.Key)
	}
	a.specs[c.Key], object.Spec = edited, edited
	compiled, err := promptobject.ResolveAndCompile(ctx, a.Store, c.Key.Namespace, promptobject.SpecOf(&edited))
	if err != nil {
		return err
	}
	p := promptobject.PublicationOf(&object, compiled, 100)
	p.Change = &store.AppliedChange{ID: c.ID, Intact: true, Edit: c.Edit}
	published, err := a.publishTakingOver(ctx, p)
	if err == nil && len(published.Missing) > 0 {
		return a.writer.FinalizeAppliedChange(ctx, *p.Change, "ChannelVersionMissing", "a channel points to a version that is not there")
	}
	return err
}

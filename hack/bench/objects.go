package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// objectCount is how many prompts are created and deleted at once.
const objectCount = 1_000

// objectRound is how long a round of it took, in seconds.
type objectRound struct{ posted, ready, deleted, gone float64 }

// measureObjects measures how long 1,000 objects take from the first create until the last is Ready, and from their deletion
// until none is left, against what the API server takes for the requests alone in the same round.
func (b *bench) measureObjects(ctx context.Context) error {
	var posted, ready, deleted, gone series
	for n := range b.rounds {
		b.say("%d prompts created and deleted, round %d of %d.", objectCount, n+1, b.rounds)
		one, err := b.createAndDelete(ctx, fmt.Sprintf("objects-%d", n))
		if err != nil {
			return err
		}
		posted, ready = append(posted, one.posted), append(ready, one.ready)
		deleted, gone = append(deleted, one.deleted), append(gone, one.gone)
	}
	line := func(what, against, wanted string, ours, theirs series) row {
		return row{
			measured: what, against: against, ratios: ours.over(theirs), wanted: wanted,
			beside: fmt.Sprintf("%.1f s : %.1f s", ours.median(), theirs.median()),
		}
	}
	printTable(b.out, fmt.Sprintf("%d prompts created and deleted by %d clients at once", objectCount, agents), []row{
		line("created until all are Ready", "the creates answered, same round", "≤ 10 s", ready, posted),
		line("deleted until all are gone", "the deletion answered, same round", "≤ 6 s", gone, deleted),
	})
	return nil
}

func (b *bench) createAndDelete(ctx context.Context, namespace string) (one objectRound, err error) {
	t, err := newTenant(ctx, b.stack.ControlPlane, namespace)
	if err != nil {
		return one, err
	}
	defer t.close()
	name := func(i int) string { return fmt.Sprintf("object-%04d", i) }
	began := time.Now()
	group, ctx2 := errgroup.WithContext(ctx)
	group.SetLimit(agents)
	for i := range objectCount {
		group.Go(func() error {
			object := fmt.Sprintf(`{"apiVersion":%q,"kind":"Prompt","metadata":{"name":%q},"spec":{"text":"Prompt %d for {{reader}}."}}`,
				v1alpha1.GroupVersion, name(i), i)
			return t.send(ctx2, http.MethodPost, t.objectPath(""), "application/json", object, nil)
		})
	}
	if err := group.Wait(); err != nil {
		return one, err
	}
	one.posted = time.Since(began).Seconds()
	if err := t.waitUntilAllReady(ctx, name(objectCount-1)); err != nil {
		return one, err
	}
	one.ready = time.Since(began).Seconds()
	began = time.Now()
	if err := t.sendEmpty(ctx, http.MethodDelete, t.objectPath(""), nil); err != nil {
		return one, err
	}
	one.deleted = time.Since(began).Seconds()
	if err := t.waitUntilNone(ctx); err != nil {
		return one, err
	}
	one.gone = time.Since(began).Seconds()
	return one, nil
}

package main

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

const (
	// manyAdds is what one client asks for at once.
	manyAdds = 3000
	// crowded is the namespace it asks for it in, quiet that of another client.
	crowded, quiet = "crowded", "quiet"
)

// measureTurns measures how long a client's add_prompt takes while the adds of another wait, thousands of them, against how
// long it takes alone.
func (b *bench) measureTurns(ctx context.Context) error {
	for _, namespace := range []string{crowded, quiet} {
		t, err := newTenant(ctx, b.stack.ControlPlane, namespace)
		if err != nil {
			return err
		}
		t.close()
	}
	watch, err := b.newWatchers(ctx, quiet)
	if err != nil {
		return err
	}
	defer watch.close()
	db, err := postgres.Open(ctx, postgres.Options{URL: b.stack.ServerURL})
	if err != nil {
		return err
	}
	defer db.Close()
	added := 0
	add := func() (float64, error) {
		added++
		began := time.Now()
		err := watch.connections[1].ask(toolCall(modernEra, "add_prompt", fmt.Sprintf(`"namespace":%q,"name":"Added %d","content":"x"`, quiet, added)))
		return time.Since(began).Seconds(), err
	}
	alone, err := measureAddsUntil(add, func() (bool, error) { return false, nil })
	if err != nil {
		return err
	}
	b.say("%d adds of one client.", manyAdds)
	began := time.Now()
	last, err := requestMany(ctx, db)
	if err != nil {
		return err
	}
	beside, err := measureAddsUntil(add, func() (none bool, err error) {
		outcomes, err := db.ChangeOutcomes(ctx, crowded, []string{last})
		return len(outcomes) == 1 && outcomes[0].State.IsFinal(), err
	})
	if err != nil {
		return err
	}
	elapsed := time.Since(began).Seconds()
	left, err := b.dropOpenChanges(ctx)
	if err != nil {
		return err
	}
	rate := float64(manyAdds-left) / elapsed
	b.printTurns(alone, beside, rate)
	return nil
}

// measureAddsUntil adds as often as a round has it, or until nothing waits any more, and returns how long each took.
func measureAddsUntil(add func() (float64, error), nothingWaits func() (bool, error)) (series, error) {
	var times series
	for range changesARound {
		took, err := add()
		if err != nil {
			return nil, err
		}
		times = append(times, took)
		if ended, err := nothingWaits(); err != nil || ended {
			return times, err
		}
	}
	return times, nil
}

func (b *bench) printTurns(alone, beside series, rate float64) {
	var rows []row
	for _, p := range []int{50, 95} {
		ours, theirs := series{beside.percentile(p)}, series{alone.percentile(p)}
		rows = append(rows, row{
			measured: fmt.Sprintf("add_prompt of one while %d adds of another wait, p%d", manyAdds, p), against: fmt.Sprintf("add_prompt alone, p%d", p),
			ratios: ours.over(theirs), wanted: "≤ 1 s at p95",
			beside: joinNotes(formatMicros(ours)+" : "+formatMicros(theirs), fmt.Sprintf("%d of the one, %.0f a second of the other", len(beside), rate)),
		})
	}
	printTable(b.out, "Turns of the change queue", rows)
}

// dropOpenChanges drops the adds that nobody waits for any more, and returns how many there were.
func (b *bench) dropOpenChanges(ctx context.Context) (int, error) {
	owner, err := pgx.Connect(ctx, b.stack.OwnerURL)
	if err != nil {
		return 0, err
	}
	defer func() { _ = owner.Close(context.WithoutCancel(ctx)) }()
	dropped, err := owner.Exec(ctx, "delete from prompt_changes where subject = $1 and settled_at is null and begun_at is null", crowded)
	return int(dropped.RowsAffected()), err
}

// requestMany stores the adds, as servers do, and returns the id of the last.
func requestMany(ctx context.Context, db *postgres.Store) (last string, err error) {
	text := "x"
	for i := range manyAdds {
		last = uuid.NewString()
		_, err := db.RequestChange(ctx, store.ChangeRequest{
			ID: last, Key: store.Key{Namespace: crowded, Name: fmt.Sprintf("many-%d", i)}, Action: store.ActionAdd,
			Edit: store.Edit{Content: &text}, Subject: crowded,
		})
		if err != nil {
			return "", err
		}
	}
	return last, nil
}

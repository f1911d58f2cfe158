package sdpconnection

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

// writesOfReconcile is how many writes of unknown outcome one reconcile looks up: each may take several calls.
const writesOfReconcile = 5

// resolveWrites finds out what became of writes that nobody ended: of a server that is gone, or whose answer was lost. They are looked up
// in the lane of lists, and given up after a day.
func (p *pass) resolveWrites(ctx context.Context) error {
	unresolved, err := p.Store.ListUnresolvedWrites(ctx, connectionobject.KeyOf(p.c), string(p.c.UID), writesOfReconcile)
	if err != nil || len(unresolved) == 0 {
		return err
	}
	client, err := p.openForLists()
	if err != nil {
		return err
	}
	for i := range unresolved {
		if err := p.resolveWrite(ctx, client, &unresolved[i]); err != nil {
			after, isWait := waitOf(err)
			if isWait {
				p.requeueWithin(after)
				return nil
			}
			return err
		}
	}
	if len(unresolved) == writesOfReconcile {
		p.requeueWithin(time.Second)
	}
	return nil
}

// resolveWrite looks up one write, and says what was found. A lookup that fails is tried again later; the error says that none makes sense
// now.
func (p *pass) resolveWrite(ctx context.Context, client *sdp.Client, of *store.UnresolvedWrite) error {
	log := ctrl.LoggerFrom(ctx).WithValues("write", of.ID, "tool", of.Tool)
	found, err := lookUpWrite(ctx, client, of, p.Clock.Now())
	if _, isWait := waitOf(err); isWait {
		return err
	}
	if err != nil {
		log.V(1).Info("A write of unknown outcome cannot be looked up", "err", err.Error())
	}
	if found.Outcome == sdp.WriteIndeterminate && of.Age >= store.WriteGiveUpAge {
		gaveUp, err := p.Store.GiveUpWrite(ctx, of.ID)
		if gaveUp {
			log.Info("Gave up a write whose outcome nobody can find out")
			resolvedWrites.WithLabelValues(writeGivenUp).Inc()
		}
		return err
	}
	ended, err := p.Store.EndUnresolvedWrite(ctx, of.ID, store.WriteEnd{Outcome: store.WriteOutcome(found.Outcome), RecordID: found.ID})
	switch {
	case errors.Is(err, store.ErrNotFound): // it was deleted with its connection
		return nil
	case err != nil:
		return err
	case ended != store.WriteIndeterminate:
		log.Info("Found out what became of a write", "outcome", ended)
	}
	resolvedWrites.WithLabelValues(string(ended)).Inc()
	return nil
}

// lookUpWrite looks up a write by its trace. One that has none by its deadline was not sent: the store takes none afterwards.
func lookUpWrite(ctx context.Context, client *sdp.Client, of *store.UnresolvedWrite, now time.Time) (sdp.WriteLookup, error) {
	unknown := sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}
	if len(of.Trace) == 0 {
		if of.Overdue >= 0 {
			return sdp.WriteLookup{Outcome: sdp.WriteNotDone}, nil
		}
		return unknown, nil
	}
	var trace sdp.WriteTrace
	if err := json.Unmarshal(of.Trace, &trace); err != nil {
		return unknown, fmt.Errorf("read its trace: %w", err)
	}
	attempt := &sdp.Attempt{Record: trace.Record, SentAt: now.Add(-of.Age), EndedAt: now.Add(-of.Overdue)}
	found, err := client.FindWrite(ctx, attempt, trace, "["+of.Mark+"]")
	if err != nil {
		return unknown, err
	}
	return found, nil
}

package sdpconnection

import (
	"context"
	"errors"
	"time"

	"github.com/go-logr/logr"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lectern-dev/lectern/internal/connectionobject"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/writetrace"
)

const (
	// writesOfReconcile is how many writes of unknown outcome one reconcile decides, lookupsOfReconcile how many of them it looks up: each
	// may take several calls. What is decided without a call, as what nobody sealed is, does not keep the others waiting.
	writesOfReconcile, lookupsOfReconcile = 50, 5
)

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
	lookedUp := 0
	for i := range unresolved {
		isLookedUp, err := p.resolveWrite(ctx, client, &unresolved[i])
		if err != nil {
			after, isWait := waitOf(err)
			if isWait {
				p.requeueWithin(after)
				return nil
			}
			return err
		}
		if isLookedUp {
			lookedUp++
		}
		if lookedUp == lookupsOfReconcile {
			break
		}
	}
	if lookedUp == lookupsOfReconcile || len(unresolved) == writesOfReconcile {
		p.requeueWithin(time.Second)
	}
	return nil
}

// resolveWrite decides what became of one write, and reports whether ServiceDesk Plus was asked. A lookup that fails is tried again later; the
// error says that none makes sense now.
func (p *pass) resolveWrite(ctx context.Context, client *sdp.Client, of *store.UnresolvedWrite) (isLookedUp bool, err error) {
	log := ctrl.LoggerFrom(ctx).WithValues("write", of.ID, "tool", of.Tool)
	found := sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}
	trace, err := writetrace.Decode(p.Keys, writetrace.Intent{ConnectionUID: string(p.c.UID), ID: of.ID, Mark: of.Mark}, of.Trace)
	switch {
	case len(of.Trace) == 0:
		if of.Overdue >= 0 { // it was not sent: the store takes no trace any more
			found.Outcome = sdp.WriteNotDone
		}
	case errors.Is(err, writetrace.ErrForged):
		return false, p.giveUpWrite(ctx, log, of.ID, writeForged, "Gave up a write that no server sealed: somebody else has the database role of the servers")
	case err != nil:
		log.V(1).Info("A write of unknown outcome cannot be looked up", "err", err.Error())
	default:
		isLookedUp = true
		found, err = lookUpWrite(ctx, client, of, trace, p.Clock.Now())
		if _, isWait := waitOf(err); isWait {
			return isLookedUp, err
		}
		if err != nil {
			log.V(1).Info("A write of unknown outcome cannot be looked up", "err", err.Error())
		}
	}
	if found.Outcome == sdp.WriteIndeterminate && of.Age >= store.WriteGiveUpAge {
		return isLookedUp, p.giveUpWrite(ctx, log, of.ID, writeGivenUp, "Gave up a write whose outcome nobody can find out")
	}
	ended, err := p.Store.EndUnresolvedWrite(ctx, of.ID, store.WriteEnd{Outcome: store.WriteOutcome(found.Outcome), RecordID: found.ID})
	switch {
	case errors.Is(err, store.ErrNotFound): // it was deleted with its connection
		return isLookedUp, nil
	case err != nil:
		return isLookedUp, err
	case ended != store.WriteIndeterminate:
		log.Info("Found out what became of a write", "outcome", ended)
	}
	resolvedWrites.WithLabelValues(string(ended)).Inc()
	return isLookedUp, nil
}

// giveUpWrite leaves a write indeterminate for good, and says why, unless somebody decided it meanwhile.
func (p *pass) giveUpWrite(ctx context.Context, log logr.Logger, id, outcome, why string) error {
	gaveUp, err := p.Store.GiveUpWrite(ctx, id)
	if gaveUp {
		log.Info(why)
		resolvedWrites.WithLabelValues(outcome).Inc()
	}
	return err
}

// lookUpWrite looks up a write by its trace.
func lookUpWrite(ctx context.Context, client *sdp.Client, of *store.UnresolvedWrite, trace sdp.WriteTrace, now time.Time) (sdp.WriteLookup, error) {
	attempt := &sdp.Attempt{Record: trace.Record, SentAt: now.Add(-of.Age), EndedAt: now.Add(-of.Overdue)}
	found, err := client.FindWrite(ctx, attempt, trace, "["+of.Mark+"]")
	if err != nil {
		return sdp.WriteLookup{Outcome: sdp.WriteIndeterminate}, err
	}
	return found, nil
}

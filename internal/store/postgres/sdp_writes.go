package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// BeginWrite stores the intent of a write to ServiceDesk Plus, or says why it is not to be sent. It is for servers.
func (s *Store) BeginWrite(ctx context.Context, intent store.WriteIntent) (store.BegunWrite, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	begun, err := s.queries.BeginWrite(ctx, sqlcgen.BeginWriteParams{
		ConnectionID: intent.Connection, CallID: intent.CallID, Caller: intent.Caller, Tool: intent.Tool, Step: intent.Step, Digest: intent.Digest,
		IdempotencyKey: intent.Key, Nonce: intent.Nonce, Continues: intent.ContinuesPlan, Merges: intent.MergesRepeats,
		Weight: plan.ClampInt32(intent.Weight), Mark: intent.Mark,
	})
	if err != nil {
		return store.BegunWrite{}, fmt.Errorf("begin a write: %w", translateError(err))
	}
	return store.BegunWrite{
		State: store.WriteState(begun.State), ID: begun.ID, RetryAfter: time.Duration(begun.RetryMs) * time.Millisecond,
		RecordID: begun.RecordID, RecordNumber: begun.RecordNumber, Mark: begun.EarlierMark, Trace: []byte(begun.Trace),
		Age: time.Duration(begun.AgeMs) * time.Millisecond,
	}, nil
}

// TraceWrite says where an intent can be looked up, in JSON, right before it is sent. Its error is store.ErrWriteOver where it must not be
// sent.
func (s *Store) TraceWrite(ctx context.Context, id string, trace []byte) error {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	traced, err := s.queries.TraceWrite(ctx, sqlcgen.TraceWriteParams{Intent: id, Trace: string(trace)})
	if err != nil {
		return fmt.Errorf("say where a write is looked up: %w", translateError(err))
	}
	if !traced {
		return store.ErrWriteOver
	}
	return nil
}

// EndWrite says how an intent ended, and returns how it has: what is decided stays.
func (s *Store) EndWrite(ctx context.Context, id string, end store.WriteEnd) (store.WriteOutcome, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	return storeWriteEnd(ctx, s.queries, id, end)
}

// WriteOutcome returns how an intent ended, nothing while it is open or where nobody has it. It keeps no write waiting.
func (s *Store) WriteOutcome(ctx context.Context, id string) (store.WriteOutcome, error) {
	ctx, cancel := s.withTimeout(ctx)
	defer cancel()
	outcome, err := s.queries.WriteOutcome(ctx, id)
	if err != nil {
		return "", fmt.Errorf("read the outcome of a write: %w", translateError(err))
	}
	return store.WriteOutcome(outcome), nil
}

func storeWriteEnd(ctx context.Context, q *sqlcgen.Queries, id string, end store.WriteEnd) (store.WriteOutcome, error) {
	outcome, err := q.EndWrite(ctx, sqlcgen.EndWriteParams{
		Intent: id, Outcome: string(end.Outcome), RecordID: end.RecordID, RecordNumber: end.RecordNumber,
	})
	if err != nil {
		return "", fmt.Errorf("end a write: %w", translateError(err))
	}
	if outcome == "" {
		return "", fmt.Errorf("end a write: %w", store.ErrNotFound)
	}
	return store.WriteOutcome(outcome), nil
}

// ListUnresolvedWrites returns at most limit writes through a connection of which nobody knows the outcome, store.WriteLateness after they
// were begun, or without a trace at their deadline, those that nobody looked up yet first. One that was looked up in vain comes again after a quarter of its age.
func (w *Writer) ListUnresolvedWrites(ctx context.Context, key store.Key, uid string, limit int) ([]store.UnresolvedWrite, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.ListUnresolvedWrites(ctx, sqlcgen.ListUnresolvedWritesParams{
		Namespace: key.Namespace, Name: key.Name, OwnerUid: uid, OlderThanSeconds: store.WriteLateness.Seconds(), MaxRows: rowLimit(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("list writes of unknown outcome: %w", translateError(err))
	}
	writes := make([]store.UnresolvedWrite, len(rows))
	for i, r := range rows {
		writes[i] = store.UnresolvedWrite{
			ID: r.ID, Tool: r.Tool, Mark: r.Mark, Trace: []byte(r.Trace), IsOpen: r.IsOpen, Age: secondsOf(r.AgeSeconds), Overdue: secondsOf(r.OverdueSeconds),
		}
	}
	return writes, nil
}

// EndUnresolvedWrite says what a lookup found, and returns how the write has ended: its server may have said so meanwhile.
func (w *Writer) EndUnresolvedWrite(ctx context.Context, id string, end store.WriteEnd) (ended store.WriteOutcome, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		if err := q.RecordWriteLookup(ctx, id); err != nil {
			return fmt.Errorf("record the lookup of a write: %w", err)
		}
		ended, err = storeWriteEnd(ctx, q, id, end)
		return err
	})
	return ended, err
}

// GiveUpWrite leaves a write indeterminate for good, and reports whether it was not decided meanwhile.
func (w *Writer) GiveUpWrite(ctx context.Context, id string) (gaveUp bool, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		rows, err := q.GiveUpWrite(ctx, id)
		gaveUp = rows > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("give up a write: %w", err)
	}
	return gaveUp, nil
}

// maxSummarizedConnections bounds the connections of SummarizeWrites.
const maxSummarizedConnections = 1000

// SummarizeWrites returns how many writes wait to be decided, for each connection that has some.
func (w *Writer) SummarizeWrites(ctx context.Context) ([]store.WriteSummary, error) {
	ctx, cancel := w.store.withTimeout(ctx)
	defer cancel()
	rows, err := w.store.queries.SummarizeWrites(ctx, maxSummarizedConnections)
	if err != nil {
		return nil, fmt.Errorf("summarize writes: %w", translateError(err))
	}
	summaries := make([]store.WriteSummary, len(rows))
	for i, r := range rows {
		summaries[i] = store.WriteSummary{
			Connection: store.Key{Namespace: r.Namespace, Name: r.Name}, Open: r.Open, Indeterminate: r.Indeterminate, Oldest: secondsOf(r.OldestSeconds),
		}
	}
	return summaries, nil
}

// DeleteOldWrites deletes at most limit writes that are decided, with their keys, and returns how many.
func (w *Writer) DeleteOldWrites(ctx context.Context, olderThan time.Duration, limit int) (deleted int, err error) {
	err = w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) error {
		rows, err := q.DeleteOldWrites(ctx, sqlcgen.DeleteOldWritesParams{OlderThanSeconds: olderThan.Seconds(), MaxRows: rowLimit(limit)})
		deleted = int(rows)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("delete old writes: %w", err)
	}
	return deleted, nil
}

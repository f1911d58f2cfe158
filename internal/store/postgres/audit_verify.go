package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// VerifyAudit checks all chains of the audit, in one snapshot: each row against the row before it, and against the anchors. It returns
// at most limit problems, and needs a role that may read all columns. It takes as long as sorting the hashes of all rows does.
func (s *Store) VerifyAudit(ctx context.Context, limit int) (store.AuditVerification, error) {
	var v store.AuditVerification
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return v, translateError(err)
	}
	defer conn.Release()
	snapshot := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err = pgx.BeginTxFunc(ctx, conn, snapshot, func(tx pgx.Tx) error {
		q := sqlcgen.New(transaction{tx, traitsOf(conn.Conn())})
		if err := q.LiftTimeouts(ctx); err != nil {
			return err
		}
		v, err = verifyAuditIn(ctx, q, limit)
		return err
	})
	if err != nil {
		return v, fmt.Errorf("verify the audit: %w", translateError(err))
	}
	return v, nil
}

func verifyAuditIn(ctx context.Context, q *sqlcgen.Queries, limit int) (v store.AuditVerification, err error) {
	counted, err := q.CountAuditChains(ctx)
	if err != nil {
		return v, err
	}
	v.Rows, v.Chains, v.Anchors = counted.Rows, counted.Chains, counted.Anchors
	links, err := q.VerifyAuditChains(ctx, rowLimit(limit+1))
	if err != nil {
		return v, err
	}
	for _, l := range links {
		p := store.AuditProblem{
			Kind: store.AuditProblemKind(l.Problem), Table: l.TableName, Writer: l.Writer, ConnectionUID: l.ConnectionUid,
			First: l.Seq, Last: l.Seq, LoggedAt: timeOf(l.LoggedAt),
		}
		if p.Kind == store.AuditMissing {
			p.Table, p.First, p.Last = "", l.KnownSeq+1, l.Seq-1
		}
		v.Problems = append(v.Problems, p)
	}
	anchors, err := q.VerifyAuditAnchors(ctx, rowLimit(limit+1))
	if err != nil {
		return v, err
	}
	for _, a := range anchors {
		p := store.AuditProblem{
			Kind: store.AuditChanged, Writer: a.Writer, ConnectionUID: a.ConnectionUid, First: a.Seq, Last: a.Seq, LoggedAt: timeOf(a.AnchoredAt),
		}
		if a.Missing {
			p.Kind = store.AuditMissing
		}
		if !slices.ContainsFunc(v.Problems, p.IsWithin) {
			v.Problems = append(v.Problems, p)
		}
	}
	v.More = len(v.Problems) > limit
	v.Problems = v.Problems[:min(len(v.Problems), limit)]
	for i := range v.Problems {
		p := &v.Problems[i]
		anchor, err := q.LastAuditAnchor(ctx, sqlcgen.LastAuditAnchorParams{Writer: p.Writer, ConnectionUid: p.ConnectionUID, Seq: p.First})
		if err != nil {
			return v, err
		}
		p.AnchoredSeq, p.AnchoredAt = anchor.Seq, timeOf(anchor.AnchoredAt)
	}
	return v, nil
}

package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/lectern-dev/lectern/internal/faultpoint"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/internal/store/plan"
	"github.com/lectern-dev/lectern/internal/store/postgres/internal/sqlcgen"
)

// Publish makes what an object says the served state, in one transaction; when nothing changed it writes
// no row and takes no revision.
//
// It returns a *store.FencedError when the row is not the object's to write, store.ErrFragmentsMoved
// when an include would now take another version, a *store.UnstorableValueError for a value Postgres cannot
// hold, a *store.ForeignClusterError, or store.ErrUnavailable, after which the publish may have happened or not;
// publishing again finds out.
func (w *Writer) Publish(ctx context.Context, p store.Publication) (store.Published, error) {
	var published store.Published
	err := w.inTransaction(ctx, func(ctx context.Context, q *sqlcgen.Queries) (err error) {
		if err := checkEncodable(*w.store.encoding.Load(), &p); err != nil {
			return err
		}
		published, err = publishLocked(ctx, q, &p)
		return err
	})
	if err != nil {
		return store.Published{}, fmt.Errorf("publish %s: %w", p.Key, err)
	}
	return published, nil
}

func publishLocked(ctx context.Context, q *sqlcgen.Queries, p *store.Publication) (store.Published, error) {
	r, err := lockRow(ctx, q, p)
	if err != nil {
		return store.Published{}, err
	}
	faultpoint.Hit(faultpoint.RowLocked)
	if plan.IsFenced(r.State, p.Owner, p.Takeover) {
		return store.Published{}, &store.FencedError{Key: p.Key, Row: r.Fence, Deleted: r.Deleted}
	}
	if may, err := lockAppliedChange(ctx, q, p); err != nil {
		return store.Published{}, err
	} else if !may {
		return store.Published{}, &store.FencedError{Key: p.Key, Row: r.Fence, Deleted: r.Deleted}
	}
	if err := checkFragments(ctx, q, p); err != nil {
		return store.Published{}, err
	}
	newest, isNew, err := plan.NextVersion(&r.Row, p)
	if err != nil {
		return store.Published{}, err
	}
	withdraw, inUse, err := decideWithdrawal(ctx, q, p, plan.VersionsToWithdraw(&r.Row, p, newest), newest)
	if err != nil {
		return store.Published{}, err
	}
	pl := plan.New(&r.Row, p, newest, isNew, withdraw)
	old, err := excludePinned(ctx, q, p, plan.VersionsBeyondLimit(&r.Row, p, pl))
	if err != nil {
		return store.Published{}, err
	}
	pl.SetDropped(old)

	published := plan.ResultOf(&r.Row, p, pl)
	published.InUse = inUse
	if published.Copies, err = promptsContaining(ctx, q, p, slices.Concat(r.Withdrawn, withdraw)); err != nil {
		return store.Published{}, err
	}
	if err := finalizeWithPublish(ctx, q, p, &published); err != nil {
		return store.Published{}, err
	}
	if !pl.Visible && !pl.WriterOnly {
		return published, nil
	}
	err = applyPlan(ctx, q, &r, p, pl, &published)
	faultpoint.Hit(faultpoint.RowWritten)
	return published, err
}

// checkFragments makes sure that every include still stands for the version that went in. The
// fragments' rows are locked, so it stays so until the commit.
func checkFragments(ctx context.Context, q *sqlcgen.Queries, p *store.Publication) error {
	includes := p.Compiled.Includes
	if len(includes) == 0 {
		return nil
	}
	refs := make([]prompt.Ref, 0, len(includes))
	for _, include := range includes {
		ref, err := plan.IncludedRef(include)
		if err != nil {
			return err
		}
		refs = append(refs, ref)
	}
	rows, err := q.CurrentFragmentVersions(ctx, currentFragmentsParams(p.Key.Namespace, refs))
	if err != nil {
		return fmt.Errorf("read the current fragments: %w", err)
	}
	current := make(map[prompt.Included]bool, len(rows))
	for _, r := range rows {
		sel := prompt.Selector{Version: r.Version, Channel: r.Channel}
		current[prompt.Included{Name: r.Name, Version: r.Chosen, Selector: sel.String()}] = true
	}
	for _, include := range includes {
		if !current[include] {
			return fmt.Errorf("%w: %s%s", store.ErrFragmentsMoved, include.Name, include.Selector)
		}
	}
	return nil
}

// applyPlan writes the plan, and into published what only the database knows. The statement that takes the revision is the last.
func applyPlan(ctx context.Context, q *sqlcgen.Queries, r *row, p *store.Publication, pl *plan.Plan, published *store.Published) error {
	if pl.NewVersion {
		if err := insertVersion(ctx, q, r, p, pl.Newest); err != nil {
			return err
		}
	}
	if len(pl.Withdraw) > 0 {
		if err := q.WithdrawVersions(ctx, sqlcgen.WithdrawVersionsParams{PromptID: r.ID, Versions: pl.Withdraw}); err != nil {
			return fmt.Errorf("withdraw versions %v: %w", pl.Withdraw, err)
		}
	}
	if err := moveChannels(ctx, q, r.ID, p.Owner.Generation, pl.Moves); err != nil {
		return fmt.Errorf("move channels: %w", err)
	}
	if len(pl.Drop) > 0 {
		if err := q.DropVersions(ctx, sqlcgen.DropVersionsParams{PromptID: r.ID, Versions: pl.Drop}); err != nil {
			return fmt.Errorf("drop versions %v: %w", pl.Drop, err)
		}
	}
	if pl.MovesDefault(&r.Row) { // a tombstone may be of a release that searched by less
		if err := updateDescription(ctx, q, r.ID, p, pl); err != nil {
			return fmt.Errorf("describe by version %d: %w", pl.Default, err)
		}
	}
	labels, err := marshalJSON(nonNilMap(p.Labels))
	if err != nil {
		return fmt.Errorf("write the labels: %w", err)
	}
	committed, err := q.CommitRevision(ctx, sqlcgen.CommitRevisionParams{
		ID: r.ID, Visible: pl.Visible, OwnerUid: p.Owner.UID, Generation: p.Owner.Generation,
		Labels: labels, Exposure: string(p.Exposure), DeletionPolicy: deletionPolicy(p.Retain), HistoryLimit: plan.HistoryLimit(p),
		HighestVersion: pl.Newest, Digest: string(p.Compiled.Digest),
		LatestVersion: pl.Channels[store.Latest], DefaultVersion: pl.Default,
	})
	if err != nil {
		return fmt.Errorf("take a revision: %w", err)
	}
	published.Revision, published.ServedSince = committed.Revision, pl.ServedSince(&r.Row, committed.ServedSince)
	return nil
}

func moveChannels(ctx context.Context, q *sqlcgen.Queries, id, generation int64, moves []plan.ChannelMove) error {
	if len(moves) == 0 {
		return nil
	}
	params := sqlcgen.MoveChannelsParams{PromptID: id, Generation: generation}
	for _, m := range moves {
		params.Names = append(params.Names, m.Name)
		params.FromVersions = append(params.FromVersions, m.From)
		params.ToVersions = append(params.ToVersions, m.To)
		params.Removed = append(params.Removed, m.Removed)
	}
	return q.MoveChannels(ctx, params)
}

// updateDescription derives what lists show and searches match from the default version.
func updateDescription(ctx context.Context, q *sqlcgen.Queries, id int64, p *store.Publication, pl *plan.Plan) error {
	version := pl.Default
	if version == plan.Unresolved {
		return q.EraseDescription(ctx, id)
	}
	if err := q.AddTags(ctx, sqlcgen.AddTagsParams{PromptID: id, Version: version}); err != nil {
		return err
	}
	if err := q.UpdateDescription(ctx, sqlcgen.UpdateDescriptionParams{PromptID: id, Version: version}); err != nil {
		return err
	}
	if pl.NewVersion && version == pl.Newest {
		return writeSearchIndex(ctx, q, id, p.Key.Name, version, &p.Compiled.Document)
	}
	return indexStoredVersion(ctx, q, id, p.Key.Name, version)
}

func insertVersion(ctx context.Context, q *sqlcgen.Queries, r *row, p *store.Publication, version int64) error {
	doc := &p.Compiled.Document
	params := sqlcgen.InsertVersionParams{
		PromptID: r.ID, Version: version, Digest: string(p.Compiled.Digest), Tags: nonNil(doc.Tags), Variables: []string{},
		Bytes: doc.TextBytes(),
	}
	for _, argument := range doc.Arguments {
		params.Variables = append(params.Variables, argument.Name)
	}
	content := prompt.JoinTexts(doc.Messages)
	params.Content = &content
	for _, column := range []struct {
		of    any
		value *[]byte
	}{
		{doc, &params.Document},
		{nonNil(p.Compiled.Includes), &params.Includes},
		{doc.AsWritten(), &params.Source},
		{plan.ProvenanceOf(&r.Row, p), &params.Provenance},
	} {
		text, err := marshalJSON(column.of)
		if err != nil {
			return fmt.Errorf("write version %d as JSON: %w", version, err)
		}
		*column.value = text
	}
	if err := q.InsertVersion(ctx, params); err != nil {
		return fmt.Errorf("insert version %d: %w", version, err)
	}
	return nil
}

// nonNil and nonNilMap keep an empty value from becoming null.
func nonNil[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

func nonNilMap(m map[string]string) map[string]string {
	if m == nil {
		return map[string]string{}
	}
	return m
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/audit"
	"github.com/lectern-dev/lectern/internal/seal"
	"github.com/lectern-dev/lectern/internal/store/postgres"
)

// ingestedRows are loaded in each round, both ways.
const ingestedRows = 50_000

// auditBatches takes batches that are measured, and loads nothing.
type auditBatches struct{ batches []audit.Batch }

func (c *auditBatches) LoadAudit(_ context.Context, batch audit.Batch) (bool, error) {
	for table := range batch.Rows {
		batch.Rows[table].Bytes = bytes.Clone(batch.Rows[table].Bytes)
	}
	c.batches = append(c.batches, batch)
	return true, nil
}

// measureIngest measures how fast rows of the audit get from the segments of a server that was killed into the database, against one COPY
// of the same rows by the owner into the same table, in turns.
func (b *bench) measureIngest(ctx context.Context) (failed error) {
	db, err := postgres.Open(ctx, postgres.Options{URL: b.stack.ServerURL})
	if err != nil {
		return err
	}
	defer db.Close()
	owner, err := pgx.Connect(ctx, b.stack.OwnerURL)
	if err != nil {
		return err
	}
	defer func() { failed = errors.Join(failed, owner.Close(ctx)) }()
	ways := [2]func() (time.Duration, error){
		func() (time.Duration, error) { return b.ingestSegments(ctx, db) },
		func() (time.Duration, error) { return b.ingestByCopy(ctx, owner) },
	}
	var rates [2]series
	for round := range b.rounds {
		b.say("Ingest of the audit, round %d of %d.", round+1, b.rounds)
		for i, ingest := range ways {
			took, err := ingest()
			if err != nil {
				return err
			}
			rates[i] = append(rates[i], ingestedRows/took.Seconds())
			if _, err := owner.Exec(ctx, "truncate mcp_tool_usage"); err != nil {
				return err
			}
		}
	}
	printTable(b.out, fmt.Sprintf("Ingest of the audit: %d rows a round", ingestedRows), []row{{
		measured: "rows a second from segments, read, opened and loaded by batches", against: "rows a second by one COPY", ratios: rates[0].over(rates[1]), wanted: "≥ 0.5",
		beside: fmt.Sprintf("%.0f : %.0f", rates[0].median(), rates[1].median()),
	}})
	return nil
}

// fillSpool makes a folder with segments of so many rows, and returns the keys they are sealed with.
func fillSpool(folder string, loader audit.Loader) (keys *seal.StorageKeys, spool *audit.Spool, err error) {
	keyset, err := seal.NewStorageKeyset()
	if err != nil {
		return nil, nil, err
	}
	if keys, err = seal.ParseStorageKeys(keyset.Text()); err != nil {
		return nil, nil, err
	}
	if spool, err = audit.Open(audit.Options{Folder: folder, Keys: keys, Loader: loader}); err != nil {
		return nil, nil, err
	}
	for n := range ingestedRows {
		row := &audit.ToolUsage{
			CallID: audit.NewID(), StartedAt: time.Now(), Took: time.Millisecond, Method: "prompts/get",
			Actor: audit.Actor{Subject: "system:serviceaccount:support:triage", Proof: "kubernetes"}, Client: audit.Client{Name: "agent", Version: "1.0"},
			Target: fmt.Sprintf("prompt/support/prompt-%d", n%1000), Prompt: audit.Prompt{Namespace: "support", Name: fmt.Sprintf("prompt-%d", n%1000), Version: 3, Digest: "0123456789abcdef0123456789abcdef"},
			Outcome: audit.OutcomeSuccess, Payload: audit.Payload{Redacted: []byte(`{"arguments":["ticket","tone"]}`)},
		}
		if err := spool.Append(row); err != nil {
			return nil, nil, err
		}
	}
	return keys, spool, nil
}

// ingestSegments loads segments that another process wrote: they are copied from under it, since it has them locked.
func (b *bench) ingestSegments(ctx context.Context, db *postgres.Store) (took time.Duration, failed error) {
	written, err := os.MkdirTemp(b.stack.Dir, "written-")
	if err != nil {
		return 0, err
	}
	left, err := os.MkdirTemp(b.stack.Dir, "left-")
	if err != nil {
		return 0, err
	}
	defer func() { failed = errors.Join(failed, os.RemoveAll(written), os.RemoveAll(left)) }()
	keys, _, err := fillSpool(written, &auditBatches{})
	if err != nil {
		return 0, err
	}
	if err := os.CopyFS(left, os.DirFS(written)); err != nil {
		return 0, err
	}
	began := time.Now()
	spool, err := audit.Open(audit.Options{Folder: left, Keys: keys, Loader: db})
	if err != nil {
		return 0, err
	}
	if err := spool.Flush(ctx); err != nil {
		return 0, err
	}
	took = time.Since(began)
	if loaded := spool.Stats().Loaded; loaded != ingestedRows {
		return 0, fmt.Errorf("%d rows of %d were loaded from %s", loaded, ingestedRows, filepath.Base(left))
	}
	return took, nil
}

func (b *bench) ingestByCopy(ctx context.Context, owner *pgx.Conn) (took time.Duration, failed error) {
	folder, err := os.MkdirTemp(b.stack.Dir, "copied-")
	if err != nil {
		return 0, err
	}
	defer func() { failed = errors.Join(failed, os.RemoveAll(folder)) }()
	captured := &auditBatches{}
	_, spool, err := fillSpool(folder, captured)
	if err != nil {
		return 0, err
	}
	if err := spool.Flush(ctx); err != nil {
		return 0, err
	}
	readers := []io.Reader{bytes.NewReader([]byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"))}
	for _, batch := range captured.batches {
		readers = append(readers, bytes.NewReader(batch.Rows[audit.ToolUsageTable].Bytes))
	}
	readers = append(readers, bytes.NewReader([]byte("\xff\xff")))
	began := time.Now()
	copied, err := owner.PgConn().CopyFrom(ctx, io.MultiReader(readers...), "copy mcp_tool_usage ("+postgres.AuditColumns(audit.ToolUsageTable)+") from stdin (format binary)")
	if err != nil {
		return 0, err
	}
	if copied.RowsAffected() != ingestedRows {
		return 0, fmt.Errorf("%d rows of %d were copied", copied.RowsAffected(), ingestedRows)
	}
	return time.Since(began), nil
}

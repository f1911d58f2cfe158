package bulk

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lectern-dev/lectern/internal/prompt"
)

// Fill writes the prompts into a migrated database without any, as its owner. The feed is left so that
// a server that follows already drops what it holds.
func (c Set) Fill(ctx context.Context, url string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to fill a database: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error { return c.copyAndDerive(ctx, tx) }); err != nil {
		return fmt.Errorf("fill a database: %w", err)
	}
	if _, err := conn.Exec(ctx, "vacuum (analyze)"); err != nil {
		return fmt.Errorf("vacuum a filled database: %w", err)
	}
	return nil
}

func (c Set) copyAndDerive(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, `create temporary table staged (
		place int, namespace text collate "C", name text collate "C", digest text, document jsonb, source jsonb,
		content text, tags text[], variables text[], bands bigint[]) on commit drop`); err != nil {
		return err
	}
	columns := []string{"place", "namespace", "name", "digest", "document", "source", "content", "tags", "variables", "bands"}
	next := 0
	if _, err := tx.CopyFrom(ctx, pgx.Identifier{"staged"}, columns, pgx.CopyFromFunc(func() ([]any, error) {
		if next == c.Prompts {
			return nil, nil
		}
		next++
		return c.stagedRow(next - 1)
	})); err != nil {
		return err
	}
	definitions, err := dropIndexes(ctx, tx)
	if err != nil {
		return err
	}
	for _, statement := range slices.Concat(inserts, definitions) {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops those that cost many times more to fill row by row than to build at the end, and
// returns how they are made again.
func dropIndexes(ctx context.Context, tx pgx.Tx) (definitions []string, err error) {
	rows, err := tx.Query(ctx, `
		select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
		  from pg_index i
		  join pg_class c on c.oid = i.indexrelid
		  join pg_am a on a.oid = c.relam
		 where a.amname = 'gin' and c.relnamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	statements := []string{"set local maintenance_work_mem = '512MB'"}
	var name, definition string
	if _, err := pgx.ForEachRow(rows, []any{&name, &definition}, func() error {
		statements, definitions = append(statements, "drop index "+name), append(definitions, definition)
		return nil
	}); err != nil {
		return nil, err
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return nil, err
		}
	}
	return definitions, nil
}

func (c Set) stagedRow(i int) ([]any, error) {
	compiled, err := prompt.Compile(c.promptSpec(i), nil)
	if err != nil {
		return nil, err
	}
	doc := &compiled.Document
	document, err := json.Marshal(doc)
	if err != nil {
		return nil, err
	}
	source, err := json.Marshal(doc.AsWritten())
	if err != nil {
		return nil, err
	}
	key := c.Key(i)
	bands := prompt.SimilarityBands(prompt.JoinTexts(doc.AsWritten()))
	return []any{
		int32(i), key.Namespace, key.Name, string(compiled.Digest), json.RawMessage(document), json.RawMessage(source),
		doc.Messages[0].Text, doc.Tags, []string{doc.Arguments[0].Name, doc.Arguments[1].Name}, bands[:],
	}, nil
}

// inserts do at once what publishes do one by one, rows in an order that has nothing to do with
// their keys. What is said of a prompt is derived as the queries Describe and Index do.
var inserts = []string{
	`insert into prompts (namespace, name, owner_uid, generation, revision, highest_version, digest, latest_version, default_version,
	                      title, description, category, metadata, tags, arguments, is_template, tags_text, created_at, served_since)
	 select namespace, name, 'uid-' || place, 1, place + 1, 1, digest, 1, 1,
	        document ->> 'title', document ->> 'description', document ->> 'category', document -> 'metadata', tags,
	        document -> 'arguments', true, array_to_string(tags, ' '),
	        now() - place * interval '1 second', now()
	   from staged
	  order by md5(place::text)`,
	`insert into prompt_versions (prompt_id, version, digest, document, source, content, tags, variables, bytes)
	 select p.id, 1, s.digest, s.document, s.source, s.content, s.tags, s.variables, octet_length(s.content)
	   from staged s
	   join prompts p using (namespace, name)`,
	`insert into prompt_search (prompt_id, version, title, about, words, written, tags, metadata)
	 select id, 1, title, title || about, setweight(title, 'A') || setweight(about, 'B') || setweight(text, 'C'), written, tags, metadata
	   from (select p.id, p.tags, p.metadata,
	                to_tsvector('simple', lower(p.title)) as title, to_tsvector('simple', lower(p.description || ' ' || p.tags_text)) as about,
	                to_tsvector('simple', lower(s.content)) as text,
	                lower(concat_ws(e'\x1f', p.title, p.name, p.description, s.content, array_to_string(p.tags, e'\x1f'))) as written
	           from staged s
	           join prompts p using (namespace, name)) v`,
	`insert into prompt_similarity (prompt_id, version, bands)
	 select p.id, 1, s.bands
	   from staged s
	   join prompts p using (namespace, name)`,
	"insert into prompt_channels (prompt_id, name, version) select id, 'latest', 1 from prompts",
	"insert into tags (name) select distinct unnest(tags) from prompts order by 1",
	"insert into prompt_tags (prompt_id, tag_id) select p.id, t.id from prompts p join tags t on t.name = any(p.tags)",
	`insert into prompt_variables (prompt_id, name, position, description, type, enum, default_value, required)
	 select p.id, a.value ->> 'name', a.position, coalesce(a.value ->> 'description', ''), a.value ->> 'type',
	        array(select jsonb_array_elements_text(coalesce(a.value -> 'enum', '[]'))), a.value ->> 'default',
	        coalesce((a.value ->> 'required')::boolean, false)
	   from prompts p, jsonb_array_elements(p.arguments) with ordinality as a (value, position)`,
	"update feed set epoch = epoch + 1, revision = (select max(revision) from prompts)",
}

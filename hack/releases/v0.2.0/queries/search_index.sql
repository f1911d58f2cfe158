-- name: LockUnindexed :many
select p.id, p.name, p.default_version::bigint as version
  from prompts p
 where p.id > $1 and p.deleted_at is null and p.default_version is not null
   and (not exists (select from prompt_search s where s.prompt_id = p.id and s.version = p.default_version)
        or not exists (select from prompt_similarity s where s.prompt_id = p.id and s.version = p.default_version))
 order by p.id
 limit $2
   for update of p skip locked

-- name: ReadDocument :one
select document
  from prompt_versions
 where prompt_id = $1 and version = $2

-- name: WriteSearchIndex :exec
with similarity as (
  insert into prompt_similarity (prompt_id, version, bands)
  values ($1, $2, $10)
  on conflict (prompt_id) do update set version = excluded.version, bands = excluded.bands
)
insert into prompt_search (prompt_id, version, title, about, words, written, tags, metadata)
select $1, $2, title, title || about, setweight(title, 'A') || setweight(about, 'B') || setweight(content, 'C') || others,
       $3, $4, $5
  from (select to_tsvector('simple', $6::text) as title, to_tsvector('simple', $7::text) as about,
               to_tsvector('simple', $8::text) as content) v
 cross join lateral (
       select coalesce(array_to_tsvector(array_agg(summed.word)), '') as others
         from (select word, sum(octet_length(word) + 1) over (order by piece, word) as bytes
                 from (select found.lexeme as word, min(pieces.piece) as piece
                         from unnest($9::text[]) with ordinality as pieces (content, piece)
                        cross join lateral unnest(to_tsvector('simple', pieces.content)) as found
                        group by found.lexeme) as distinct_words) as summed
        where summed.bytes < 1000000 - pg_column_size(v.title) - pg_column_size(v.about) - pg_column_size(v.content)) r
on conflict (prompt_id) do update
   set version = excluded.version, title = excluded.title, about = excluded.about, words = excluded.words,
       written = excluded.written, tags = excluded.tags, metadata = excluded.metadata


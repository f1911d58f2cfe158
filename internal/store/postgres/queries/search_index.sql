-- name: ReadDocument :one
select document
  from prompt_versions
 where prompt_id = @prompt_id and version = @version;

-- name: WriteSearchIndex :exec
-- Words come in lower case, whatever the locale makes of them. The content is short enough to be a tsvector whatever it
-- is; of the rest, in pieces as short, each different word is taken once, without positions, until the whole comes near
-- the 1 MiB that a tsvector may have, which only a text made for it does. Words over 2 KB are left out by Postgres itself.
with similarity as (
  insert into prompt_similarity (prompt_id, version, bands)
  values (@prompt_id, @version, @bands)
  on conflict (prompt_id) do update set version = excluded.version, bands = excluded.bands
)
insert into prompt_search (prompt_id, version, title, about, words, written, tags, metadata)
select @prompt_id, @version, title, title || about, setweight(title, 'A') || setweight(about, 'B') || setweight(content, 'C') || others,
       @written, @tags, @metadata
  from (select to_tsvector('simple', @title::text) as title, to_tsvector('simple', @about::text) as about,
               to_tsvector('simple', @content::text) as content) v
 cross join lateral (
       select coalesce(array_to_tsvector(array_agg(summed.word)), '') as others
         from (select word, sum(octet_length(word) + 1) over (order by piece, word) as bytes
                 from (select found.lexeme as word, min(pieces.piece) as piece
                         from unnest(@rest::text[]) with ordinality as pieces (content, piece)
                        cross join lateral unnest(to_tsvector('simple', pieces.content)) as found
                        group by found.lexeme) as distinct_words) as summed
        where summed.bytes < 1000000 - pg_column_size(v.title) - pg_column_size(v.about) - pg_column_size(v.content)) r
on conflict (prompt_id) do update
   set version = excluded.version, title = excluded.title, about = excluded.about, words = excluded.words,
       written = excluded.written, tags = excluded.tags, metadata = excluded.metadata;

-- name: LockUnindexed :many
-- Live prompts after an id whose index entries are missing or of another version, by order of id. One that is
-- locked is just being published, which writes them.
select p.id, p.name, p.default_version::bigint as version
  from prompts p
 where p.id > @after and p.deleted_at is null and p.default_version is not null
   and (not exists (select from prompt_search s where s.prompt_id = p.id and s.version = p.default_version)
        or not exists (select from prompt_similarity s where s.prompt_id = p.id and s.version = p.default_version))
 order by p.id
 limit @max_rows
   for update of p skip locked;

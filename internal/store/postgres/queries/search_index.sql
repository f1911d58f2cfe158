-- name: ReadDocument :one
select document
  from prompt_versions
 where prompt_id = @prompt_id and version = @version;

-- name: WriteSearchIndex :exec
-- Words come in lower case, whatever the locale makes of them. A tsvector may not exceed 1 MiB; each character
-- makes at most 9 bytes of it (a four-byte letter standing alone and again in a hyphenated compound), so the first
-- 100,000 are safe whatever the text is. Words over 2 KB are left out by Postgres itself.
with similarity as (
  insert into prompt_similarity (prompt_id, version, bands)
  values (@prompt_id, @version, @bands)
  on conflict (prompt_id) do update set version = excluded.version, bands = excluded.bands
)
insert into prompt_search (prompt_id, version, title, about, words, written, tags, metadata)
select @prompt_id, @version, title, title || about, setweight(title, 'A') || setweight(about, 'B') || setweight(content, 'C'),
       @written, @tags, @metadata
  from (select to_tsvector('simple', @title::text) as title, to_tsvector('simple', @about::text) as about,
               to_tsvector('simple', left(@content::text, 100000)) as content) v
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

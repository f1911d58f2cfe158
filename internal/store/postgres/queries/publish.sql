-- name: LockPromptAndFragments :one
-- Own row for update, fragments for share, in one statement and in order of id: with any other order two
-- prompts that include each other deadlock. One select cannot lock at two strengths, hence the two
-- lateral ones, each run once a row in the outer order. Answers whether the own row is there and locked: a
-- later statement may see one that this one did not.
select coalesce(bool_or(own.id is not null), false)::boolean as locked, count(fragment.id) as fragments
  from (select p.id, p.name = @name::text as own
          from prompts p
         where p.namespace = @namespace and (p.name = @name::text or p.name = any(@fragments::text[]))
         order by p.id) w
  left join lateral (select p.id from prompts p where p.id = w.id and w.own for update) own on true
  left join lateral (select p.id from prompts p where p.id = w.id and not w.own for share) fragment on true;

-- name: InsertPrompt :one
-- Answers nothing when another transaction inserted the row meanwhile.
insert into prompts (namespace, name, owner_uid, generation)
values (@namespace, @name, @owner_uid, @generation)
on conflict do nothing
returning id;

-- name: ReadPrompt :one
-- No condition but the key: whether the row is absent, ours, newer or another's is decided in Go, by
-- a pure function. A where clause that filters would make those look the same. What is served since before
-- that was written down is dated by its version, or by the last move of production.
select p.id, p.owner_uid, p.generation, p.revision, (p.deleted_at is not null)::boolean as deleted,
       p.labels, p.exposure, p.deletion_policy, p.history_limit,
       p.highest_version, p.digest,
       coalesce(p.default_version, 0)::bigint as default_version,
       array(select v.version from prompt_versions v
              where v.prompt_id = p.id and v.withdrawn_at is null order by v.version desc)::bigint[] as served,
       array(select coalesce(v.bytes, pg_column_size(v.document)) from prompt_versions v
              where v.prompt_id = p.id and v.withdrawn_at is null order by v.version desc)::bigint[] as served_bytes,
       array(select v.version from prompt_versions v
              where v.prompt_id = p.id and v.withdrawn_at is not null order by v.version desc)::bigint[] as withdrawn,
       array(select c.name from prompt_channels c
              where c.prompt_id = p.id order by c.name)::text[] as channel_names,
       array(select coalesce(c.version, 0) from prompt_channels c
              where c.prompt_id = p.id order by c.name)::bigint[] as channel_versions,
       coalesce((select v.includes from prompt_versions v
                  where v.prompt_id = p.id and v.version = p.highest_version), '[]')::jsonb as includes,
       coalesce(p.served_since,
                (select greatest(v.published_at, (select m.moved_at from prompt_channel_moves m
                                                   where m.prompt_id = p.id and m.name = 'production' order by m.id desc limit 1))
                   from prompt_versions v
                  where v.prompt_id = p.id and v.version = p.default_version),
                p.created_at)::timestamptz as served_since
  from prompts p
 where p.namespace = @namespace and p.name = @name;

-- name: CurrentFragmentVersions :many
-- What each include would take now; a choice that is gone has no row.
select r.name::text as name, r.version::bigint as version, r.channel::text as channel, v.version as chosen, v.digest
  from (select unnest(@names::text[]) as name, unnest(@versions::bigint[]) as version, unnest(@channels::text[]) as channel) r
  join prompts p on p.namespace = @namespace and p.name = r.name and p.deleted_at is null
  left join prompt_channels c on c.prompt_id = p.id and c.name = r.channel
  join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when r.version > 0 then r.version when r.channel <> '' then c.version else p.default_version end;

-- name: LoadFragments :many
-- The same choice with its text.
select r.name::text as name, r.version::bigint as version, r.channel::text as channel, v.version as chosen,
       (v.document ->> 'syntax')::text as syntax, v.source
  from (select unnest(@names::text[]) as name, unnest(@versions::bigint[]) as version, unnest(@channels::text[]) as channel) r
  join prompts p on p.namespace = @namespace and p.name = r.name and p.deleted_at is null
  left join prompt_channels c on c.prompt_id = p.id and c.name = r.channel
  join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when r.version > 0 then r.version when r.channel <> '' then c.version else p.default_version end;

-- name: InsertVersion :exec
insert into prompt_versions (prompt_id, version, digest, document, includes, source, content, tags, variables, provenance, bytes)
values (@prompt_id, @version, @digest, @document, @includes, @source, @content, @tags, @variables, @provenance, @bytes::bigint);

-- name: MoveChannels :exec
-- A version of 0 is none. The moves of latest are the history of the versions and not written twice.
with moves as (
  select unnest(@names::text[]) as name, unnest(@from_versions::bigint[]) as from_version,
         unnest(@to_versions::bigint[]) as to_version, unnest(@removed::boolean[]) as removed
), dropped as (
  delete from prompt_channels c
   using moves m
   where c.prompt_id = @prompt_id and c.name = m.name and m.removed
), placed as (
  insert into prompt_channels (prompt_id, name, version)
  select @prompt_id, m.name, nullif(m.to_version, 0)
    from moves m
   where not m.removed
  on conflict (prompt_id, name) do update set version = excluded.version
)
insert into prompt_channel_moves (prompt_id, name, from_version, to_version, generation)
select @prompt_id, m.name, nullif(m.from_version, 0), nullif(m.to_version, 0), @generation
  from moves m
 where m.name <> 'latest' and m.from_version <> m.to_version;

-- name: PinnedVersions :many
-- Which of these versions the newest version of a live prompt includes by number, and one prompt that does.
-- "includes <> '[]'" repeats the predicate of the index.
select pin.version::bigint as version, min(d.name)::text as dependent
  from (select unnest(@versions::bigint[]) as version) pin
  join prompt_versions v on v.includes <> '[]'
   and v.includes @> jsonb_build_array(jsonb_build_object('name', @name::text, 'selector', '@' || pin.version))
  join prompts d on d.id = v.prompt_id and d.highest_version = v.version
   and d.namespace = @namespace and d.deleted_at is null and d.name <> @name::text
 group by pin.version
 order by pin.version;

-- name: PromptsContaining :many
-- Live prompts that still serve the text of these versions, by whatever include.
select distinct d.name
  from (select unnest(@versions::bigint[]) as version) copied
  join prompt_versions v on v.includes <> '[]' and v.withdrawn_at is null
   and v.includes @> jsonb_build_array(jsonb_build_object('name', @name::text, 'version', copied.version))
  join prompts d on d.id = v.prompt_id and d.namespace = @namespace and d.deleted_at is null and d.name <> @name::text
 order by d.name
 limit 10;

-- name: WithdrawVersions :exec
-- With what was said of requests so far where that may repeat a text: a refusal gives the edit as a patch to propose, and
-- an object that is not published says which of its words is wrong.
with erased as (
  update prompt_changes c
     set message = 'what was said of it is erased, since a version of the prompt was withdrawn'
    from prompts p
   where p.id = @prompt_id and c.namespace = p.namespace and c.name = p.name
     and c.settled_at is not null and c.state in ('Refused', 'Blocked')
)
update prompt_versions
   set withdrawn_at = now(), document = null, source = null, content = null, includes = '[]', tags = '{}', variables = '{}'
 where prompt_id = @prompt_id and version = any(@versions::bigint[]);

-- name: DropVersions :exec
delete from prompt_versions
 where prompt_id = @prompt_id and version = any(@versions::bigint[]);

-- name: CurrentFragmentVersions :many
select r.name::text as name, r.version::bigint as version, r.channel::text as channel, v.version as chosen, v.digest
  from (select unnest($1::text[]) as name, unnest($2::bigint[]) as version, unnest($3::text[]) as channel) r
  join prompts p on p.namespace = $4 and p.name = r.name and p.deleted_at is null
  left join prompt_channels c on c.prompt_id = p.id and c.name = r.channel
  join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when r.version > 0 then r.version when r.channel <> '' then c.version else p.default_version end

-- name: DropVersions :exec
delete from prompt_versions
 where prompt_id = $1 and version = any($2::bigint[])

-- name: InsertPrompt :one
insert into prompts (namespace, name, owner_uid, generation)
values ($1, $2, $3, $4)
on conflict do nothing
returning id

-- name: InsertVersion :exec
insert into prompt_versions (prompt_id, version, digest, document, includes, source, content, tags, variables, provenance, bytes)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::bigint)

-- name: LoadFragments :many
select r.name::text as name, r.version::bigint as version, r.channel::text as channel, v.version as chosen,
       (v.document ->> 'syntax')::text as syntax, v.source
  from (select unnest($1::text[]) as name, unnest($2::bigint[]) as version, unnest($3::text[]) as channel) r
  join prompts p on p.namespace = $4 and p.name = r.name and p.deleted_at is null
  left join prompt_channels c on c.prompt_id = p.id and c.name = r.channel
  join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when r.version > 0 then r.version when r.channel <> '' then c.version else p.default_version end

-- name: LockPromptAndFragments :one
select coalesce(bool_or(own.id is not null), false)::boolean as locked, count(fragment.id) as fragments
  from (select p.id, p.name = $1::text as own
          from prompts p
         where p.namespace = $2 and (p.name = $1::text or p.name = any($3::text[]))
         order by p.id) w
  left join lateral (select p.id from prompts p where p.id = w.id and w.own for update) own on true
  left join lateral (select p.id from prompts p where p.id = w.id and not w.own for share) fragment on true

-- name: MoveChannels :exec
with moves as (
  select unnest($3::text[]) as name, unnest($4::bigint[]) as from_version,
         unnest($5::bigint[]) as to_version, unnest($6::boolean[]) as removed
), dropped as (
  delete from prompt_channels c
   using moves m
   where c.prompt_id = $1 and c.name = m.name and m.removed
), placed as (
  insert into prompt_channels (prompt_id, name, version)
  select $1, m.name, nullif(m.to_version, 0)
    from moves m
   where not m.removed
  on conflict (prompt_id, name) do update set version = excluded.version
)
insert into prompt_channel_moves (prompt_id, name, from_version, to_version, generation)
select $1, m.name, nullif(m.from_version, 0), nullif(m.to_version, 0), $2
  from moves m
 where m.name <> 'latest' and m.from_version <> m.to_version

-- name: PinnedVersions :many
select pin.version::bigint as version, min(d.name)::text as dependent
  from (select unnest($1::bigint[]) as version) pin
  join prompt_versions v on v.includes <> '[]'
   and v.includes @> jsonb_build_array(jsonb_build_object('name', $2::text, 'selector', '@' || pin.version))
  join prompts d on d.id = v.prompt_id and d.highest_version = v.version
   and d.namespace = $3 and d.deleted_at is null and d.name <> $2::text
 group by pin.version
 order by pin.version

-- name: PromptsContaining :many
select distinct d.name
  from (select unnest($1::bigint[]) as version) copied
  join prompt_versions v on v.includes <> '[]' and v.withdrawn_at is null
   and v.includes @> jsonb_build_array(jsonb_build_object('name', $2::text, 'version', copied.version))
  join prompts d on d.id = v.prompt_id and d.namespace = $3 and d.deleted_at is null and d.name <> $2::text
 order by d.name
 limit 10

-- name: ReadPrompt :one
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
 where p.namespace = $1 and p.name = $2

-- name: WithdrawVersions :exec
with erased as (
  update prompt_changes c
     set message = 'what was said of it is erased, since a version of the prompt was withdrawn'
    from prompts p
   where p.id = $1 and c.namespace = p.namespace and c.name = p.name
     and c.settled_at is not null and c.state in ('Refused', 'Blocked')
)
update prompt_versions
   set withdrawn_at = now(), document = null, source = null, content = null, includes = '[]', tags = '{}', variables = '{}'
 where prompt_id = $1 and version = any($2::bigint[])


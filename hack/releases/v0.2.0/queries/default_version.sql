-- name: AddTags :exec
insert into tags (name)
select new.name
  from (select distinct unnest(v.tags) as name
          from prompt_versions v
         where v.prompt_id = $1 and v.version = $2) new
 where not exists (select from tags t where t.name = new.name)
 order by new.name
on conflict do nothing

-- name: CommitRevision :one
with next as (
  update feed set revision = revision + 1 where $1::boolean returning revision
), committed as (
  update prompts p
     set owner_uid = $2, generation = $3, labels = $4, exposure = $5,
         deletion_policy = $6, history_limit = $7,
         highest_version = $8, digest = $9,
         latest_version = nullif($10::bigint, 0), default_version = nullif($11::bigint, 0),
         revision = coalesce((select next.revision from next), p.revision),
         updated_at = now(), deleted_at = null, purged_at = null
   where p.id = $12
  returning p.revision, p.served_since, p.updated_at
)
select committed.revision, coalesce(committed.served_since, committed.updated_at)::timestamptz as served_since,
       case when $1::boolean then coalesce(pg_notify('lectern', committed.revision::text)::text, '') else '' end::text as notified
  from committed

-- name: DeleteUnusedTags :exec
delete from tags t where not exists (select from prompt_tags pt where pt.tag_id = t.id)

-- name: EraseDescription :exec
with variables as (
  delete from prompt_variables v where v.prompt_id = $1
), tag as (
  delete from prompt_tags t where t.prompt_id = $1
), search as (
  delete from prompt_search s where s.prompt_id = $1
), similarity as (
  delete from prompt_similarity s where s.prompt_id = $1
)
update prompts p
   set title = '', description = '', category = '', metadata = null, tags = '{}', arguments = '[]',
       is_template = false, tags_text = ''
 where p.id = $1

-- name: HasUnusedTags :one
select exists(select from tags t where not exists (select from prompt_tags pt where pt.tag_id = t.id))

-- name: LockTags :exec
lock table tags in share row exclusive mode

-- name: UpdateDescription :exec
with chosen as (
  select v.document, v.tags, coalesce(v.document -> 'arguments', '[]') as arguments,
         coalesce(v.document ->> 'title', '') as title, coalesce(v.document ->> 'description', '') as description
    from prompt_versions v
   where v.prompt_id = $1 and v.version = $2
), argument as (
  select a.value ->> 'name' as name, a.position, coalesce(a.value ->> 'description', '') as description,
         a.value ->> 'type' as type, a.value ->> 'default' as default_value,
         coalesce((a.value ->> 'required')::boolean, false) as required,
         array(select jsonb_array_elements_text(coalesce(a.value -> 'enum', '[]'))) as enum
    from chosen, jsonb_array_elements(chosen.arguments) with ordinality as a (value, position)
), undeclared as (
  delete from prompt_variables old
   where old.prompt_id = $1 and old.name not in (select argument.name from argument)
), declared as (
  insert into prompt_variables (prompt_id, name, position, description, type, enum, default_value, required)
  select $1, argument.name, argument.position, argument.description, argument.type, argument.enum,
         argument.default_value, argument.required
    from argument
  on conflict (prompt_id, name) do update
     set position = excluded.position, description = excluded.description, type = excluded.type,
         enum = excluded.enum, default_value = excluded.default_value, required = excluded.required
), tagged as (
  select t.id from tags t, chosen where t.name = any(chosen.tags)
), untag as (
  delete from prompt_tags old
   where old.prompt_id = $1 and old.tag_id not in (select tagged.id from tagged)
), tag as (
  insert into prompt_tags (prompt_id, tag_id)
  select $1, tagged.id from tagged
  on conflict do nothing
)
update prompts p
   set title = chosen.title,
       description = chosen.description,
       category = coalesce(chosen.document ->> 'category', ''),
       metadata = chosen.document -> 'metadata',
       tags = chosen.tags,
       arguments = chosen.arguments,
       is_template = chosen.document ->> 'syntax' <> 'Plain',
       tags_text = array_to_string(chosen.tags, ' ')
  from chosen
 where p.id = $1


-- name: EraseVersions :exec
with variables as (
  delete from prompt_variables v where v.prompt_id = $1
), tag as (
  delete from prompt_tags t where t.prompt_id = $1
), moves as (
  delete from prompt_channel_moves m where m.prompt_id = $1
), channels as (
  delete from prompt_channels c where c.prompt_id = $1
)
delete from prompt_versions v where v.prompt_id = $1

-- name: ListRows :many
select namespace, name, owner_uid, generation, revision, digest,
       (updated_at < now() - make_interval(secs => $1))::boolean as quiescent
  from prompts
 where (namespace, name) > ($2::text, $3::text) and deleted_at is null
 order by namespace, name
 limit $4

-- name: LockPrompt :one
select id, owner_uid, generation, revision, (deleted_at is not null)::boolean as deleted
  from prompts
 where namespace = $1 and name = $2
   for update

-- name: LockTombstone :one
select id
  from prompts
 where deleted_at < now() - make_interval(secs => $1)
   and deleted_at is not null and purged_at is null and deletion_policy = 'Delete'
 order by deleted_at
 limit 1
   for update skip locked

-- name: PurgePrompt :one
with next as (
  update feed set revision = revision + 1 returning revision
), purged as (
  update prompts p
     set purged_at = now(), updated_at = now(), revision = next.revision, digest = '',
         latest_version = null, default_version = null, labels = '{}',
         title = '', description = '', category = '', metadata = null, tags = '{}', arguments = '[]',
         is_template = false, tags_text = ''
    from next
   where p.id = $1
  returning p.revision
)
select purged.revision, coalesce(pg_notify('lectern', purged.revision::text)::text, '')::text as notified
  from purged

-- name: WriteTombstone :one
with next as (
  update feed set revision = revision + 1 returning revision
), tombstone as (
  update prompts p
     set deleted_at = now(), updated_at = now(), revision = next.revision,
         deletion_policy = coalesce(nullif($1::text, ''), p.deletion_policy)
    from next
   where p.id = $2
  returning p.revision
)
select tombstone.revision, coalesce(pg_notify('lectern', tombstone.revision::text)::text, '')::text as notified
  from tombstone


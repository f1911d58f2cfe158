-- name: LockPrompt :one
select id, owner_uid, generation, revision, (deleted_at is not null)::boolean as deleted
  from prompts
 where namespace = @namespace and name = @name
   for update;

-- name: WriteTombstone :one
-- An empty deletion policy leaves the one the row has.
with next as (
  update feed set revision = revision + 1 returning revision
), tombstone as (
  update prompts p
     set deleted_at = now(), updated_at = now(), revision = next.revision,
         deletion_policy = coalesce(nullif(@deletion_policy::text, ''), p.deletion_policy)
    from next
   where p.id = @id
  returning p.revision
)
select tombstone.revision, coalesce(pg_notify('lectern', tombstone.revision::text)::text, '')::text as notified
  from tombstone;

-- name: ListRows :many
select namespace, name, owner_uid, generation, revision, digest,
       (updated_at < now() - make_interval(secs => @quiescent_seconds))::boolean as quiescent
  from prompts
 where (namespace, name) > (@namespace::text, @name::text) and deleted_at is null
 order by namespace, name
 limit @max_rows;

-- name: LockTombstone :one
-- One that another purge holds is that purge's.
select id
  from prompts
 where deleted_at < now() - make_interval(secs => @older_than_seconds)
   and deleted_at is not null and purged_at is null and deletion_policy = 'Delete'
 order by deleted_at
 limit 1
   for update skip locked;

-- name: EraseVersions :exec
-- Channels first: they refer to versions.
with variables as (
  delete from prompt_variables v where v.prompt_id = @prompt_id
), tag as (
  delete from prompt_tags t where t.prompt_id = @prompt_id
), moves as (
  delete from prompt_channel_moves m where m.prompt_id = @prompt_id
), channels as (
  delete from prompt_channels c where c.prompt_id = @prompt_id
)
delete from prompt_versions v where v.prompt_id = @prompt_id;

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
   where p.id = @id
  returning p.revision
)
select purged.revision, coalesce(pg_notify('lectern', purged.revision::text)::text, '')::text as notified
  from purged;

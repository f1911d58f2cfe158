-- name: InsertConnection :one
-- Answers nothing when there is a row.
insert into sdp_connections (namespace, name, owner_uid, generation)
values (@namespace, @name, @owner_uid, @generation)
on conflict do nothing
returning id;

-- name: LockConnection :one
-- No condition but the key: what the row means is decided in Go, by a pure function. It waits for no server that keeps a
-- reference to the row.
select id, owner_uid, generation, revision, (deleted_at is not null)::boolean as deleted,
       coalesce(settings::text, '')::text as settings
  from sdp_connections
 where namespace = @namespace and name = @name
   for no key update;

-- name: WriteConnection :one
-- A change nobody can see takes no revision and wakes nobody.
with next as (
  update feed set revision = revision + 1 where @visible::boolean returning revision
), written as (
  update sdp_connections c
     set owner_uid = @owner_uid, generation = @generation, settings = @settings, retention_days = @retention_days::integer,
         revision = coalesce((select next.revision from next), c.revision), updated_at = now(), deleted_at = null
   where c.id = @id
  returning c.revision
)
select written.revision,
       case when @visible::boolean then coalesce(pg_notify('lectern', written.revision::text)::text, '') else '' end::text as notified
  from written;

-- name: InsertConnectionRate :exec
-- Of a connection that has none, which no server can lock.
insert into sdp_rate_limits (connection_id, requests_per_minute, burst)
values (@connection_id, @requests_per_minute, @burst)
on conflict do nothing;

-- name: HasConnectionRate :one
-- It waits for no server that holds the lock of the row.
select exists (select from sdp_rate_limits r
                where r.connection_id = @connection_id and r.requests_per_minute = @requests_per_minute::integer
                  and r.burst = @burst::integer)::boolean as has;

-- name: LockConnectionRate :exec
select from sdp_rate_limits r where r.connection_id = @connection_id for update;

-- name: SetConnectionRate :exec
-- Of the newest manifest alone, as it is after the lock.
update sdp_rate_limits r
   set requests_per_minute = @requests_per_minute, burst = @burst
  from sdp_connections c
 where r.connection_id = @connection_id and c.id = r.connection_id and c.owner_uid = @owner_uid and c.generation = @generation;

-- name: TouchConnection :one
-- A token or a list of it changed.
with next as (
  update feed set revision = revision + 1 returning revision
), touched as (
  update sdp_connections c
     set revision = next.revision, updated_at = now()
    from next
   where c.id = @id
  returning c.revision
)
select touched.revision, coalesce(pg_notify('lectern', touched.revision::text)::text, '')::text as notified
  from touched;

-- name: EraseConnectionLookups :exec
-- What was got with the credentials of an object that is gone, beside its tokens. What was asked of accounts servers stays, with its
-- limits, and so does the rate: another object of that name asks the same ServiceDesk Plus.
with lookups as (
  delete from field_lookups l where l.connection_id = @id
), mappings as (
  delete from field_mappings m where m.connection_id = @id
), projects as (
  delete from project_cache p where p.connection_id = @id
), reads as (
  delete from project_cache_reads r where r.connection_id = @id
), tasks as (
  delete from task_history h where h.connection_id = @id
)
delete from sdp_observations o where o.connection_id = @id;

-- name: WriteConnectionTombstone :one
with next as (
  update feed set revision = revision + 1 returning revision
), tombstone as (
  update sdp_connections c
     set deleted_at = now(), updated_at = now(), settings = null, revision = next.revision
    from next
   where c.id = @id
  returning c.revision
)
select tombstone.revision, coalesce(pg_notify('lectern', tombstone.revision::text)::text, '')::text as notified
  from tombstone;

-- name: ConnectionsSince :many
-- What a server has to know; "revision > 0" repeats the predicate of the index.
select c.id, c.namespace, c.name, c.owner_uid, c.revision, (c.deleted_at is not null)::boolean as deleted,
       coalesce(c.settings, 'null')::jsonb as settings,
       coalesce(t.id::text, '')::text as token_id, coalesce(t.kind, '')::text as token_kind, t.sealed,
       coalesce(t.scopes, '{}')::text[] as scopes,
       coalesce(extract(epoch from t.issued_at), 0)::double precision as issued_at,
       coalesce(extract(epoch from t.expires_at), 0)::double precision as expires_at
  from sdp_connections c
  left join oauth_tokens t on t.connection_id = c.id and t.replaced_at is null
 where c.revision > @after and c.revision > 0
 order by c.revision
 limit @max_rows;

-- name: ListConnectionRows :many
select namespace, name, owner_uid, generation, revision,
       (updated_at < now() - make_interval(secs => @quiescent_seconds))::boolean as quiescent
  from sdp_connections
 where (namespace, name) > (@namespace::text, @name::text) and deleted_at is null and revision > 0
 order by namespace, name
 limit @max_rows;

-- name: DeleteTombstoneRates :execrows
-- Those that servers lock stay until the next time. What was granted, and a pause, count for an object of the same name until then.
delete from sdp_rate_limits
 where connection_id in (select r.connection_id
                           from sdp_rate_limits r
                           join sdp_connections c on c.id = r.connection_id
                          where c.deleted_at < now() - make_interval(secs => @older_than_seconds)
                          order by c.deleted_at
                          limit @max_rows
                            for update of r skip locked);

-- name: DeleteConnectionTombstones :execrows
-- Not before the audit of the connection, which is kept for as long as the tombstone says; nor while there are rows that servers may
-- lock, which are deleted by statements of their own.
delete from sdp_connections
 where id in (select c.id from sdp_connections c
               where c.deleted_at < now() - greatest(make_interval(secs => @older_than_seconds), make_interval(days => coalesce(c.retention_days, 0)))
                 and c.deleted_at is not null
                 and not exists (select from sdp_rate_limits r where r.connection_id = c.id)
                 and not exists (select from oauth_tokens t where t.connection_id = c.id)
               order by c.deleted_at
               limit @max_rows
                 for update skip locked);

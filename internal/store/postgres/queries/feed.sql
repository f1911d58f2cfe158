-- name: ReadFeed :one
-- A server that may not be written to is none to follow: a standby, or a primary that another one replaced. What only the
-- role or another client of a pooler has set is no such sign.
select epoch, revision, extract(epoch from pg_postmaster_start_time())::text as server,
       case when pg_is_in_recovery() then true
            when not current_setting('transaction_read_only')::boolean then false
            else not exists(select from pg_catalog.pg_settings where name = 'default_transaction_read_only'
                        and source in ('user', 'database user', 'client', 'session'))
       end::boolean as read_only
  from feed;

-- name: ChangedSince :many
-- "revision > 0" repeats the predicate of the index, which a parameter alone does not imply.
select revision, namespace, name
  from prompts
 where revision > @after and revision > 0
 order by revision
 limit @max_rows;

-- name: ReadCursorKey :one
select key
  from cursor_key;

-- name: SendProbe :exec
select pg_notify('lectern_probe', @probe::text);

-- name: DescribeSession :one
-- The schema is the only one with our tables, or of several the first in the role's path.
with home as (
  select n.nspname::text as name
    from pg_catalog.pg_namespace n
   where 3 = (select count(*)
                from pg_catalog.pg_class c
               where c.relnamespace = n.oid and c.relname in ('goose_db_version', 'feed', 'prompt_versions'))
)
select pg_backend_pid()::integer as pid,
       exists(select from pg_catalog.pg_settings where name = 'default_transaction_read_only' and setting = 'on'
                                        and source in ('user', 'database user'))::boolean as read_only_by_role,
       coalesce((select min(home.name) from home having count(*) = 1),
                (select home.name from home where home.name = any(current_schemas(false)::text[])
                  order by array_position(current_schemas(false)::text[], home.name) limit 1), '')::text as home,
       coalesce(current_schema()::text, '')::text as current;

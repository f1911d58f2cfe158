-- name: ChangedSince :many
select revision, namespace, name
  from prompts
 where revision > $1 and revision > 0
 order by revision
 limit $2

-- name: DescribeSession :one
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
       coalesce(current_schema()::text, '')::text as current

-- name: ReadCursorKey :one
select key
  from cursor_key

-- name: ReadFeed :one
select epoch, revision, extract(epoch from pg_postmaster_start_time())::text as server,
       case when pg_is_in_recovery() then true
            when not current_setting('transaction_read_only')::boolean then false
            else not exists(select from pg_catalog.pg_settings where name = 'default_transaction_read_only'
                        and source in ('user', 'database user', 'client', 'session'))
       end::boolean as read_only
  from feed

-- name: SendProbe :exec
select pg_notify('lectern_probe', $1::text)


-- name: MeasureOpenChanges :one
select count(*)::bigint as open,
       coalesce(extract(epoch from clock_timestamp() - min(requested_at)), 0)::double precision as oldest_seconds
  from prompt_changes
 where settled_at is null

-- name: MeasureTables :many
with ours as (
  select c.relnamespace, c.relowner
    from feed f
    join pg_catalog.pg_class c on c.oid = f.tableoid
)
select c.relname::text as name, coalesce(pg_total_relation_size(c.oid), 0)::bigint as bytes,
       coalesce(pg_stat_get_live_tuples(c.oid), 0)::bigint as live_tuples, coalesce(pg_stat_get_dead_tuples(c.oid), 0)::bigint as dead_tuples
  from pg_catalog.pg_class c
  join ours o on o.relnamespace = c.relnamespace and o.relowner = c.relowner
 where c.relkind = 'r'
 order by c.relname
 limit $1


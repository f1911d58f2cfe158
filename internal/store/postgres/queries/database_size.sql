-- name: MeasureTables :many
-- Ours are those of the schema and the owner that the feed has. Sizes are with indexes and what is stored beside the rows; how
-- many rows there are is what the server counted, not what is there. Months are of the table they are attached to.
with ours as (
  select c.relnamespace, c.relowner
    from feed f
    join pg_catalog.pg_class c on c.oid = f.tableoid
)
select coalesce(p.relname, c.relname)::text as name, sum(coalesce(pg_total_relation_size(c.oid), 0))::bigint as bytes,
       sum(coalesce(pg_stat_get_live_tuples(c.oid), 0))::bigint as live_tuples, sum(coalesce(pg_stat_get_dead_tuples(c.oid), 0))::bigint as dead_tuples
  from pg_catalog.pg_class c
  join ours o on o.relnamespace = c.relnamespace and o.relowner = c.relowner
  left join pg_catalog.pg_inherits i on i.inhrelid = c.oid
  left join pg_catalog.pg_class p on p.oid = i.inhparent
 where c.relkind = 'r'
 group by 1
 order by 1
 limit @max_rows;

-- name: MeasureOpenChanges :one
select count(*)::bigint as open,
       coalesce(extract(epoch from clock_timestamp() - min(requested_at)), 0)::double precision as oldest_seconds
  from prompt_changes
 where settled_at is null;

-- name: LockLookup :one
select entries, extract(epoch from refreshed_at)::double precision as refreshed_at, revision
  from field_lookups
 where connection_id = @connection_id and type = @type
   for update;

-- name: MergeMappings :one
-- What is no longer listed goes, what servers met and no list had with it; only what differs is written, or even locked. "not in"
-- and "except" make a hash of a list, where a join that takes it for short compares each entry with each.
with listed as (
  select unnest(@parent_ids::text[]) as parent_id, unnest(@external_ids::text[]) as external_id, unnest(@names::text[]) as name,
         (unnest(@flags::text[]))::jsonb as flags, unnest(@positions::integer[]) as position, false as observed
), gone as (
  delete from field_mappings m
   where m.connection_id = @connection_id and m.type = @type
     and (m.parent_id, m.external_id) not in (select l.parent_id, l.external_id from listed l)
  returning 1
), changed as (
  select l.parent_id, l.external_id, l.name, l.flags, l.position, l.observed
    from listed l
  except
  select m.parent_id, m.external_id, m.name, m.flags, m.position, m.observed
    from field_mappings m
   where m.connection_id = @connection_id and m.type = @type
), merged as (
  insert into field_mappings (connection_id, type, parent_id, external_id, name, flags, position, observed)
  select @connection_id, @type, c.parent_id, c.external_id, c.name, c.flags, c.position, c.observed
    from changed c
  on conflict (connection_id, type, parent_id, external_id) do update
     set name = excluded.name, flags = excluded.flags, position = excluded.position, observed = excluded.observed
  returning 1
)
select ((select count(*) from gone) + (select count(*) from merged))::bigint as changed;

-- name: WriteLookup :exec
-- The revision of a list is that of its last change.
insert into field_lookups as l (connection_id, type, entries, refreshed_at, valid_until, revision)
values (@connection_id, @type, @entries, to_timestamp(@refreshed_at::double precision),
        to_timestamp(@valid_until::double precision), @revision)
on conflict (connection_id, type) do update
   set entries = excluded.entries, refreshed_at = excluded.refreshed_at, valid_until = excluded.valid_until,
       revision = case when excluded.revision > 0 then excluded.revision else l.revision end;

-- name: ListLookups :many
select type, entries, extract(epoch from refreshed_at)::double precision as refreshed_at,
       extract(epoch from valid_until)::double precision as valid_until, revision
  from field_lookups
 where connection_id = @connection_id
 order by type;

-- name: ListMappings :many
select parent_id, external_id, name, flags, observed
  from field_mappings
 where connection_id = @connection_id and type = @type
 order by parent_id, position, external_id;

-- name: InsertObservations :exec
insert into sdp_observations (connection_id, type, parent_id, external_id, name, detail)
select @connection_id, unnest(@types::text[]), unnest(@parent_ids::text[]), unnest(@external_ids::text[]), unnest(@names::text[]),
       nullif(unnest(@details::text[]), '')::jsonb;

-- name: LockObservedConnections :many
-- Those whose observations are folded next, in the one order in which several are locked.
select id
  from sdp_connections
 where id in (select o.connection_id from sdp_observations o where o.type not in ('project', 'task') order by o.id limit @max_rows)
 order by id
   for no key update;

-- name: FoldObservations :many
-- Never over what the controller read itself, nor over what was met before. What was met of a connection that is deleted goes, and of
-- a list that the controller does not read: nothing would ever take it away again.
with taken as (
  delete from sdp_observations
   where id in (select o.id
                  from sdp_observations o
                 where o.connection_id = any(@connections::bigint[]) and o.type not in ('project', 'task')
                 order by o.id
                 limit @max_rows
                   for update skip locked)
  returning connection_id, type, parent_id, external_id, name, id
), folded as (
  insert into field_mappings (connection_id, type, parent_id, external_id, name, observed)
  select distinct on (t.connection_id, t.type, t.parent_id, t.external_id)
         t.connection_id, t.type, t.parent_id, t.external_id, t.name, true
    from taken t
    join sdp_connections c on c.id = t.connection_id and c.deleted_at is null
    join field_lookups l on l.connection_id = t.connection_id and l.type = t.type
   order by t.connection_id, t.type, t.parent_id, t.external_id, t.id desc
  on conflict do nothing
  returning connection_id, type
)
select t.connection_id, count(*)::bigint as taken,
       coalesce((select array_agg(distinct f.type) from folded f where f.connection_id = t.connection_id), '{}')::text[] as folded_types
  from taken t
 group by t.connection_id
 order by t.connection_id;

-- name: TouchLookups :exec
update field_lookups
   set revision = @revision
 where connection_id = @connection_id and type = any(@types::text[]);

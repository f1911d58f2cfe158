-- name: ClaimAuditBatch :execrows
-- Whoever loads the batch at the same time is waited for; 0 is that of one that is loaded.
insert into audit_batches (batch, writer, rows, damaged)
values ((@batch::text)::uuid, (@writer::text)::uuid, @row_count, @damaged)
on conflict do nothing;

-- name: AuditMonths :one
-- Tables of months that are attached to both tables, by their names without those of the tables; and those of which one is being
-- detached or was detached, with their tables. Ours are those of the schema that the feed has.
with months as (
  select p.relname as table_name, right(c.relname::text, 7) as month, coalesce(i.inhdetachpending, true) as detached
    from feed f
    join pg_catalog.pg_class own on own.oid = f.tableoid
    join pg_catalog.pg_class p on p.relnamespace = own.relnamespace and p.relname in ('mcp_tool_usage', 'api_audit_log')
    join pg_catalog.pg_class c on c.relnamespace = own.relnamespace and c.relkind = 'r' and c.relname::text ~ ('^' || p.relname::text || '_[0-9]{4}_[0-9]{2}$')
    left join pg_catalog.pg_inherits i on i.inhrelid = c.oid and i.inhparent = p.oid
), attached as (
  select m.month
    from months m
   where not m.detached
   group by m.month
  having count(*) = 2
)
select extract(epoch from now())::double precision as now,
       coalesce((select array_agg(a.month order by a.month) from attached a), '{}')::text[] as attached,
       coalesce((select array_agg(m.table_name::text || '_' || m.month order by 1) from months m where not m.detached), '{}')::text[] as attached_tables,
       coalesce((select array_agg(m.table_name::text || '_' || m.month order by 1) from months m where m.detached), '{}')::text[] as detached_tables;

-- name: PendingAuditMonths :many
-- Tables of months whose detaching was begun and not finished.
select p.relname::text as table_name, c.relname::text as month_table
  from feed f
  join pg_catalog.pg_class own on own.oid = f.tableoid
  join pg_catalog.pg_class p on p.relnamespace = own.relnamespace and p.relname in ('mcp_tool_usage', 'api_audit_log')
  join pg_catalog.pg_inherits i on i.inhparent = p.oid
  join pg_catalog.pg_class c on c.oid = i.inhrelid
 where i.inhdetachpending
 order by 2;

-- name: LongestAuditRetention :one
-- In days: of whatever connection keeps its rows longest, and at least so many.
select greatest(@at_least::integer, coalesce(max(retention_days), 0))::integer as days
  from sdp_connections;

-- name: DeleteExpiredUsage :one
-- Of each connection those older than it keeps them, of everything else those older than so many days; and up to where chains are
-- erased, in the same statement. Which connections there are is read from the index, one step each.
with recursive uids as (
  (select first.connection_uid
     from mcp_tool_usage first
    order by first.connection_uid
    limit 1)
  union all
  select (select more.connection_uid
            from mcp_tool_usage more
           where more.connection_uid > uids.connection_uid
           order by more.connection_uid
           limit 1)
    from uids
   where uids.connection_uid is not null
), expired as (
  select old.logged_at, old.writer, old.connection_uid, old.seq
    from (select uids.connection_uid from uids limit 10000) known
   cross join lateral (select max(c.retention_days) as days from sdp_connections c where c.owner_uid = known.connection_uid) kept
   cross join lateral (select r.logged_at, r.writer, r.connection_uid, r.seq
                         from mcp_tool_usage r
                        where r.connection_uid = known.connection_uid
                          and r.logged_at < now() - make_interval(days => coalesce(kept.days, @default_days::integer))
                        order by r.logged_at
                        limit @max_rows) old
   limit @max_rows
), deleted as (
  delete from mcp_tool_usage r
   using expired
   where r.connection_uid = expired.connection_uid and r.logged_at = expired.logged_at and r.writer = expired.writer and r.seq = expired.seq
  returning r.writer, r.connection_uid, r.seq, r.hash
), erased as (
  insert into audit_erasures as e (writer, connection_uid, through_seq, through_hash)
  select distinct on (d.writer, d.connection_uid) d.writer, d.connection_uid, d.seq, d.hash
    from deleted d
   order by d.writer, d.connection_uid, d.seq desc
  on conflict (writer, connection_uid) do update
    set through_seq = excluded.through_seq, through_hash = excluded.through_hash, erased_at = excluded.erased_at
  where excluded.through_seq > e.through_seq
)
select count(*)::bigint as deleted
  from deleted;

-- name: DeleteExpiredAPICalls :one
-- As DeleteExpiredUsage.
with recursive uids as (
  (select first.connection_uid
     from api_audit_log first
    order by first.connection_uid
    limit 1)
  union all
  select (select more.connection_uid
            from api_audit_log more
           where more.connection_uid > uids.connection_uid
           order by more.connection_uid
           limit 1)
    from uids
   where uids.connection_uid is not null
), expired as (
  select old.logged_at, old.writer, old.connection_uid, old.seq
    from (select uids.connection_uid from uids limit 10000) known
   cross join lateral (select max(c.retention_days) as days from sdp_connections c where c.owner_uid = known.connection_uid) kept
   cross join lateral (select r.logged_at, r.writer, r.connection_uid, r.seq
                         from api_audit_log r
                        where r.connection_uid = known.connection_uid
                          and r.logged_at < now() - make_interval(days => coalesce(kept.days, @default_days::integer))
                        order by r.logged_at
                        limit @max_rows) old
   limit @max_rows
), deleted as (
  delete from api_audit_log r
   using expired
   where r.connection_uid = expired.connection_uid and r.logged_at = expired.logged_at and r.writer = expired.writer and r.seq = expired.seq
  returning r.writer, r.connection_uid, r.seq, r.hash
), erased as (
  insert into audit_erasures as e (writer, connection_uid, through_seq, through_hash)
  select distinct on (d.writer, d.connection_uid) d.writer, d.connection_uid, d.seq, d.hash
    from deleted d
   order by d.writer, d.connection_uid, d.seq desc
  on conflict (writer, connection_uid) do update
    set through_seq = excluded.through_seq, through_hash = excluded.through_hash, erased_at = excluded.erased_at
  where excluded.through_seq > e.through_seq
)
select count(*)::bigint as deleted
  from deleted;

-- name: DeleteOldAuditBatches :execrows
delete from audit_batches
 where batch in (select b.batch from audit_batches b
                  where b.loaded_at < now() - make_interval(days => @days::integer)
                  limit @max_rows);

-- name: DeleteOldAuditAnchors :execrows
delete from audit_anchors a
 where (a.writer, a.connection_uid, a.seq) in (select o.writer, o.connection_uid, o.seq from audit_anchors o
                                                where o.anchored_at < now() - make_interval(days => @days::integer)
                                                limit @max_rows);

-- name: DeleteOldAuditErasures :execrows
delete from audit_erasures e
 where (e.writer, e.connection_uid) in (select o.writer, o.connection_uid from audit_erasures o
                                         where o.erased_at < now() - make_interval(days => @days::integer)
                                         limit @max_rows);

-- name: AnchorAudit :many
-- The last rows of chains of which a row was loaded since the anchors before, with some time for transactions that were open then.
with since as (
  select coalesce(max(anchored_at) - interval '15 minutes', '-infinity') as at
    from audit_anchors
), heads as (
  select distinct on (c.writer, c.connection_uid) c.writer, c.connection_uid, c.seq, c.hash
    from audit_chain c
   where c.loaded_at > (select s.at from since s)
   order by c.writer, c.connection_uid, c.seq desc
)
insert into audit_anchors (writer, connection_uid, seq, hash)
select h.writer, h.connection_uid, h.seq, h.hash
  from heads h
on conflict do nothing
returning writer::text as writer, connection_uid, seq, encode(hash, 'hex')::text as hash;

-- name: VerifyAuditChains :many
-- Rows that do not follow from the row before them in their chain, which is another's hash, or what was erased last.
with linked as (
  select c.table_name, c.logged_at, c.writer, c.connection_uid, c.seq, c.hash, c.digest,
         lag(c.seq) over w as previous_seq, lag(c.hash) over w as previous_hash, e.through_seq, e.through_hash
    from audit_chain c
    left join audit_erasures e on e.writer = c.writer and e.connection_uid = c.connection_uid
  window w as (partition by c.writer, c.connection_uid order by c.seq)
), judged as (
  select l.*, greatest(coalesce(l.previous_seq, 0), coalesce(l.through_seq, 0)) as known_seq,
         case when l.previous_seq = l.seq - 1 then l.previous_hash
              when l.through_seq = l.seq - 1 then l.through_hash
              when l.seq = 1 then decode(repeat('00', 32), 'hex')
         end as follows
    from linked l
)
select j.table_name::text as table_name, extract(epoch from j.logged_at)::double precision as logged_at, j.writer::text as writer,
       j.connection_uid, j.seq, j.known_seq::bigint as known_seq,
       (case when j.seq = j.previous_seq then 'duplicate' when j.follows is not null then 'changed' else 'missing' end)::text as problem
  from judged j
 where j.seq = j.previous_seq
    or j.follows is not null and j.hash <> sha256(j.follows || j.digest)
    or j.follows is null and j.known_seq < j.seq - 1
 order by j.logged_at, j.writer, j.connection_uid, j.seq
 limit @max_rows;

-- name: VerifyAuditAnchors :many
-- Anchors whose row is gone before its time, or has another hash.
select a.writer::text as writer, a.connection_uid, a.seq, extract(epoch from a.anchored_at)::double precision as anchored_at,
       (c.seq is null)::boolean as missing
  from audit_anchors a
  left join audit_chain c on c.writer = a.writer and c.connection_uid = a.connection_uid and c.seq = a.seq
  left join audit_erasures e on e.writer = a.writer and e.connection_uid = a.connection_uid
 where c.hash is distinct from a.hash and a.seq > coalesce(e.through_seq, 0)
 order by a.anchored_at, a.writer, a.connection_uid, a.seq
 limit @max_rows;

-- name: LastAuditAnchor :one
-- The newest one before a row; 0 without any.
select coalesce(max(a.seq), 0)::bigint as seq, coalesce(extract(epoch from max(a.anchored_at)), 0)::double precision as anchored_at
  from audit_anchors a
 where a.writer = (@writer::text)::uuid and a.connection_uid = @connection_uid and a.seq < @seq;

-- name: CountAuditChains :one
select coalesce(sum(chains.rows), 0)::bigint as rows, count(*)::bigint as chains, (select count(*) from audit_anchors)::bigint as anchors
  from (select count(*) as rows from audit_chain c group by c.writer, c.connection_uid) chains;

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
-- Of each connection those older than it keeps them, of everything else those older than so many days; and which numbers of chains are
-- erased, in the same statement: runs without a gap, since a number that a stolen role made up says nothing of those before it. Which connections there are is read from the index, one step each.
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
), runs as (
  select d.writer, d.connection_uid, d.seq, d.hash, d.seq - dense_rank() over (partition by d.writer, d.connection_uid order by d.seq) as run
    from deleted d
), erased as (
  insert into audit_erasures as e (writer, connection_uid, first_seq, through_seq, through_hash)
  select r.writer, r.connection_uid, min(r.seq), max(r.seq), (array_agg(r.hash order by r.seq desc))[1]
    from runs r
   group by r.writer, r.connection_uid, r.run
  on conflict (writer, connection_uid, first_seq) do update
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
), runs as (
  select d.writer, d.connection_uid, d.seq, d.hash, d.seq - dense_rank() over (partition by d.writer, d.connection_uid order by d.seq) as run
    from deleted d
), erased as (
  insert into audit_erasures as e (writer, connection_uid, first_seq, through_seq, through_hash)
  select r.writer, r.connection_uid, min(r.seq), max(r.seq), (array_agg(r.hash order by r.seq desc))[1]
    from runs r
   group by r.writer, r.connection_uid, r.run
  on conflict (writer, connection_uid, first_seq) do update
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

-- name: MergeAuditErasures :exec
-- Of chains that this transaction erased rows of, those whose numbers follow each other or overlap become one. Of two that end at one
-- number the longer was first.
with touched as (
  select distinct t.writer, t.connection_uid
    from audit_erasures t
   where t.erased_at = now()
), ordered as (
  select e.*, max(e.through_seq) over (partition by e.writer, e.connection_uid order by e.first_seq
                                       rows between unbounded preceding and 1 preceding) as known_seq
    from audit_erasures e
    join touched t on t.writer = e.writer and t.connection_uid = e.connection_uid
), runs as (
  select o.*, count(*) filter (where o.known_seq is null or o.known_seq < o.first_seq - 1)
                over (partition by o.writer, o.connection_uid order by o.first_seq) as run
    from ordered o
), merged as (
  select r.writer, r.connection_uid, min(r.first_seq) as first_seq, max(r.through_seq) as through_seq,
         (array_agg(r.through_hash order by r.through_seq desc, r.first_seq))[1] as through_hash, max(r.logged_before) as logged_before
    from runs r
   group by r.writer, r.connection_uid, r.run
  having count(*) > 1
), gone as (
  delete from audit_erasures e
   using merged m
   where e.writer = m.writer and e.connection_uid = m.connection_uid and e.first_seq > m.first_seq and e.first_seq <= m.through_seq
)
update audit_erasures e
   set through_seq = m.through_seq, through_hash = m.through_hash, logged_before = m.logged_before, erased_at = now()
  from merged m
 where e.writer = m.writer and e.connection_uid = m.connection_uid and e.first_seq = m.first_seq;

-- name: DeleteOldAuditErasures :execrows
-- Of chains of which nothing was erased for so long: the rest of one would seem to be missing.
delete from audit_erasures e
 where (e.writer, e.connection_uid, e.first_seq) in (
   select o.writer, o.connection_uid, o.first_seq
     from audit_erasures o
    where o.erased_at < now() - make_interval(days => @days::integer)
      and not exists (select from audit_erasures later
                       where later.writer = o.writer and later.connection_uid = o.connection_uid
                         and later.erased_at >= now() - make_interval(days => @days::integer))
    limit @max_rows);

-- name: AnchorAudit :many
-- The last row of each run of numbers that were loaded since the anchors before, with some time for transactions that were open then. A
-- number that somebody made up, or one that was lost, keeps no other from being anchored.
with since as (
  select coalesce(max(anchored_at) - interval '15 minutes', '-infinity') as at
    from audit_anchors
), fresh as (
  select c.writer, c.connection_uid, c.seq, c.hash, lead(c.seq) over (partition by c.writer, c.connection_uid order by c.seq) as next_seq
    from audit_chain c
   where c.loaded_at > (select s.at from since s)
)
insert into audit_anchors (writer, connection_uid, seq, hash)
select f.writer, f.connection_uid, f.seq, f.hash
  from fresh f
 where f.next_seq is null or f.next_seq > f.seq + 1
on conflict do nothing
returning writer::text as writer, connection_uid, seq, encode(hash, 'hex')::text as hash;

-- name: VerifyAuditChains :many
-- Rows that do not follow from the row before them in their chain, or from what was erased before them; numbers that are neither there
-- nor erased; and numbers that are there twice, or though they were erased. Only of a month that is about to go both is right.
with spans as (
  select c.table_name, c.logged_at, c.writer, c.connection_uid, c.seq as first_seq, c.seq as last_seq, c.hash, c.digest, false as erased
    from audit_chain c
  union all
  select '', g.erased_at, g.writer, g.connection_uid, g.first_seq, g.through_seq, g.through_hash, null, true
    from audit_erasures g
), linked as (
  select s.*, lag(s.last_seq) over w as previous_seq, lag(s.hash) over w as previous_hash,
         coalesce(max(s.last_seq) over (w rows between unbounded preceding and 1 preceding), 0) as known_seq
    from spans s
  window w as (partition by s.writer, s.connection_uid order by s.first_seq, s.erased desc)
), judged as (
  select l.*, case when l.known_seq < l.first_seq - 1 then 'missing'
                   when l.erased then null
                   when l.known_seq >= l.first_seq then 'duplicate'
                   when l.hash <> sha256(case when l.previous_seq = l.known_seq then l.previous_hash
                                              when l.known_seq > 0 then e.through_hash
                                              else decode(repeat('00', 32), 'hex') end || l.digest) then 'changed' end as problem
    from linked l
    left join audit_erasures e on not l.erased and l.previous_seq <> l.known_seq and l.known_seq = l.first_seq - 1
                              and e.writer = l.writer and e.connection_uid = l.connection_uid and e.through_seq = l.first_seq - 1
)
select j.table_name::text as table_name, extract(epoch from j.logged_at)::double precision as logged_at, j.writer::text as writer,
       j.connection_uid, j.first_seq as seq, j.known_seq::bigint as known_seq, j.problem::text as problem
  from judged j
 where j.problem is not null
   and (j.problem <> 'duplicate' or coalesce((select j.first_seq > a.through_seq or j.logged_at >= a.logged_before
                                                from audit_erasures a
                                               where a.writer = j.writer and a.connection_uid = j.connection_uid and a.first_seq <= j.first_seq
                                               order by a.first_seq desc
                                               limit 1), true))
 order by j.logged_at, j.writer, j.connection_uid, j.first_seq
 limit @max_rows;

-- name: VerifyAuditAnchors :many
-- Anchors whose row is gone before its time, or has another hash.
select a.writer::text as writer, a.connection_uid, a.seq, extract(epoch from a.anchored_at)::double precision as anchored_at,
       (c.seq is null and e.through_seq is null)::boolean as missing
  from audit_anchors a
  left join audit_chain c on c.writer = a.writer and c.connection_uid = a.connection_uid and c.seq = a.seq
  left join lateral (select last.through_seq, last.through_hash
                       from (select g.through_seq, g.through_hash
                               from audit_erasures g
                              where g.writer = a.writer and g.connection_uid = a.connection_uid and g.first_seq <= a.seq
                              order by g.first_seq desc
                              limit 1) last
                      where last.through_seq >= a.seq) e on true
 where e.through_seq is null and c.hash is distinct from a.hash
    or e.through_seq = a.seq and e.through_hash <> a.hash
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

-- name: BeginWrite :one
select b.state::text as state, coalesce(b.id::text, '')::text as id, b.retry_ms::integer as retry_ms, coalesce(b.outcome, '')::text as outcome,
       b.record_id::text as record_id, b.record_number::text as record_number, b.earlier_mark::text as earlier_mark,
       coalesce(b.trace::text, '')::text as trace, b.age_ms::bigint as age_ms
  from begin_write(@connection_id, (@call_id::text)::uuid, @caller::text, @tool::text, @step::text, @digest::bytea, nullif(@idempotency_key::text, ''),
                   nullif(@nonce::text, ''), @continues::boolean, @merges::boolean, @weight::integer, @mark::text) b;

-- name: TraceWrite :one
select trace_write((@intent::text)::uuid, (@trace::text)::jsonb)::boolean as traced;

-- name: EndWrite :one
select coalesce(end_write((@intent::text)::uuid, @outcome::text, @record_id::text, @record_number::text), '')::text as outcome;

-- name: WriteOutcome :one
select coalesce(write_outcome((@intent::text)::uuid), '')::text as outcome;

-- name: ListUnresolvedWrites :many
-- Of a connection that still is, those that nobody decides any more: a server that is there has ended its own by then, and without a
-- trace nothing is sent after the deadline. One that was looked up in vain waits for a quarter of its age, at most an hour.
select w.id::text as id, w.tool, w.mark, coalesce(w.trace::text, '')::text as trace, (w.outcome is null)::boolean as is_open,
       extract(epoch from clock_timestamp() - w.begun_at)::double precision as age_seconds,
       extract(epoch from clock_timestamp() - w.deadline)::double precision as overdue_seconds
  from sdp_writes w
  join sdp_connections c on c.id = w.connection_id
 where c.namespace = @namespace and c.name = @name and c.owner_uid = @owner_uid
   and (w.outcome is null or w.outcome = 'indeterminate') and w.given_up_at is null
   and (w.begun_at < clock_timestamp() - make_interval(secs => @older_than_seconds)
        or w.outcome is null and w.trace is null and w.deadline <= clock_timestamp())
   and (w.looked_up_at is null or w.looked_up_at < clock_timestamp() - least(interval '1 hour', (clock_timestamp() - w.begun_at) / 4))
 order by w.looked_up_at nulls first, w.begun_at
 limit @max_rows;

-- name: RecordWriteLookup :exec
update sdp_writes set looked_up_at = clock_timestamp() where id = (@intent::text)::uuid;

-- name: GiveUpWrite :execrows
update sdp_writes
   set outcome = 'indeterminate', ended_at = coalesce(ended_at, clock_timestamp()), given_up_at = clock_timestamp()
 where id = (@intent::text)::uuid and (outcome is null or outcome = 'indeterminate') and given_up_at is null;

-- name: SummarizeWrites :many
-- What waits to be decided, by connection.
select c.namespace, c.name, count(*) filter (where w.outcome is null) as open, count(*) filter (where w.outcome = 'indeterminate') as indeterminate,
       extract(epoch from clock_timestamp() - min(w.begun_at))::double precision as oldest_seconds
  from sdp_writes w
  join sdp_connections c on c.id = w.connection_id
 where (w.outcome is null or w.outcome = 'indeterminate') and w.given_up_at is null
 group by c.namespace, c.name
 order by c.namespace, c.name
 limit @max_rows;

-- name: DeleteOldWrites :execrows
-- With their keys. What nobody decided yet stays.
delete from sdp_writes
 where id in (select w.id
                from sdp_writes w
               where w.begun_at < now() - make_interval(secs => @older_than_seconds)
                 and (w.outcome in ('done', 'not_done') or w.given_up_at is not null)
               order by w.begun_at
               limit @max_rows
                 for update skip locked);

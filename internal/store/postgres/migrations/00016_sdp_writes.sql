-- +goose Up

-- What tools write to ServiceDesk Plus, from before it is sent. It has no text of a person: arguments and wanted values are digests.
create table sdp_writes (
  id              uuid primary key default gen_random_uuid(),
  connection_id   bigint not null references sdp_connections on delete cascade,
  call_id         uuid not null,
  caller          text collate "C" not null check (octet_length(caller) between 1 and 1000),
  tool            text collate "C" not null check (tool ~ '^[a-z][a-z_]{0,63}$'),
  step            text collate "C" not null check (octet_length(step) between 1 and 200),
  digest          bytea not null check (octet_length(digest) = 32),
  idempotency_key text collate "C" check (octet_length(idempotency_key) between 1 and 800),
  nonce           text collate "C" check (octet_length(nonce) between 16 and 64),
  weight          integer not null check (weight between 0 and 100),
  mark            text collate "C" not null check (mark ~ '^[a-z2-7]{6,16}$'),
  trace           jsonb check (octet_length(trace::text) <= 16384),
  begun_at        timestamptz not null,
  deadline        timestamptz not null,
  outcome         text check (outcome in ('done', 'not_done', 'indeterminate')),
  record_id       text not null default '' check (record_id ~ '^[0-9]{0,25}$'),
  record_number   text not null default '' check (octet_length(record_number) <= 64),
  ended_at        timestamptz,
  looked_up_at    timestamptz,
  given_up_at     timestamptz,
  begun_as        text not null default session_user,
  replica         text not null default left(current_setting('application_name'), 63),

  constraint sdp_writes_ended check ((ended_at is null) = (outcome is null)),
  constraint sdp_writes_given_up check (given_up_at is null or outcome = 'indeterminate')
);
comment on table sdp_writes is 'Write intents: one row for each call that writes to ServiceDesk Plus, and what became of it.';
comment on column sdp_writes.call_id is 'Of the call of the tool, which may take several steps.';
comment on column sdp_writes.digest is 'Of the tool and its arguments: what is done once.';
comment on column sdp_writes.nonce is 'Of the plan, or of the answer of a person, that confirmed it.';
comment on column sdp_writes.mark is 'Ends each text that is written, and so finds it again.';
comment on column sdp_writes.trace is 'Where to look it up, with ids and digests of wanted values; null until it is about to be sent.';
comment on column sdp_writes.deadline is 'It is not sent afterwards.';
comment on column sdp_writes.given_up_at is 'Nobody looks it up any more: it stays indeterminate.';
-- What begin_write promises of keys and plans, whoever writes.
create unique index sdp_writes_key on sdp_writes (connection_id, caller, idempotency_key, step)
 where idempotency_key is not null and outcome is distinct from 'not_done';
create unique index sdp_writes_nonce on sdp_writes (connection_id, nonce, step)
 where nonce is not null and outcome is distinct from 'not_done';
create index sdp_writes_keys on sdp_writes (connection_id, caller, idempotency_key) where idempotency_key is not null;
create index sdp_writes_nonces on sdp_writes (connection_id, nonce) where nonce is not null;
create index sdp_writes_caller on sdp_writes (connection_id, caller, begun_at);
create index sdp_writes_begun on sdp_writes (begun_at);
create index sdp_writes_unresolved on sdp_writes (connection_id, begun_at)
 where (outcome is null or outcome = 'indeterminate') and given_up_at is null;
alter table sdp_writes set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 200, autovacuum_analyze_scale_factor = 0.05);

-- The earlier write that one is a repeat of, and what that means: nothing for one that is none. A write that has no outcome within a
-- minute is as one of unknown outcome: its server is gone. The call that uses a plan may try a step again that was not done.
-- +goose StatementBegin
create function earlier_write(connection bigint, call_id uuid, caller text, step text, digest bytea, key text, nonce text, continues boolean,
                              merges boolean, at timestamptz, out state text, out id uuid)
language sql stable set search_path = pg_catalog, pg_temp
begin atomic
  with keyed as (
    select w.id, w.step, w.digest, w.outcome, w.begun_at
      from sdp_writes w
     where earlier_write.key is not null and w.connection_id = earlier_write.connection and w.caller = earlier_write.caller
       and w.idempotency_key = earlier_write.key
  ), planned as (
    select w.id, w.step, w.digest, w.caller, w.call_id, w.outcome, w.begun_at
      from sdp_writes w
     where earlier_write.nonce is not null and w.connection_id = earlier_write.connection and w.nonce = earlier_write.nonce
  ), equal as (
    select w.id, w.outcome, w.begun_at
      from sdp_writes w
     where earlier_write.key is null and earlier_write.merges and w.idempotency_key is null
       and w.connection_id = earlier_write.connection and w.caller = earlier_write.caller and w.digest = earlier_write.digest
       and w.step = earlier_write.step
       and (w.begun_at > earlier_write.at - interval '120 seconds'
            or (w.outcome is null or w.outcome = 'indeterminate') and w.given_up_at is null)
  ), same as (
    select k.id, k.outcome, k.begun_at from keyed k where k.step = earlier_write.step
    union all
    select p.id, p.outcome, p.begun_at from planned p where p.step = earlier_write.step and earlier_write.continues
    union all
    select e.id, e.outcome, e.begun_at from equal e
  ), found as (
    select 1 as rank, 'other_arguments' as state, null::uuid as id, null::timestamptz as begun_at
      from keyed k where k.digest <> earlier_write.digest
    union all
    select 2, case when s.outcome is not null then s.outcome
                   when s.begun_at > earlier_write.at - interval '60 seconds' then 'in_flight'
                   else 'indeterminate' end, s.id, s.begun_at
      from same s where s.outcome is distinct from 'not_done'
    union all
    select 3, 'plan_of_another', null, null
      from planned p where p.digest <> earlier_write.digest or p.caller <> earlier_write.caller
    union all
    select 4, 'plan_used', p.id, p.begun_at
      from planned p
     where p.step = earlier_write.step and not earlier_write.continues
       and (p.call_id <> earlier_write.call_id or p.outcome is distinct from 'not_done')
  )
  select f.state, f.id from found f order by f.rank, f.begun_at desc nulls last limit 1;
end;
-- +goose StatementEnd
revoke all on function earlier_write(bigint, uuid, text, text, bytea, text, text, boolean, boolean, timestamptz) from public;

-- What is left of the writes of an hour, for a caller and for all of them, and when there is room again. How many a caller has is in
-- the connection's manifest; all together have no more than ServiceDesk Plus is called. What ended before it was sent, as a write does that
-- gets no turn or token, is not one of them, and there may be ten times as many of it.
-- +goose StatementBegin
create function write_room(connection bigint, caller text, weight integer, at timestamptz, out is_room boolean, out retry_ms integer)
language sql stable set search_path = pg_catalog, pg_temp
begin atomic
  with limits as (
    select coalesce((c.settings -> 'access' ->> 'writesPerHour')::integer, 0) as of_caller, r.requests_per_minute * 60 as of_all
      from sdp_connections c
      join sdp_rate_limits r on r.connection_id = c.id
     where c.id = write_room.connection
  ), own as (
    select w.begun_at, sum(w.weight) over (order by w.begun_at desc, w.id) as since
      from sdp_writes w
     where w.connection_id = write_room.connection and w.caller = write_room.caller and w.begun_at > write_room.at - interval '1 hour'
       and (w.outcome = 'not_done' and w.trace is null) is not true
  ), everybody as (
    select count(*) filter (where (w.outcome = 'not_done' and w.trace is null) is not true) as calls, count(*) as tries,
           count(*) filter (where w.caller = write_room.caller) as own_tries
      from sdp_writes w
     where w.connection_id = write_room.connection and w.begun_at > write_room.at - interval '1 hour'
  )
  select coalesce((select max(o.since) from own o), 0) + write_room.weight <= l.of_caller and e.calls < l.of_all
           and e.own_tries < 10 * l.of_caller and e.tries < 10 * l.of_all,
         least(3600000, greatest(1000, ceil(1000 * extract(epoch from interval '1 hour' - (write_room.at
           - coalesce((select max(o.begun_at) from own o where o.since + write_room.weight > l.of_caller), write_room.at - interval '59 minutes'))))))::integer
    from limits l
   cross join everybody e;
end;
-- +goose StatementEnd
revoke all on function write_room(bigint, text, integer, timestamptz) from public;

-- begin_write with the clock in hand. What it says of an earlier write is of the same moment as what it decides: that may be ended meanwhile.
-- +goose StatementBegin
create function begin_write_at(connection bigint, call_id uuid, caller text, tool text, step text, digest bytea, key text, nonce text,
                               continues boolean, merges boolean, weight integer, mark text, at timestamptz,
                               out state text, out id uuid, out retry_ms integer, out outcome text, out record_id text, out record_number text,
                               out earlier_mark text, out trace jsonb, out begun_at timestamptz)
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
  with earlier as (
    select e.state, e.id, w.outcome, w.record_id, w.record_number, w.mark, w.trace, w.begun_at
      from earlier_write(begin_write_at.connection, begin_write_at.call_id, begin_write_at.caller, begin_write_at.step, begin_write_at.digest,
                         begin_write_at.key, begin_write_at.nonce, begin_write_at.continues, begin_write_at.merges, begin_write_at.at) e
      left join sdp_writes w on w.id = e.id
     where e.state is not null
  ), room as (
    select r.is_room, r.retry_ms
      from write_room(begin_write_at.connection, begin_write_at.caller, begin_write_at.weight, begin_write_at.at) r
  ), begun as (
    insert into sdp_writes (connection_id, call_id, caller, tool, step, digest, idempotency_key, nonce, weight, mark, begun_at, deadline)
    select begin_write_at.connection, begin_write_at.call_id, begin_write_at.caller, begin_write_at.tool, begin_write_at.step,
           begin_write_at.digest, begin_write_at.key, begin_write_at.nonce, begin_write_at.weight, begin_write_at.mark, begin_write_at.at,
           begin_write_at.at + interval '10 seconds'
      from room r
     where r.is_room and not exists (select from earlier)
    returning sdp_writes.id
  )
  select 'begun', b.id, 0, null, null, null, null, null::jsonb, null::timestamptz from begun b
  union all
  select e.state, e.id, 0, e.outcome, e.record_id, e.record_number, e.mark, e.trace, e.begun_at from earlier e
  union all
  select 'too_many', null, r.retry_ms, null, null, null, null, null, null from room r where not r.is_room and not exists (select from earlier)
   limit 1;
end;
-- +goose StatementEnd
revoke all on function begin_write_at(bigint, uuid, text, text, text, bytea, text, text, boolean, boolean, integer, text, timestamptz) from public;

-- Stores the intent of a write, if it is to be sent: begun, with an id that only its server knows. Else it says why it is not:
-- in_flight, done, indeterminate (which is looked up before it is sent again), other_arguments of the same key, plan_used,
-- plan_of_another, too_many, read_only. A write of the caller's that has no trace by its deadline was not sent, and trace_write takes none
-- any more: it is ended before, but for one that somebody ends right now. The connection's own row says whether, and how often, it may be written through. One step of a
-- call weighs something, and is sent; the clock is read after the lock. An intent that a crash forgets would be sent twice: its transaction waits for the
-- disk, whatever the database's own setting.
-- +goose StatementBegin
create function begin_write(connection bigint, call_id uuid, caller text, tool text, step text, digest bytea, key text, nonce text,
                            continues boolean, merges boolean, weight integer, mark text,
                            out state text, out id uuid, out retry_ms integer, out outcome text, out record_id text, out record_number text,
                            out earlier_mark text, out trace jsonb, out age_ms bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('a write has a call, a caller, a tool, a step, a digest of 32 bytes, a mark, and says whether it continues a plan and is merged with its equals')
   where (begin_write.call_id is not null and octet_length(begin_write.caller) between 1 and 1000 and begin_write.tool ~ '^[a-z][a-z_]{0,63}$'
          and octet_length(begin_write.step) between 1 and 200 and octet_length(begin_write.digest) = 32
          and begin_write.mark ~ '^[a-z2-7]{6,16}$' and begin_write.continues is not null and begin_write.merges is not null) is not true;
  select refuse_argument('a key has 1 to 800 bytes, a nonce 16 to 64')
   where not coalesce(octet_length(begin_write.key) between 1 and 800, true) or not coalesce(octet_length(begin_write.nonce) between 16 and 64, true);
  select refuse_argument('a write weighs 0 to 100')
   where (begin_write.weight between 0 and 100) is not true;
  select refuse_argument('a write is begun at the isolation level read committed: at others it is not seen what was begun since they began')
   where current_setting('transaction_isolation') not in ('read committed', 'read uncommitted');
  select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off';
  select r.connection_id from sdp_rate_limits r where r.connection_id = begin_write.connection for update;
  select refuse_argument('there is no such connection')
   where not exists (select from sdp_rate_limits r
                       join sdp_connections c on c.id = r.connection_id
                      where r.connection_id = begin_write.connection and c.deleted_at is null);
  select refuse_argument('a write that weighs nothing is one of at most 50 more steps of a call of the last 10 minutes that weighs something, and was sent')
   where begin_write.weight = 0
     and (select bool_or(w.weight > 0) and count(*) filter (where w.weight = 0) < 50
            from sdp_writes w
           where w.connection_id = begin_write.connection and w.caller = begin_write.caller and w.call_id = begin_write.call_id
             and (w.outcome = 'not_done' and w.trace is null) is not true
             and w.begun_at > clock_timestamp() - interval '10 minutes') is not true;
  with unsent as (
    select w.id
      from sdp_writes w
     where w.connection_id = begin_write.connection and w.caller = begin_write.caller and w.outcome is null and w.given_up_at is null
       and w.trace is null and w.deadline <= clock_timestamp()
       for update skip locked
  )
  update sdp_writes w
     set outcome = 'not_done', ended_at = clock_timestamp()
    from unsent u
   where w.id = u.id;
  with decided as (
    select b.state, b.id, b.retry_ms, b.outcome, b.record_id, b.record_number, b.earlier_mark, b.trace, b.begun_at
      from sdp_connections c
     cross join lateral begin_write_at(begin_write.connection, begin_write.call_id, begin_write.caller, begin_write.tool, begin_write.step,
                                       begin_write.digest, begin_write.key, begin_write.nonce, begin_write.continues, begin_write.merges,
                                       begin_write.weight, begin_write.mark, clock_timestamp()) b
     where c.id = begin_write.connection and c.settings -> 'access' ->> 'mode' = 'ReadWrite'
       and not coalesce((c.settings ->> 'suspended')::boolean, false)
  )
  select coalesce(d.state, 'read_only'), d.id, coalesce(d.retry_ms, 0), d.outcome, coalesce(d.record_id, ''), coalesce(d.record_number, ''),
         coalesce(d.earlier_mark, ''), d.trace, coalesce(1000 * extract(epoch from clock_timestamp() - d.begun_at), 0)::bigint
    from (select 1) one
    left join decided d on true;
end;
-- +goose StatementEnd
revoke all on function begin_write(bigint, uuid, text, text, text, bytea, text, text, boolean, boolean, integer, text) from public;

-- Says of an intent where it can be looked up, right before it is sent. False: it is over, and must not be sent.
-- +goose StatementBegin
create function trace_write(intent uuid, write_trace jsonb) returns boolean
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('a trace is an object of at most 16384 bytes')
   where (jsonb_typeof(trace_write.write_trace) = 'object' and octet_length(trace_write.write_trace::text) <= 16384) is not true;
  select set_config('synchronous_commit', 'on', true) where current_setting('synchronous_commit') = 'off';
  with traced as (
    update sdp_writes w
       set trace = trace_write.write_trace
     where w.id = trace_write.intent and w.outcome is null and w.deadline > clock_timestamp()
    returning w.id
  )
  select exists (select from traced);
end;
-- +goose StatementEnd
revoke all on function trace_write(uuid, jsonb) from public;

-- Ends an intent, and returns how it ended: done and not_done replace indeterminate, and nothing replaces them. Nothing for an id that
-- nobody has.
-- +goose StatementBegin
create function end_write(intent uuid, new_outcome text, new_record_id text, new_record_number text) returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('an outcome is done, not_done or indeterminate, an id of a record at most 25 digits, a number at most 64 bytes')
   where (end_write.new_outcome in ('done', 'not_done', 'indeterminate') and end_write.new_record_id ~ '^[0-9]{0,25}$'
          and octet_length(end_write.new_record_number) <= 64) is not true;
  update sdp_writes w
     set outcome = end_write.new_outcome, record_id = end_write.new_record_id, record_number = end_write.new_record_number,
         ended_at = clock_timestamp(), given_up_at = null
   where w.id = end_write.intent
     and (w.outcome is null or w.outcome = 'indeterminate' and end_write.new_outcome <> 'indeterminate');
  select w.outcome from sdp_writes w where w.id = end_write.intent;
end;
-- +goose StatementEnd
revoke all on function end_write(uuid, text, text, text) from public;

-- How an intent ended, for who waits for an equal one: without the lock that begin_write takes. Nothing while it is open.
-- +goose StatementBegin
create function write_outcome(intent uuid) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
begin atomic
  select w.outcome from sdp_writes w where w.id = write_outcome.intent;
end;
-- +goose StatementEnd
revoke all on function write_outcome(uuid) from public;

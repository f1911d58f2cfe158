-- +goose Up

-- What servers may do that needs a decision under a lock. Each function is bound to its tables here, whatever the search_path
-- of who calls, and nothing of a caller's runs in it: no operator, cast or trigger of theirs has a place in it.

-- +goose StatementBegin
create function refuse_argument(problem text) returns void language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  raise exception '%', problem using errcode = 'invalid_parameter_value';
end
$$;
-- +goose StatementEnd
revoke all on function refuse_argument(text) from public;

-- How many more calls of some lanes fit into the last so many seconds, and when one does that does not now. What was granted by
-- a clock that went back since counts, too.
-- +goose StatementBegin
create function rate_room(connection bigint, lanes text[], seconds integer, most integer, at timestamptz, out room integer, out wait_ms integer)
language sql stable set search_path = pg_catalog, pg_temp
begin atomic
  with granted as (
    select w.granted_at, w.calls, sum(w.calls) over (order by w.granted_at, w.id) as so_far
      from sdp_windows w
     where w.connection_id = rate_room.connection and w.lane = any(rate_room.lanes) and w.calls > 0
       and w.granted_at >= rate_room.at - make_interval(secs => rate_room.seconds)
  ), used as (
    select coalesce(sum(g.calls), 0)::integer as calls
      from granted g
  )
  select rate_room.most - u.calls,
         case when u.calls < rate_room.most then 0
              else least(900000, 1 + greatest(0, ceil(1000 * extract(epoch from
                     (select min(g.granted_at) from granted g where g.so_far > u.calls - rate_room.most)
                     + make_interval(secs => rate_room.seconds) - rate_room.at))))::integer
         end
    from used u;
end;
-- +goose StatementEnd
revoke all on function rate_room(bigint, text[], integer, integer, timestamptz) from public;

-- take_rate with the clock in hand. In any 60 seconds there are no more than requests_per_minute calls, and in any 2 no more than
-- burst: a grant is used within 2 seconds or not at all, so that the grants of 62 seconds, and of 4, bound them. The background has a
-- fifth; its lookups leave a fifth of both free, and room for a proof, which somebody waits for.
-- +goose StatementBegin
create function take_rate_at(connection bigint, lane text, wanted integer, replica_name text, at timestamptz,
                             out granted integer, out retry_ms integer, out replicas integer)
language sql volatile set search_path = pg_catalog, pg_temp
begin atomic
  delete from sdp_windows w
   where w.connection_id = take_rate_at.connection and w.granted_at < take_rate_at.at - interval '62 seconds';

  with limits as (
    select r.requests_per_minute as per_minute, r.burst,
           greatest(1, r.requests_per_minute * 4 / 5) as lookups_leave, greatest(1, r.burst * 4 / 5) as lookups_burst,
           greatest(1, r.requests_per_minute / 5) as background,
           greatest(1, r.requests_per_minute / 5 - 1) as lookups,
           greatest(0, ceil(1000 * extract(epoch from r.paused_until - take_rate_at.at)))::integer as paused_ms,
           take_rate_at.lane <> 'interactive' as is_background, take_rate_at.lane = 'lookup' as is_lookup
      from sdp_rate_limits r
     where r.connection_id = take_rate_at.connection
  ), rooms as (
    select m.room, m.wait_ms
      from limits l
     cross join lateral rate_room(take_rate_at.connection, array['interactive', 'proof', 'lookup'], 62,
                                  case when l.is_lookup then l.lookups_leave else l.per_minute end, take_rate_at.at) m
    union all
    select b.room, b.wait_ms
      from limits l
     cross join lateral rate_room(take_rate_at.connection, array['interactive', 'proof', 'lookup'], 4,
                                  case when l.is_lookup then l.lookups_burst else l.burst end, take_rate_at.at) b
    union all
    select o.room, o.wait_ms
      from limits l
     cross join lateral rate_room(take_rate_at.connection, array['proof', 'lookup'], 62,
                                  case when l.is_lookup then l.lookups else l.background end, take_rate_at.at) o
     where l.is_background
  ), decided as (
    select case when l.paused_ms > 0 then 0 else greatest(0, least(take_rate_at.wanted, min(m.room))) end as calls,
           greatest(coalesce(l.paused_ms, 0), max(m.wait_ms)) as wait_ms
      from limits l
     cross join rooms m
     group by l.paused_ms
  ), seen as (
    select count(distinct w.replica) filter (where w.replica <> take_rate_at.replica_name) as others,
           coalesce(bool_or(w.replica = take_rate_at.replica_name and w.granted_at > take_rate_at.at - interval '20 seconds'), false) as lately,
           count(*) filter (where w.calls = 0) as asked
      from sdp_windows w
     where w.connection_id = take_rate_at.connection and w.granted_at >= take_rate_at.at - interval '60 seconds'
  ), logged as (
    -- One that gets nothing is written down now and then, so that it counts as a replica.
    insert into sdp_windows (connection_id, granted_at, calls, lane, replica)
    select take_rate_at.connection, take_rate_at.at, d.calls, take_rate_at.lane, take_rate_at.replica_name
      from decided d
     cross join seen s
     where d.calls > 0 or not s.lately and s.asked < 200
  )
  select d.calls, case when d.calls > 0 then 0 else greatest(1, d.wait_ms) end, least(100, s.others + 1)::integer
    from decided d
   cross join seen s;
end;
-- +goose StatementEnd
revoke all on function take_rate_at(bigint, text, integer, text, timestamptz) from public;

-- How many of so many calls may be made now, within 2 seconds; where none, when to ask again; and how many replicas asked in the
-- last minute. The clock is read after the lock: grants are in the order of their times.
-- +goose StatementBegin
create function take_rate(connection bigint, lane text, wanted integer, out granted integer, out retry_ms integer, out replicas integer)
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('the lane must be interactive, proof or lookup')
   where (take_rate.lane in ('interactive', 'proof', 'lookup')) is not true;
  select refuse_argument('1 to 1000 calls may be asked for')
   where (take_rate.wanted between 1 and 1000) is not true;
  select refuse_argument('the rate is taken at the isolation level read committed: at others it is not seen what was taken since they began')
   where current_setting('transaction_isolation') not in ('read committed', 'read uncommitted');
  select r.connection_id from sdp_rate_limits r where r.connection_id = take_rate.connection for update;
  select refuse_argument('there is no such connection')
   where not exists (select from sdp_rate_limits r
                       join sdp_connections c on c.id = r.connection_id
                      where r.connection_id = take_rate.connection and c.deleted_at is null);
  select t.granted, t.retry_ms, t.replicas
    from take_rate_at(take_rate.connection, take_rate.lane, take_rate.wanted, left(current_setting('application_name'), 63), clock_timestamp()) t;
end;
-- +goose StatementEnd
revoke all on function take_rate(bigint, text, integer) from public;

-- Stops all calls of a connection, for at most 15 minutes: ServiceDesk Plus said that there were too many. A shorter pause ends no
-- longer one.
-- +goose StatementBegin
create function pause_rate(connection bigint, milliseconds integer) returns timestamptz
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('a pause is of 1 to 900000 milliseconds')
   where (pause_rate.milliseconds between 1 and 900000) is not true;
  select refuse_argument('there is no such connection')
   where not exists (select from sdp_rate_limits r
                       join sdp_connections c on c.id = r.connection_id
                      where r.connection_id = pause_rate.connection and c.deleted_at is null);
  update sdp_rate_limits r
     set paused_until = greatest(r.paused_until, clock_timestamp() + make_interval(secs => pause_rate.milliseconds / 1000.0))
   where r.connection_id = pause_rate.connection
  returning r.paused_until;
end;
-- +goose StatementEnd
revoke all on function pause_rate(bigint, integer) from public;

-- A server that was taken over inserts what it likes, past the limits of the program. Counted is once a statement, after it.
-- +goose StatementBegin
create function count_observations(replica_name text, out unfolded bigint, out of_replica bigint)
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select (select count(*) from (select from sdp_observations limit 20001) o),
         (select count(*) from (select from sdp_observations o
                                 where o.replica = count_observations.replica_name and o.observed_at > now() - interval '1 hour' limit 1001) o);
end;
-- +goose StatementEnd
revoke all on function count_observations(text) from public;

-- +goose StatementBegin
create function refuse_unbounded_observations() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  counted record;
begin
  execute format('select * from %I.count_observations($1)', tg_table_schema) into counted using current_setting('application_name');
  if counted.unfolded > 20000 or counted.of_replica > 1000 then
    raise exception 'too many observations wait to be folded: % of all replicas, at most 20000 are taken, and % of this one in an hour, at most 1000',
      counted.unfolded, counted.of_replica using errcode = 'configuration_limit_exceeded', hint = 'They are hints: leave them out.';
  end if;
  return null;
end
$$;
-- +goose StatementEnd
revoke all on function refuse_unbounded_observations() from public;
create trigger bounded after insert on sdp_observations for each statement execute function refuse_unbounded_observations();

-- name: RequestChange :one
-- Nothing is stored, and nothing answered, for a repeat (of the id, or of the caller's idempotency key), over a quota (zero
-- for none), and where a namespace was found missing lately. Statements that count at the same time do not see each other.
with waiting as (
  select count(*) filter (where c.namespace = @namespace) as in_namespace, count(*) as of_caller
    from prompt_changes c
   where c.counted_as = any(@counted_as::text[]) and c.settled_at is null
), earlier as (
  select exists(select from prompt_changes c
                 where c.counted_as = any(@counted_as::text[]) and c.idempotency_key = @idempotency_key::text)::boolean as repeated
), asked as (
  insert into prompt_changes (id, namespace, name, action, edit, expected_version, subject, idempotency_key, sealed, token_fingerprint)
  select (@id::text)::uuid, @namespace, @name, @action, @edit, @expected_version, @subject, nullif(@idempotency_key::text, ''),
         nullif(@sealed::bytea, ''), nullif(@token_fingerprint::bytea, '')
    from waiting, earlier
   where not earlier.repeated
     and (@max_of_subject::bigint = 0 or waiting.of_caller < @max_of_subject)
     and (@max_in_namespace::bigint = 0 or waiting.in_namespace < @max_in_namespace)
     and not (@action = 'Add' and exists (
           select from prompt_changes m
            where m.namespace = @namespace and m.reason = 'NamespaceMissing'
              and m.settled_at > now() - make_interval(secs => @missing_seconds)))
  on conflict do nothing
  returning id
)
select asked.id::text as id, coalesce(pg_notify('lectern_changes', asked.id::text)::text, '')::text as notified
  from asked;

-- name: ExplainUnstored :one
-- Why a request was not stored: of a namespace that is missing what was said then, else how many requests wait, and how many
-- became final in the last ten seconds.
select exists (select from prompt_changes t where t.id = (@id::text)::uuid)::boolean as id_taken,
       coalesce(missing.message, '')::text as missing, coalesce(missing.age, 0)::double precision as missing_age,
       waiting.in_namespace, waiting.of_subject, final.in_namespace as final_in_namespace, final.of_subject as final_of_subject
  from (select count(*) filter (where c.namespace = @namespace) as in_namespace, count(*) as of_subject
          from prompt_changes c
         where c.counted_as = any(@counted_as::text[]) and c.settled_at is null) waiting
 cross join (
       select count(*) filter (where c.namespace = @namespace) as in_namespace, count(*) as of_subject
         from prompt_changes c
        where c.counted_as = any(@counted_as::text[]) and c.settled_at > now() - interval '10 seconds') final
  left join lateral (
       select m.message, extract(epoch from now() - m.settled_at) as age
         from prompt_changes m
        where @action::text = 'Add' and m.namespace = @namespace and m.reason = 'NamespaceMissing'
          and m.settled_at > now() - make_interval(secs => @missing_seconds)
        order by m.settled_at desc
        limit 1) missing on true;

-- name: EarlierRequest :one
-- The name of an addition is chosen anew for each request, because the first one took the name it chose.
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message,
       (action = @action and namespace = @namespace and (action = 'Add' or name = @name)
        and edit in (@edit, erased(@edit))
        and expected_version = @expected_version)::boolean as same
  from prompt_changes
 where counted_as = any(@counted_as::text[])
   and (id = (@id::text)::uuid or idempotency_key = nullif(@idempotency_key::text, ''))
 order by id = (@id::text)::uuid
 limit 1;

-- name: ChangeOutcomes :many
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message
  from prompt_changes
 where id = any((@ids::text[])::uuid[]) and subject = @subject;

-- name: ReadProofContext :one
-- What a seal is bound to beside what the request says, and the edit in the words of the database, which are what is read back.
select i.id::text as installation, f.epoch, (@edit::jsonb)::text as edit
  from installation i
 cross join feed f;

-- name: ScrubOldSeals :one
select scrub_old_seals() as scrubbed;

-- name: UnprovenChanges :many
-- Those of a caller in their order, of all callers the first, then the second of each: whoever inserts many in whatever name
-- keeps nobody else's waiting. One that could not be decided is asked about again after a while, and after what is new.
with waiting as (
  select c.id, c.proof_tried_at is not null as tried, row_number() over (partition by c.counted_as order by c.seq) as turn
    from prompt_changes c
   where c.settled_at is null and c.begun_at is null and c.proven_at is null
     and (c.proof_tried_at is null or c.proof_tried_at < now() - make_interval(secs => @retry_seconds))
), chosen as (
  select waiting.id, waiting.tried, waiting.turn
    from waiting
   order by waiting.tried, waiting.turn, random()
   limit @max_rows
)
select c.id::text as id, c.namespace, c.name, c.action, c.edit::text as edit, c.expected_version, c.subject,
       coalesce(c.idempotency_key, '')::text as idempotency_key, c.sealed,
       extract(epoch from now() - c.requested_at)::double precision as age, i.id::text as installation, f.epoch
  from chosen
  join prompt_changes c on c.id = chosen.id
 cross join installation i
 cross join feed f
 order by chosen.tried, chosen.turn;

-- name: MarkChangeProven :execrows
-- The index of idempotency keys refuses a second one under a caller's key.
update prompt_changes
   set proven_at = now()
 where id = (@id::text)::uuid and settled_at is null and proven_at is null;

-- name: DeferProofs :exec
update prompt_changes
   set proof_tried_at = now()
 where id = any((@ids::text[])::uuid[]) and settled_at is null and proven_at is null;

-- name: RefuseUnproven :many
-- Their idempotency keys are free again: nothing shows that they are their subjects'.
with finalized as (
  update prompt_changes c
     set state = 'Refused', reason = r.reason, message = r.message, edit = erased(c.edit), idempotency_key = null, sealed = null,
         settled_at = now()
    from (select unnest(@ids::text[]) as id, unnest(@reasons::text[]) as reason, unnest(@messages::text[]) as message) r
   where c.id = r.id::uuid and c.settled_at is null and c.begun_at is null and c.proven_at is null
  returning c.id
)
select finalized.id::text as id, coalesce(pg_notify('lectern_changes', finalized.id::text)::text, '')::text as notified
  from finalized;

-- name: PromptsWithOpenChanges :many
-- The prompts whose first request waits for the controller: one that is written is for the publish to make
-- final, and read only when that takes long. What was begun comes first even where an earlier number was committed later.
-- One that was begun was taken without proof, by a controller that asked for none; what became of it has to be found out.
-- Subjects take turns, and within a subject namespaces; in one namespace the oldest request comes first. Of the requests of
-- one turn chance decides: the oldest would be those of the longest queues, again and again.
with first as (
  select distinct on (c.namespace, c.name) c.namespace, c.name, c.subject collate "C" as subject, c.seq, c.state, c.begun_at, c.applied_at
    from prompt_changes c
   where c.settled_at is null and (@with_unproven::boolean or c.proven_at is not null or c.begun_at is not null)
   order by c.namespace, c.name, c.begun_at is null, c.seq
), in_namespace as (
  select namespace, name, subject, row_number() over (partition by subject, namespace order by begun_at is null, seq) as turn
    from first
   where first.state = 'Pending' or first.applied_at < now() - make_interval(secs => @applied_seconds)
), of_subject as (
  select namespace, name, row_number() over (partition by subject order by turn, random()) as turn
    from in_namespace
)
select namespace, name
  from of_subject
 order by turn, random()
 limit @max_rows;

-- name: CountAppliedChanges :one
-- Those whose publish is to be expected.
select count(*)
  from prompt_changes
 where settled_at is null and state = 'Applied' and applied_at >= now() - make_interval(secs => @applied_seconds);

-- name: ServeChangeQueue :exec
-- That a controller serves the queue, and since when without a gap in which requests expire. A queue that is empty within a
-- minute is not worth a row.
update prompt_change_queue
   set served_since = case when served_at >= now() - make_interval(secs => @expiry_seconds) then served_since else now() end,
       served_at = now()
 where exists (select from prompt_changes
                where settled_at is null and begun_at is null and requested_at < now() - interval '1 minute');

-- name: DeferChange :exec
update prompt_changes
   set deferred_at = now()
 where deferred_at is null and begun_at is null
   and id = (select c.id
               from prompt_changes c
              where c.namespace = @namespace and c.name = @name and c.settled_at is null
                and (@with_unproven::boolean or c.proven_at is not null or c.begun_at is not null)
              order by c.begun_at is null, c.seq
              limit 1);

-- name: NextChange :one
select c.id::text as id, c.action, c.edit::text as edit, c.expected_version, c.subject, coalesce(c.idempotency_key, '')::text as idempotency_key,
       c.state, c.attempt, c.object_uid, c.object_version, c.generation,
       change_is_overdue(c.requested_at, coalesce(c.deferred_at, c.begun_at), make_interval(secs => @expiry_seconds)) as overdue,
       coalesce(c.tried_at > now() - make_interval(secs => @call_seconds), false)::boolean as may_land,
       coalesce(c.applied_at < now() - make_interval(secs => @applied_seconds), false)::boolean as stuck,
       c.sealed, extract(epoch from now() - c.requested_at)::double precision as age, i.id::text as installation, f.epoch
  from prompt_changes c
 cross join installation i
 cross join feed f
 where c.namespace = @namespace and c.name = @name and c.settled_at is null
   and (@with_unproven::boolean or c.proven_at is not null or c.begun_at is not null)
 order by c.begun_at is null, c.seq
 limit 1;

-- name: LockChangesOfPrompt :exec
-- Two controllers that begin requests of one prompt at once would not see each other's. Servers cannot lock these rows.
select from prompt_change_locks
 where stripe = hashtext(@namespace::text || '/' || @name::text) & 255
   for update;

-- name: BeginChange :execrows
update prompt_changes c
   set attempt = c.attempt + 1, begun_at = coalesce(c.begun_at, now()), tried_at = now(),
       object_uid = @object_uid, object_version = @object_version, generation = @generation
 where c.id = (@id::text)::uuid and c.state = 'Pending' and c.attempt = @attempt
   and not change_is_overdue(c.requested_at, coalesce(c.deferred_at, c.begun_at), make_interval(secs => @expiry_seconds))
   and not exists (select from prompt_changes o
                    where o.namespace = c.namespace and o.name = c.name and o.settled_at is null and o.id <> c.id
                      and (o.begun_at is not null or o.seq < c.seq and (@with_unproven::boolean or o.proven_at is not null)));

-- name: MarkChangeApplied :exec
-- Its publish may have made it final already.
update prompt_changes
   set state = 'Applied', applied_at = now(), object_uid = @object_uid, generation = @generation, sealed = null
 where id = (@id::text)::uuid and state = 'Pending';

-- name: AppliedChange :one
-- The request whose edit went into an object: the object says so itself, or the row does, should somebody
-- have dropped the annotation. One that was found superseded is of interest once more, see changes_publish.go.
select id::text as id, subject, action, edit, generation
  from prompt_changes
 where namespace = @namespace and name = @name and action <> 'Delete'
   and (settled_at is null and state = 'Applied' and object_uid = @object_uid and generation <= @generation::bigint
     or id = (@last_change::text)::uuid and begun_at is not null and object_uid in ('', @object_uid)
        and (settled_at is null or reason = 'Superseded' and generation = @generation))
 order by settled_at is not null
 limit 1;

-- name: LockChange :one
select state, reason, attempt, generation
  from prompt_changes
 where id = (@id::text)::uuid
   for update;

-- name: FinalizeChange :exec
-- A key is free again where the caller has to ask again with a token of now. Every request that becomes final wakes the controller for the next one, and the server whose caller waits for it. None leaves
-- the edit: a version may be withdrawn, before or after, for a text that is in it, and nobody knows in which it is.
with finalized as (
  update prompt_changes
     set state = @state, reason = @reason, message = @message, edit = erased(edit), sealed = null,
         idempotency_key = case when not @frees_key::boolean then idempotency_key end,
         version = @version, served = @served, new_version = @new_version, settled_at = now()
   where id = (@id::text)::uuid and settled_at is null
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized;

-- name: FinalizeChangesOfDeleted :exec
-- A deletion is done once its object is, whoever did it. What was written and not published is lost; what
-- was only begun is for the controller to find out.
with finalized as (
  update prompt_changes
     set state = case action when 'Delete' then 'Published' else 'Conflict' end,
         reason = case action when 'Delete' then '' else @reason::text end,
         message = case action when 'Delete' then '' else @message::text end,
         edit = erased(edit), sealed = null, settled_at = now()
   where namespace = @namespace and name = @name and object_uid = @object_uid::text and object_uid <> ''
     and settled_at is null and (action = 'Delete' or state = 'Applied')
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized;

-- name: HasOverdueChanges :one
select exists (select from prompt_changes
                where settled_at is null and begun_at is null
                  and change_is_overdue(requested_at, deferred_at, make_interval(secs => @expiry_seconds)))::boolean as overdue;

-- name: ExpireChanges :exec
with finalized as (
  update prompt_changes
     set state = 'Expired', reason = @reason, message = @message, edit = erased(edit), sealed = null, settled_at = now()
   where settled_at is null and begun_at is null
     and change_is_overdue(requested_at, deferred_at, make_interval(secs => @expiry_seconds))
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized;

-- name: DeleteOldChanges :execrows
-- What nobody proved to have asked for goes sooner: a server that was taken over can make any number of those.
delete from prompt_changes
 where id in ((select c.id from prompt_changes c
                where c.settled_at < now() - make_interval(secs => @older_than_seconds)
                order by c.settled_at
                limit @max_rows)
               union all
              (select c.id from prompt_changes c
                where c.proven_at is null and c.state in ('Refused', 'Expired')
                  and c.settled_at < now() - make_interval(secs => @unproven_seconds)
                order by c.settled_at
                limit @max_rows));

-- name: AppliedChange :one
select id::text as id, subject, action, edit, generation
  from prompt_changes
 where namespace = $1 and name = $2 and action <> 'Delete'
   and (settled_at is null and state = 'Applied' and object_uid = $3 and generation <= $4::bigint
     or id = ($5::text)::uuid and begun_at is not null and object_uid in ('', $3)
        and (settled_at is null or reason = 'Superseded' and generation = $4))
 order by settled_at is not null
 limit 1

-- name: BeginChange :execrows
update prompt_changes c
   set attempt = c.attempt + 1, begun_at = coalesce(c.begun_at, now()), tried_at = now(),
       object_uid = $1, object_version = $2, generation = $3
 where c.id = ($4::text)::uuid and c.state = 'Pending' and c.attempt = $5
   and not change_is_overdue(c.requested_at, coalesce(c.deferred_at, c.begun_at), make_interval(secs => $6))
   and not exists (select from prompt_changes o
                    where o.namespace = c.namespace and o.name = c.name and o.settled_at is null and o.id <> c.id
                      and (o.begun_at is not null or o.seq < c.seq and ($7::boolean or o.proven_at is not null)))

-- name: ChangeOutcomes :many
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message
  from prompt_changes
 where id = any(($1::text[])::uuid[]) and subject = $2

-- name: CountAppliedChanges :one
select count(*)
  from prompt_changes
 where settled_at is null and state = 'Applied' and applied_at >= now() - make_interval(secs => $1)

-- name: DeferChange :exec
update prompt_changes
   set deferred_at = now()
 where deferred_at is null and begun_at is null
   and id = (select c.id
               from prompt_changes c
              where c.namespace = $1 and c.name = $2 and c.settled_at is null
                and ($3::boolean or c.proven_at is not null or c.begun_at is not null)
              order by c.begun_at is null, c.seq
              limit 1)

-- name: DeferProofs :exec
update prompt_changes
   set proof_tried_at = now()
 where id = any(($1::text[])::uuid[]) and settled_at is null and proven_at is null

-- name: DeleteOldChanges :execrows
delete from prompt_changes
 where id in ((select c.id from prompt_changes c
                where c.settled_at < now() - make_interval(secs => $1)
                order by c.settled_at
                limit $2)
               union all
              (select c.id from prompt_changes c
                where c.proven_at is null and c.state in ('Refused', 'Expired')
                  and c.settled_at < now() - make_interval(secs => $3)
                order by c.settled_at
                limit $2))

-- name: EarlierRequest :one
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message,
       (action = $1 and namespace = $2 and (action = 'Add' or name = $3)
        and edit in ($4, erased($4))
        and expected_version = $5)::boolean as same
  from prompt_changes
 where counted_as = any($6::text[])
   and (id = ($7::text)::uuid or idempotency_key = nullif($8::text, ''))
 order by id = ($7::text)::uuid
 limit 1

-- name: ExpireChanges :exec
with finalized as (
  update prompt_changes
     set state = 'Expired', reason = $1, message = $2, edit = erased(edit), sealed = null, settled_at = now()
   where settled_at is null and begun_at is null
     and change_is_overdue(requested_at, deferred_at, make_interval(secs => $3))
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized

-- name: ExplainUnstored :one
select exists (select from prompt_changes t where t.id = ($1::text)::uuid)::boolean as id_taken,
       coalesce(missing.message, '')::text as missing, coalesce(missing.age, 0)::double precision as missing_age,
       waiting.in_namespace, waiting.of_subject, final.in_namespace as final_in_namespace, final.of_subject as final_of_subject
  from (select count(*) filter (where c.namespace = $2) as in_namespace, count(*) as of_subject
          from prompt_changes c
         where c.counted_as = any($3::text[]) and c.settled_at is null) waiting
 cross join (
       select count(*) filter (where c.namespace = $2) as in_namespace, count(*) as of_subject
         from prompt_changes c
        where c.counted_as = any($3::text[]) and c.settled_at > now() - interval '10 seconds') final
  left join lateral (
       select m.message, extract(epoch from now() - m.settled_at) as age
         from prompt_changes m
        where $4::text = 'Add' and m.namespace = $2 and m.reason = 'NamespaceMissing'
          and m.settled_at > now() - make_interval(secs => $5)
        order by m.settled_at desc
        limit 1) missing on true

-- name: FinalizeChange :exec
with finalized as (
  update prompt_changes
     set state = $1, reason = $2, message = $3, edit = erased(edit), sealed = null,
         idempotency_key = case when not $4::boolean then idempotency_key end,
         version = $5, served = $6, new_version = $7, settled_at = now()
   where id = ($8::text)::uuid and settled_at is null
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized

-- name: FinalizeChangesOfDeleted :exec
with finalized as (
  update prompt_changes
     set state = case action when 'Delete' then 'Published' else 'Conflict' end,
         reason = case action when 'Delete' then '' else $1::text end,
         message = case action when 'Delete' then '' else $2::text end,
         edit = erased(edit), sealed = null, settled_at = now()
   where namespace = $3 and name = $4 and object_uid = $5::text and object_uid <> ''
     and settled_at is null and (action = 'Delete' or state = 'Applied')
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized

-- name: HasOverdueChanges :one
select exists (select from prompt_changes
                where settled_at is null and begun_at is null
                  and change_is_overdue(requested_at, deferred_at, make_interval(secs => $1)))::boolean as overdue

-- name: LockChange :one
select state, reason, attempt, generation
  from prompt_changes
 where id = ($1::text)::uuid
   for update

-- name: LockChangesOfPrompt :exec
select from prompt_change_locks
 where stripe = hashtext($1::text || '/' || $2::text) & 255
   for update

-- name: MarkChangeApplied :exec
update prompt_changes
   set state = 'Applied', applied_at = now(), object_uid = $1, generation = $2, sealed = null
 where id = ($3::text)::uuid and state = 'Pending'

-- name: MarkChangeProven :execrows
update prompt_changes
   set proven_at = now()
 where id = ($1::text)::uuid and settled_at is null and proven_at is null

-- name: NextChange :one
select c.id::text as id, c.action, c.edit::text as edit, c.expected_version, c.subject, coalesce(c.idempotency_key, '')::text as idempotency_key,
       c.state, c.attempt, c.object_uid, c.object_version, c.generation,
       change_is_overdue(c.requested_at, coalesce(c.deferred_at, c.begun_at), make_interval(secs => $1)) as overdue,
       coalesce(c.tried_at > now() - make_interval(secs => $2), false)::boolean as may_land,
       coalesce(c.applied_at < now() - make_interval(secs => $3), false)::boolean as stuck,
       c.sealed, extract(epoch from now() - c.requested_at)::double precision as age, i.id::text as installation, f.epoch
  from prompt_changes c
 cross join installation i
 cross join feed f
 where c.namespace = $4 and c.name = $5 and c.settled_at is null
   and ($6::boolean or c.proven_at is not null or c.begun_at is not null)
 order by c.begun_at is null, c.seq
 limit 1

-- name: PromptsWithOpenChanges :many
with first as (
  select distinct on (c.namespace, c.name) c.namespace, c.name, c.subject collate "C" as subject, c.seq, c.state, c.begun_at, c.applied_at
    from prompt_changes c
   where c.settled_at is null and ($2::boolean or c.proven_at is not null or c.begun_at is not null)
   order by c.namespace, c.name, c.begun_at is null, c.seq
), in_namespace as (
  select namespace, name, subject, row_number() over (partition by subject, namespace order by begun_at is null, seq) as turn
    from first
   where first.state = 'Pending' or first.applied_at < now() - make_interval(secs => $3)
), of_subject as (
  select namespace, name, row_number() over (partition by subject order by turn, random()) as turn
    from in_namespace
)
select namespace, name
  from of_subject
 order by turn, random()
 limit $1

-- name: ReadProofContext :one
select i.id::text as installation, f.epoch, ($1::jsonb)::text as edit
  from installation i
 cross join feed f

-- name: RefuseUnproven :many
with finalized as (
  update prompt_changes c
     set state = 'Refused', reason = r.reason, message = r.message, edit = erased(c.edit), idempotency_key = null, sealed = null,
         settled_at = now()
    from (select unnest($1::text[]) as id, unnest($2::text[]) as reason, unnest($3::text[]) as message) r
   where c.id = r.id::uuid and c.settled_at is null and c.begun_at is null and c.proven_at is null
  returning c.id
)
select finalized.id::text as id, coalesce(pg_notify('lectern_changes', finalized.id::text)::text, '')::text as notified
  from finalized

-- name: RequestChange :one
with waiting as (
  select count(*) filter (where c.namespace = $1) as in_namespace, count(*) as of_caller
    from prompt_changes c
   where c.counted_as = any($2::text[]) and c.settled_at is null
), earlier as (
  select exists(select from prompt_changes c
                 where c.counted_as = any($2::text[]) and c.idempotency_key = $3::text)::boolean as repeated
), asked as (
  insert into prompt_changes (id, namespace, name, action, edit, expected_version, subject, idempotency_key, sealed, token_fingerprint)
  select ($4::text)::uuid, $1, $5, $6, $7, $8, $9, nullif($3::text, ''),
         nullif($10::bytea, ''), nullif($11::bytea, '')
    from waiting, earlier
   where not earlier.repeated
     and ($12::bigint = 0 or waiting.of_caller < $12)
     and ($13::bigint = 0 or waiting.in_namespace < $13)
     and not ($6 = 'Add' and exists (
           select from prompt_changes m
            where m.namespace = $1 and m.reason = 'NamespaceMissing'
              and m.settled_at > now() - make_interval(secs => $14)))
  on conflict do nothing
  returning id
)
select asked.id::text as id, coalesce(pg_notify('lectern_changes', asked.id::text)::text, '')::text as notified
  from asked

-- name: ScrubOldSeals :one
select scrub_old_seals() as scrubbed

-- name: ServeChangeQueue :exec
update prompt_change_queue
   set served_since = case when served_at >= now() - make_interval(secs => $1) then served_since else now() end,
       served_at = now()
 where exists (select from prompt_changes
                where settled_at is null and begun_at is null and requested_at < now() - interval '1 minute')

-- name: UnprovenChanges :many
with waiting as (
  select c.id, c.proof_tried_at is not null as tried, row_number() over (partition by c.counted_as order by c.seq) as turn
    from prompt_changes c
   where c.settled_at is null and c.begun_at is null and c.proven_at is null
     and (c.proof_tried_at is null or c.proof_tried_at < now() - make_interval(secs => $1))
), chosen as (
  select waiting.id, waiting.tried, waiting.turn
    from waiting
   order by waiting.tried, waiting.turn, random()
   limit $2
)
select c.id::text as id, c.namespace, c.name, c.action, c.edit::text as edit, c.expected_version, c.subject,
       coalesce(c.idempotency_key, '')::text as idempotency_key, c.sealed,
       extract(epoch from now() - c.requested_at)::double precision as age, i.id::text as installation, f.epoch
  from chosen
  join prompt_changes c on c.id = chosen.id
 cross join installation i
 cross join feed f
 order by chosen.tried, chosen.turn


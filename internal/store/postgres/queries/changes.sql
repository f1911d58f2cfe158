-- name: RequestChange :one
-- A repeat answers nothing: of the id, or of the subject's idempotency key.
with asked as (
  insert into prompt_changes (id, namespace, name, action, edit, expected_version, subject, idempotency_key)
  values ((@id::text)::uuid, @namespace, @name, @action, @edit, @expected_version, @subject, nullif(@idempotency_key::text, ''))
  on conflict do nothing
  returning id
)
select asked.id::text as id, coalesce(pg_notify('lectern_changes', asked.id::text)::text, '')::text as notified
  from asked;

-- name: EarlierRequest :one
-- The name of an addition is chosen anew for each request, because the first one took the name it chose.
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message,
       (action = @action and namespace = @namespace and (action = 'Add' or name = @name)
        and edit in (@edit, erased(@edit))
        and expected_version = @expected_version)::boolean as same
  from prompt_changes
 where subject = @subject
   and (id = (@id::text)::uuid or idempotency_key = nullif(@idempotency_key::text, ''))
 order by id = (@id::text)::uuid
 limit 1;

-- name: ChangeOutcomes :many
select id::text as id, namespace, name, action, state, version, served, new_version, reason, message
  from prompt_changes
 where id = any((@ids::text[])::uuid[]) and subject = @subject;

-- name: PromptsWithOpenChanges :many
-- The prompts whose first request waits for the controller: one that is written is for the publish to make
-- final, and read only when that takes long. What was begun comes first even where an earlier number was committed later.
select first.namespace, first.name
  from (select distinct on (c.namespace, c.name) c.namespace, c.name, c.seq, c.state, c.applied_at
          from prompt_changes c
         where c.settled_at is null
         order by c.namespace, c.name, c.begun_at is null, c.seq) first
 where first.state = 'Pending' or first.applied_at < now() - make_interval(secs => @applied_seconds)
 order by first.seq
 limit @max_rows;

-- name: NextChange :one
select id::text as id, action, edit, expected_version, subject, state, attempt, object_uid, object_version, generation,
       (requested_at < now() - make_interval(secs => @expiry_seconds))::boolean as overdue,
       coalesce(tried_at > now() - make_interval(secs => @call_seconds), false)::boolean as may_land,
       coalesce(applied_at < now() - make_interval(secs => @applied_seconds), false)::boolean as stuck
  from prompt_changes
 where namespace = @namespace and name = @name and settled_at is null
 order by begun_at is null, seq
 limit 1;

-- name: LockChangesOfPrompt :exec
-- Two controllers that begin requests of one prompt at once would not see each other's.
select pg_advisory_xact_lock(hashtextextended('lectern changes of ' || @namespace::text || '/' || @name::text, 0));

-- name: BeginChange :execrows
update prompt_changes c
   set attempt = c.attempt + 1, begun_at = coalesce(c.begun_at, now()), tried_at = now(),
       object_uid = @object_uid, object_version = @object_version, generation = @generation
 where c.id = (@id::text)::uuid and c.state = 'Pending' and c.attempt = @attempt
   and c.requested_at >= now() - make_interval(secs => @expiry_seconds)
   and not exists (select from prompt_changes o
                    where o.namespace = c.namespace and o.name = c.name and o.settled_at is null and o.id <> c.id
                      and (o.begun_at is not null or o.seq < c.seq));

-- name: MarkChangeApplied :exec
-- Its publish may have made it final already.
update prompt_changes
   set state = 'Applied', applied_at = now(), object_uid = @object_uid, generation = @generation
 where id = (@id::text)::uuid and state = 'Pending';

-- name: AppliedChange :one
-- The request whose edit went into an object: the object says so itself, or the row does, should somebody
-- have dropped the annotation. One that was found superseded is of interest once more, see changes_publish.go.
select id::text as id, edit, generation
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
-- Every request that becomes final wakes the controller for the next one. Servers poll. None leaves the edit: a version may be
-- withdrawn, before or after, for a text that is in it, and nobody knows in which it is.
with finalized as (
  update prompt_changes
     set state = @state, reason = @reason, message = @message, edit = erased(edit),
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
         edit = erased(edit), settled_at = now()
   where namespace = @namespace and name = @name and object_uid = @object_uid::text and object_uid <> ''
     and settled_at is null and (action = 'Delete' or state = 'Applied')
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized;

-- name: HasOverdueChanges :one
select exists (select from prompt_changes
                where settled_at is null and begun_at is null
                  and requested_at < now() - make_interval(secs => @expiry_seconds))::boolean as overdue;

-- name: ExpireChanges :exec
with finalized as (
  update prompt_changes
     set state = 'Expired', reason = @reason, message = @message, edit = erased(edit), settled_at = now()
   where settled_at is null and begun_at is null and requested_at < now() - make_interval(secs => @expiry_seconds)
  returning id
)
select pg_notify('lectern_changes', finalized.id::text)
  from finalized;

-- name: DeleteOldChanges :execrows
delete from prompt_changes
 where id in (select c.id from prompt_changes c
               where c.settled_at < now() - make_interval(secs => @older_than_seconds)
               order by c.settled_at
               limit @max_rows);

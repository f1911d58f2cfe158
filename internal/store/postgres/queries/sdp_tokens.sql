-- name: LockTokenBudget :one
-- A statement of its own: the count that follows sees what whoever held the lock before has inserted.
select stripe
  from token_budget_locks
 where stripe = get_byte(@fingerprint::bytea, 0)
   for update;

-- name: SpentTokenRequests :many
-- Since times by the controller's clock: what was spent of the budget, all connections together, and what is under way of one
-- connection, whatever its budget.
select owner_uid, cause, fingerprint, extract(epoch from started_at)::double precision as started_at,
       (ended_at is not null)::boolean as ended
  from token_requests
 where fingerprint = @fingerprint::bytea and started_at > to_timestamp(@since::double precision)
    or owner_uid = @owner_uid and ended_at is null and started_at > to_timestamp(@under_way_since::double precision);

-- name: InsertTokenRequest :one
insert into token_requests (namespace, name, owner_uid, kind, cause, fingerprint, started_at)
values (@namespace, @name, @owner_uid, @kind, @cause, @fingerprint, @started_at)
returning id;

-- name: EndTokenRequest :execrows
update token_requests
   set ended_at = to_timestamp(@ended_at::double precision), outcome = @outcome::text, detail = @detail
 where id = @id and ended_at is null;

-- name: IsFingerprintShared :one
-- By what was asked for lately: a connection that has no token yet, or has another one by now, counts. And by the current token: one
-- that is suspended asks for none.
select exists (select from token_requests r
                 join sdp_connections c on c.namespace = r.namespace and c.name = r.name and c.owner_uid = r.owner_uid
                where r.fingerprint = @fingerprint::bytea and r.owner_uid <> @owner_uid and c.deleted_at is null
               union all
               select from oauth_tokens t
                 join sdp_connections c on c.id = t.connection_id
                where t.fingerprint = @fingerprint::bytea and t.replaced_at is null
                  and c.owner_uid <> @owner_uid and c.deleted_at is null)::boolean as shared;

-- name: LockConnectionOfOwner :one
-- Waits for no server that keeps a reference to the row.
select id
  from sdp_connections
 where namespace = @namespace and name = @name and owner_uid = @owner_uid and deleted_at is null
   for no key update;

-- name: CurrentToken :one
select id::text as id, kind, sealed, fingerprint, coalesce(request_id, 0)::bigint as request_id, refreshes, scopes,
       extract(epoch from issued_at)::double precision as issued_at,
       coalesce(extract(epoch from expires_at), 0)::double precision as expires_at
  from oauth_tokens
 where connection_id = @connection_id and replaced_at is null;

-- name: ReplaceTokens :exec
-- With the refusals of those that are replaced, which nobody asks about any more. The row stays: a server may have a reference to it
-- in an open transaction, and to delete it would wait for that.
with replaced as (
  update oauth_tokens
     set replaced_at = now(), sealed = null
   where connection_id = @connection_id and replaced_at is null
  returning id
)
delete from token_refusals f
 using replaced
 where f.token_id = replaced.id and f.connection_id = @connection_id;

-- name: InsertToken :exec
insert into oauth_tokens (id, connection_id, kind, sealed, fingerprint, scopes, request_id, issued_at, expires_at, refreshes)
values ((@id::text)::uuid, @connection_id, @kind, @sealed, @fingerprint, @scopes, nullif(@request_id::bigint, 0),
        to_timestamp(@issued_at::double precision), to_timestamp(nullif(@expires_at::double precision, 0)), @refreshes);

-- name: ResealToken :execrows
-- Under another seal key; what is sealed is the same, so that nobody has to be told.
update oauth_tokens
   set sealed = @sealed
 where id = (@id::text)::uuid and replaced_at is null;

-- name: SealedTokens :many
select t.id::text as id, c.namespace, c.name, c.owner_uid, t.kind, t.sealed
  from oauth_tokens t
  join sdp_connections c on c.id = t.connection_id
 where t.replaced_at is null
 order by t.id;

-- name: ReportRefusal :one
-- The name of the constraint is left out: naming it takes a right to read.
with reported as (
  insert into token_refusals (connection_id, token_id)
  values (@connection_id, (@token_id::text)::uuid)
  on conflict do nothing
  returning token_id
)
select count(*) as inserted, coalesce(min(pg_notify('lectern_refusals', @connection_id::bigint::text)::text), '')::text as notified
  from reported;

-- name: TokenRefusals :many
-- Of current tokens, and so at most one a connection: whoever has a server's role can report all that there were.
select c.namespace, c.name, c.owner_uid, f.token_id::text as token_id, f.replica,
       extract(epoch from now() - f.refused_at)::double precision as age
  from token_refusals f
  join oauth_tokens t on t.id = f.token_id and t.connection_id = f.connection_id
  join sdp_connections c on c.id = f.connection_id
 where t.replaced_at is null
 order by f.refused_at
 limit @max_rows;

-- name: DeleteRefusal :exec
delete from token_refusals where token_id = (@token_id::text)::uuid;

-- name: DeleteRefusalsOfReplacedTokens :execrows
-- Reported after the token was replaced.
delete from token_refusals
 where token_id in (select f.token_id
                      from token_refusals f
                      join oauth_tokens t on t.id = f.token_id and t.connection_id = f.connection_id
                     where t.replaced_at is not null
                     order by f.refused_at
                     limit @max_rows);

-- name: DeleteOldTokenRequests :execrows
delete from token_requests
 where id in (select r.id from token_requests r
               where r.started_at < now() - make_interval(secs => @older_than_seconds)
               order by r.started_at
               limit @max_rows);

-- name: DeleteReplacedTokens :execrows
-- One that a server refers to in a transaction of its own stays until the next time.
delete from oauth_tokens
 where id in (select t.id from oauth_tokens t
               where t.replaced_at < now() - make_interval(secs => @older_than_seconds) and t.replaced_at is not null
               order by t.replaced_at
               limit @max_rows
                 for update skip locked);

-- name: RecordTokenUse :execrows
-- From what was granted, to the hour; the window keeps the last grant of a connection however old it is.
with used as (
  select w.connection_id, max(w.granted_at) as at
    from sdp_windows w
   where w.calls > 0
   group by w.connection_id
)
update oauth_tokens t
   set last_used_at = used.at
  from used
 where t.connection_id = used.connection_id and t.replaced_at is null and used.at >= t.issued_at
   and (t.last_used_at is null or used.at > t.last_used_at + interval '1 hour');

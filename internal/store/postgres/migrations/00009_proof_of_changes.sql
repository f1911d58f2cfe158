-- +goose Up

-- Tells apart databases whose controllers have the same key. Whoever changes the epoch, as after a restore, has the seals of
-- before opened no more.
alter table installation add column id uuid not null default gen_random_uuid();
comment on column installation.id is 'Made once; with the epoch it is part of what a seal is bound to.';

alter table prompt_changes
  add column sealed            bytea check (octet_length(sealed) between 1 and 24576),
  add column token_fingerprint bytea check (octet_length(token_fingerprint) = 32),
  add column proven_at         timestamptz,
  add column proof_tried_at    timestamptz,
  -- Whose quota and idempotency keys a request takes: those of its subject only once a controller has proven that it is the
  -- subject's. Before that of whoever knows the fingerprint, which no other table and no reader of this one says. So what
  -- somebody else inserts in a caller's name takes nothing of the caller's.
  add column counted_as        text collate "C" not null generated always as (
    case when proven_at is not null then 'proven ' || subject
         when token_fingerprint is not null then 'token ' || encode(sha256(token_fingerprint), 'hex')
         else 'claimed ' || subject
    end) stored;
comment on column prompt_changes.sealed is 'The caller''s token, which only a controller can open, and only for this row; null once it is of no use, at the latest after 15 minutes. Servers may insert it and not read it.';
comment on column prompt_changes.token_fingerprint is 'HMAC of the subject with the caller''s token as key. Servers may insert it and not read it.';
comment on column prompt_changes.proven_at is 'When a controller found the request to be of its subject. It asks again before it writes the object.';
comment on column prompt_changes.proof_tried_at is 'When a controller last could not find out whether it is, because something was unavailable.';

-- A repeat is one of the same caller.
alter table prompt_changes drop constraint prompt_changes_once;
create unique index prompt_changes_once on prompt_changes (counted_as, idempotency_key);
create index prompt_changes_of_caller on prompt_changes (counted_as, namespace) where settled_at is null;

-- What waits for its proof, and what is sealed.
create index prompt_changes_unproven on prompt_changes (counted_as, seq) where settled_at is null and begun_at is null and proven_at is null;
create index prompt_changes_sealed on prompt_changes (requested_at) where sealed is not null;

-- Controllers call it, whether they lead or not, servers, and `lectern migrate`. It is bound to its table here, whatever the
-- search_path of who calls it is; it takes nothing from the caller, and does with its owner's rights what servers have no right to.
-- A row that somebody else is changing is left to the next call. One minute less than is promised, for the time between two.
-- +goose StatementBegin
create function scrub_old_seals() returns bigint language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  with scrubbed as (
    update prompt_changes c
       set sealed = null
     where c.id in (select o.id
                      from prompt_changes o
                     where o.sealed is not null and o.requested_at < now() - interval '14 minutes'
                       for update skip locked)
    returning c.id
  )
  select count(*) from scrubbed;
end;
-- +goose StatementEnd
revoke all on function scrub_old_seals() from public;

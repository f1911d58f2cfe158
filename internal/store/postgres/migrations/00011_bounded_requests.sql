-- +goose Up

-- A server that was taken over inserts what it likes, past the limits of the program. What it may insert is bounded here, where
-- only the owner can change it. Not valid: rows that are there already were asked for by the program.
alter table prompt_changes
  add constraint prompt_changes_namespace_size check (octet_length(namespace) <= 63) not valid,
  add constraint prompt_changes_name_size check (octet_length(name) <= 63) not valid,
  add constraint prompt_changes_edit_size check (pg_column_size(edit) <= 524288) not valid,
  add constraint prompt_changes_subject_size check (octet_length(subject) <= 1024) not valid,
  add constraint prompt_changes_key_size check (octet_length(idempotency_key) <= 256) not valid;

-- How many requests are open, up to one more than may be, and the bytes of their edits and seals. It is bound to its table here,
-- whatever the search_path of who inserts. Volatile: it sees the rows that the same statement inserted before.
-- +goose StatementBegin
create function count_open_changes(out open bigint, out bytes bigint) language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select count(*), coalesce(sum(c.bytes), 0)::bigint
    from (select pg_column_size(o.edit) + coalesce(octet_length(o.sealed), 0) as bytes
            from prompt_changes o
           where o.settled_at is null
           limit 10001) c;
end;
-- +goose StatementEnd
revoke all on function count_open_changes() from public;

-- A lock that is held while requests are counted would be held by whoever leaves a transaction open. So those that are
-- inserted at once do not see each other: each session may exceed the bounds by what it inserts in one transaction, which is
-- bounded likewise.
-- +goose StatementBegin
create function refuse_unbounded_changes() returns trigger language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  counted record;
begin
  execute format('select * from %I.count_open_changes()', tg_table_schema) into counted;
  if counted.open >= 10000 or counted.bytes >= 268435456 then
    raise exception 'too many change requests are open: % with % bytes; at most 10000 with 268435456 bytes are taken', counted.open, counted.bytes
      using errcode = 'configuration_limit_exceeded', hint = 'Try again when the controller has worked them off.';
  end if;
  return new;
end
$$;
-- +goose StatementEnd
revoke all on function refuse_unbounded_changes() from public;
create trigger bounded before insert on prompt_changes for each row execute function refuse_unbounded_changes();

-- What nobody proved to have asked for is deleted sooner.
create index prompt_changes_forged on prompt_changes (settled_at) where proven_at is null and state in ('Refused', 'Expired');

-- Rows to lock in place of prompts whose requests are begun, each for a share of them. Servers have no right to them: a lock by
-- number is anybody's to hold.
create table prompt_change_locks (
  stripe integer primary key
);
insert into prompt_change_locks select generate_series(0, 255);
comment on table prompt_change_locks is 'Two controllers that begin requests of one prompt at once lock the same row first.';

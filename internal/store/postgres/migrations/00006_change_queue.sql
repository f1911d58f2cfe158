-- +goose Up

-- What a subject has open is counted with each request.
create index prompt_changes_of_subject on prompt_changes (subject, namespace) where settled_at is null;

-- Where a prompt could not be added lately, because there is no such namespace.
create index prompt_changes_no_namespace on prompt_changes (namespace, settled_at) where reason = 'NamespaceMissing';

alter table prompt_changes add column deferred_at timestamptz;
comment on column prompt_changes.deferred_at is 'When its turn first came and it could not be begun: since then it waits for no other request.';

create table prompt_change_queue (
  one          boolean primary key default true check (one),
  served_since timestamptz,
  served_at    timestamptz
);
insert into prompt_change_queue default values;
comment on table prompt_change_queue is 'Since when a controller serves the queue, and when one last did; written only while a request waits for longer than a minute.';

-- Whether a request may not be begun any more: it waited too long for its own sake, or while no controller served the
-- queue. What it waits for others, whose turn comes before, does not count. It is bound to its table here, whatever the
-- search_path of who calls it is.
-- +goose StatementBegin
create function change_is_overdue(requested_at timestamptz, own_since timestamptz, expiry interval) returns boolean language sql stable
begin atomic
  select coalesce(own_since < now() - expiry, false)
      or requested_at < now() - expiry
         and not exists (select from prompt_change_queue q where q.served_at >= now() - expiry and requested_at >= q.served_since - expiry);
end;
-- +goose StatementEnd

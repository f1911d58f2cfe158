-- +goose Up

create table prompt_changes (
  id               uuid primary key,
  seq              bigint generated always as identity unique,
  namespace        text collate "C" not null check (namespace <> ''),
  name             text collate "C" not null check (name <> ''),
  action           text not null check (action in ('Add', 'Update', 'Delete')),
  edit             jsonb not null default '{}',
  expected_version bigint not null default 0 check (expected_version >= 0),
  subject          text not null check (subject <> ''),
  idempotency_key  text check (idempotency_key <> ''),
  requested_at     timestamptz not null default now(),
  asked_as         text not null default session_user,
  replica          text not null default current_setting('application_name'),

  state            text not null default 'Pending'
                   check (state in ('Pending', 'Applied', 'Published', 'Blocked', 'Refused', 'Conflict', 'Expired')),
  reason           text not null default '',
  message          text not null default '',
  version          bigint not null default 0,
  served           bigint not null default 0,
  new_version      boolean not null default false,

  attempt          integer not null default 0,
  begun_at         timestamptz,
  tried_at         timestamptz,
  object_uid       text not null default '',
  object_version   text not null default '',
  generation       bigint not null default 0,
  applied_at       timestamptz,
  settled_at       timestamptz,

  constraint prompt_changes_once unique (subject, idempotency_key),
  constraint prompt_changes_settled check ((settled_at is null) = (state in ('Pending', 'Applied'))),
  constraint prompt_changes_begun check ((begun_at is null) = (attempt = 0))
);
comment on table prompt_changes is 'Writes asked for over MCP. A server inserts up to replica; what follows is the controller''s alone.';
comment on column prompt_changes.asked_as is 'The database role that inserted the row.';
comment on column prompt_changes.attempt is 'How often the controller began to write the object. Whoever goes on compares it first, so that of two leaders one does.';
comment on column prompt_changes.object_uid is 'With object_version: what the last attempt was about to write; empty for an object it was about to create.';
comment on column prompt_changes.generation is 'Of the object once it is written.';

-- The queue of each prompt.
create index prompt_changes_open on prompt_changes (namespace, name, seq) where settled_at is null;

-- What a withdrawal erases.
create index prompt_changes_made on prompt_changes (namespace, name, version) where version > 0;

-- What is old enough to go.
create index prompt_changes_old on prompt_changes (settled_at) where settled_at is not null;

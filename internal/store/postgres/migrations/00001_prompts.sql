-- +goose Up

-- Names sort by bytes ("C"), as Go compares them: a keyset page must not depend on the machine's locale.

create table installation (
  one         boolean primary key default true check (one),
  cluster_uid text check (cluster_uid <> ''),
  claimed_at  timestamptz
);
comment on table installation is 'The cluster that may write here, by the UID of its kube-system namespace; null until a controller claims it.';
insert into installation default values;

-- The epoch starts at the clock so that a database made anew is not mistaken for the one before.
create table feed (
  one      boolean primary key default true check (one),
  epoch    bigint not null default extract(epoch from now())::bigint,
  revision bigint not null default 0
);
comment on table feed is 'The last revision given out. Its row lock, held to commit, is what orders all visible changes.';
insert into feed default values;

create table prompts (
  id              bigint generated always as identity primary key,
  namespace       text collate "C" not null,
  name            text collate "C" not null,
  owner_uid       text not null,
  generation      bigint not null,
  revision        bigint not null default 0 check (revision >= 0),
  labels          jsonb not null default '{}',

  exposure        text not null default 'Listed' check (exposure in ('Listed', 'Unlisted', 'Fragment')),
  deletion_policy text not null default 'Delete' check (deletion_policy in ('Delete', 'Retain')),
  history_limit   integer not null default 0 check (history_limit >= 0),

  highest_version bigint not null default 0 check (highest_version >= 0),
  digest          text not null default '',
  latest_version  bigint,
  default_version bigint,

  title           text not null default '',
  description     text not null default '',
  category        text not null default '',
  is_template     boolean not null default false,
  metadata        jsonb,
  tags            text[] not null default '{}',
  arguments       jsonb not null default '[]',
  tags_text       text not null default '',
  search          tsvector not null default ''::tsvector,

  created_at      timestamptz not null default now(),
  updated_at      timestamptz not null default now(),
  deleted_at      timestamptz,
  purged_at       timestamptz check (purged_at is null or deleted_at is not null),

  constraint prompts_key unique (namespace, name)
);
comment on table prompts is 'One row a prompt, tombstones included. From title to search: what its default version says.';
comment on column prompts.revision is 'Of its last visible change; 0 only inside the transaction that inserts the row.';
comment on column prompts.highest_version is 'The highest number ever given out; survives a purge, so that no number is used twice.';
comment on column prompts.digest is 'Of the newest version, which the next publish compares with; empty when none is stored.';
comment on column prompts.latest_version is 'The highest version not withdrawn; null when there is none.';
comment on column prompts.default_version is 'What callers get who name no version; null when production never pointed to one.';

create table prompt_versions (
  prompt_id    bigint not null references prompts,
  version      bigint not null check (version > 0),
  digest       text not null check (digest <> ''),
  document     jsonb,
  includes     jsonb not null default '[]',
  source       jsonb,
  content      text,
  tags         text[] not null default '{}',
  variables    text[] not null default '{}',
  provenance   jsonb not null default '{}',
  published_at timestamptz not null default now(),
  withdrawn_at timestamptz,
  primary key (prompt_id, version),
  constraint prompt_versions_text check (num_nonnulls(document, source, content) = case when withdrawn_at is null then 3 else 0 end)
);
comment on table prompt_versions is 'Immutable; a withdrawal erases the text and keeps number and digest.';
comment on column prompt_versions.source is 'The messages as written, includes not expanded: what an including prompt takes.';

-- Deferred: a publish drops versions before it moves these.
alter table prompts
  add constraint prompts_latest foreign key (id, latest_version) references prompt_versions (prompt_id, version) deferrable initially deferred,
  add constraint prompts_default foreign key (id, default_version) references prompt_versions (prompt_id, version) deferrable initially deferred;

-- +goose StatementBegin
create function refuse_version_update() returns trigger language plpgsql as $$
begin
  if old.withdrawn_at is null and new.withdrawn_at is not null
     and (new.prompt_id, new.version, new.digest, new.provenance, new.published_at)
       = (old.prompt_id, old.version, old.digest, old.provenance, old.published_at)
     and new.includes = '[]' and new.tags = '{}' and new.variables = '{}' then
    return new;
  end if;
  raise exception 'version % of prompt % is immutable; it can only be withdrawn', old.version, old.prompt_id
    using errcode = 'integrity_constraint_violation';
end
$$;
-- +goose StatementEnd
create trigger immutable before update on prompt_versions for each row execute function refuse_version_update();

create table prompt_channels (
  prompt_id bigint not null references prompts,
  name      text collate "C" not null check (name <> ''),
  version   bigint,
  primary key (prompt_id, name),
  foreign key (prompt_id, version) references prompt_versions
);
comment on table prompt_channels is 'latest included.';
comment on column prompt_channels.version is 'Null when the manifest states the channel and it points to no stored version.';

create table prompt_channel_moves (
  id           bigint generated always as identity primary key,
  prompt_id    bigint not null references prompts,
  name         text collate "C" not null,
  from_version bigint,
  to_version   bigint,
  moved_at     timestamptz not null default now(),
  generation   bigint not null
);
comment on table prompt_channel_moves is 'Every move but those of latest, whose history is that of the versions. No reference to versions: history outlives them.';
create index prompt_channel_moves_prompt on prompt_channel_moves (prompt_id, id);

create table tags (
  id   bigint generated always as identity primary key,
  name text collate "C" not null unique
);

create table prompt_tags (
  prompt_id bigint not null references prompts,
  tag_id    bigint not null references tags,
  primary key (prompt_id, tag_id)
);
create index prompt_tags_tag on prompt_tags (tag_id, prompt_id);

create table prompt_variables (
  prompt_id     bigint not null references prompts,
  name          text collate "C" not null,
  position      integer not null,
  description   text not null default '',
  type          text not null,
  enum          text[] not null default '{}',
  default_value text,
  required      boolean not null,
  primary key (prompt_id, name)
);

-- Pages of the list, and their count, without reading the prompts that are not in it.
create index prompts_listed on prompts (namespace, name)
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

-- The change feed. Unique, because a page that ends between two equal revisions would lose one; the
-- row being inserted has none yet.
create unique index prompts_revision on prompts (revision) where revision > 0;

-- What the purge looks for.
create index prompts_tombstones on prompts (deleted_at)
 where deleted_at is not null and purged_at is null and deletion_policy = 'Delete';

-- Who includes a prompt, asked before a version is withdrawn or dropped. Most versions include nothing.
create index prompt_versions_includes on prompt_versions using gin (includes jsonb_path_ops)
 where includes <> '[]';

-- What the foreign keys ask when a version is dropped.
create index prompt_channels_version on prompt_channels (prompt_id, version);

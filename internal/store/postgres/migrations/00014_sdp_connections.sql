-- +goose Up

create table sdp_connections (
  id                  bigint generated always as identity primary key,
  namespace           text collate "C" not null check (namespace <> ''),
  name                text collate "C" not null check (name <> ''),
  owner_uid           text not null,
  generation          bigint not null,
  revision            bigint not null default 0 check (revision >= 0),
  settings            jsonb,
  retention_days      integer check (retention_days between 1 and 3650),

  created_at          timestamptz not null default now(),
  updated_at          timestamptz not null default now(),
  deleted_at          timestamptz,

  constraint sdp_connections_key unique (namespace, name),
  constraint sdp_connections_settings check ((settings is null) = (deleted_at is not null) or revision = 0)
);
comment on table sdp_connections is 'One row a connection, tombstones included. No secret is in it.';
comment on column sdp_connections.revision is 'Of its last visible change, its token and lookups included; 0 only inside the transaction that inserts the row.';
comment on column sdp_connections.settings is 'Everything a server has to know beside the token; null in a tombstone.';
comment on column sdp_connections.retention_days is 'How long its audit is kept, and a tombstone at least.';
create index sdp_connections_revision on sdp_connections (revision) where revision > 0;
create index sdp_connections_deleted on sdp_connections (deleted_at) where deleted_at is not null;

-- The identity of a sealed token is what it is sealed for, so it is chosen before it is stored.
create table oauth_tokens (
  id            uuid primary key,
  connection_id bigint not null references sdp_connections on delete cascade,
  kind          text not null check (kind in ('AccessToken', 'APIKey')),
  sealed        bytea check (octet_length(sealed) between 1 and 16384),
  fingerprint   bytea not null check (octet_length(fingerprint) = 16),
  scopes        text[] not null default '{}',
  request_id    bigint,
  issued_at     timestamptz not null,
  expires_at    timestamptz,
  refreshes     bigint not null default 0 check (refreshes >= 0),
  last_used_at  timestamptz,
  replaced_at   timestamptz,

  constraint oauth_tokens_pair unique (id, connection_id),
  constraint oauth_tokens_sealed check ((sealed is null) = (replaced_at is not null)),
  constraint oauth_tokens_expiry check ((expires_at is null) = (kind = 'APIKey'))
);
comment on table oauth_tokens is 'What is sent to ServiceDesk Plus, sealed. A refresh token never is in it; one that was replaced keeps its row without the seal.';
comment on column oauth_tokens.fingerprint is 'Which refresh token, or API key, it is of: a digest that no seal key changes.';
comment on column oauth_tokens.request_id is 'The request that it was got by; a slow answer of an earlier one does not replace it.';
comment on column oauth_tokens.refreshes is 'How many tokens the connection got before it.';
create unique index oauth_tokens_current on oauth_tokens (connection_id) where replaced_at is null;
create index oauth_tokens_replaced on oauth_tokens (replaced_at) where replaced_at is not null;

-- No reference to connections: the limit is the refresh token's, which may outlive them, and be of several.
create table token_requests (
  id          bigint generated always as identity primary key,
  namespace   text collate "C" not null,
  name        text collate "C" not null,
  owner_uid   text not null,
  kind        text not null check (kind in ('Refresh', 'Exchange')),
  cause       text not null check (cause in ('Scheduled', 'Refused')),
  fingerprint bytea not null check (octet_length(fingerprint) = 16),
  started_at  timestamptz not null,
  ended_at  timestamptz,
  outcome     text check (outcome in ('Issued', 'Throttled', 'Denied', 'Failed')),
  detail      text not null default '' check (octet_length(detail) <= 1000),

  constraint token_requests_ended check ((ended_at is null) = (outcome is null))
);
comment on table token_requests is 'Every call to the token endpoint of an accounts server, from before it is made.';
comment on column token_requests.fingerprint is 'Whose budget it counts against: of the refresh token, or of the client id for an exchange.';
comment on column token_requests.started_at is 'By the clock of the controller.';
comment on column token_requests.outcome is 'Of one that never got any, nobody knows; it is spent all the same.';
create index token_requests_budget on token_requests (fingerprint, started_at);
create index token_requests_open on token_requests (owner_uid, started_at) where ended_at is null;
create index token_requests_started on token_requests (started_at);

-- Rows to lock while a budget is counted, each for a share of them. Servers have no right to them: a lock by number is
-- anybody's to hold.
create table token_budget_locks (
  stripe integer primary key
);
insert into token_budget_locks select generate_series(0, 255);
comment on table token_budget_locks is 'Two controllers that claim a request against one budget at once lock the same row first.';

create table token_refusals (
  connection_id bigint not null references sdp_connections on delete cascade,
  token_id      uuid not null,
  refused_at    timestamptz not null default now(),
  reported_as   text not null default session_user,
  replica       text not null default current_setting('application_name'),
  primary key (connection_id, token_id),
  foreign key (token_id, connection_id) references oauth_tokens (id, connection_id) on delete cascade
);
comment on table token_refusals is 'Tokens that ServiceDesk Plus refused a server. The controller proves each, and deletes it either way.';
create index token_refusals_token on token_refusals (token_id, connection_id);

create table field_lookups (
  connection_id bigint not null references sdp_connections on delete cascade,
  type          text collate "C" not null check (type <> ''),
  entries       integer not null check (entries >= 0),
  refreshed_at  timestamptz not null,
  valid_until   timestamptz not null,
  revision      bigint not null,
  primary key (connection_id, type)
);
comment on table field_lookups is 'Lists of ServiceDesk Plus, such as its priorities, as they were read last.';
comment on column field_lookups.revision is 'Of the last change of an entry, one that servers met included.';

create table field_mappings (
  connection_id bigint not null references sdp_connections on delete cascade,
  type          text collate "C" not null check (type <> ''),
  parent_id     text collate "C" not null default '',
  external_id   text collate "C" not null check (external_id <> ''),
  name          text not null,
  flags         jsonb not null default '{}',
  position      integer not null default 0,
  observed      boolean not null default false,
  primary key (connection_id, type, parent_id, external_id)
);
comment on table field_mappings is 'Names and ids of the entries of lists.';
comment on column field_mappings.parent_id is 'Of what the entry belongs to, as a subcategory to its category; empty for nothing.';
comment on column field_mappings.observed is 'A server met it in a record, and no list had it.';

create table sdp_observations (
  id            bigint generated always as identity primary key,
  connection_id bigint not null references sdp_connections on delete cascade,
  type          text collate "C" not null check (type ~ '^[a-z][a-z_]{0,63}$'),
  parent_id     text collate "C" not null default '' check (parent_id ~ '^[0-9]{0,32}$'),
  external_id   text collate "C" not null check (external_id ~ '^[0-9]{1,32}$'),
  name          text not null check (octet_length(name) between 1 and 1000),
  observed_at   timestamptz not null default now(),
  observed_as   text not null default session_user,
  replica       text not null default current_setting('application_name')
);
comment on table sdp_observations is 'Names and ids that servers met, until the controller has folded them into field_mappings.';
create index sdp_observations_connection on sdp_observations (connection_id);
create index sdp_observations_replica on sdp_observations (replica, observed_at);

-- Of a connection rather than in its row: servers lock it, and nothing that a controller writes waits for them.
create table sdp_rate_limits (
  connection_id       bigint primary key references sdp_connections on delete cascade,
  requests_per_minute integer not null check (requests_per_minute between 1 and 1000),
  burst               integer not null check (burst between 1 and requests_per_minute),
  paused_until        timestamptz
);
comment on table sdp_rate_limits is 'How often ServiceDesk Plus is called. Whoever takes from it, or pauses it, holds the row''s lock.';

create table sdp_windows (
  id            bigint generated always as identity primary key,
  connection_id bigint not null references sdp_rate_limits on delete cascade,
  granted_at    timestamptz not null,
  calls         integer not null check (calls between 0 and 1000),
  lane          text not null check (lane in ('interactive', 'proof', 'lookup')),
  granted_to    text not null default session_user,
  replica       text not null default current_setting('application_name')
);
comment on table sdp_windows is 'Calls that replicas were granted in the last minute, or asked for. One that is not made within 2 seconds is void.';
create index sdp_windows_connection on sdp_windows (connection_id, granted_at);

-- Inserted, updated and deleted by the second; half a table of dead rows would be read each time.
alter table sdp_windows set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500,
  autovacuum_vacuum_insert_scale_factor = 0.1, autovacuum_analyze_scale_factor = 0.1, fillfactor = 90);
alter table sdp_rate_limits set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200, fillfactor = 50);
alter table sdp_observations set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
  autovacuum_analyze_scale_factor = 0.1);
alter table token_requests set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 100,
  autovacuum_analyze_scale_factor = 0.05);
alter table token_refusals set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100);

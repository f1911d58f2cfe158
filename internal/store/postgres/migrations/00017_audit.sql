-- +goose Up

-- Rows come by COPY, encoded as internal/audit encodes them: its order of columns is that of the tables, from logged_at to hash. No row
-- has a unique key, by which a server that was taken over could have a batch of another refused; a batch is loaded once because of
-- audit_batches. Months are attached by whoever migrates, and by upkeep; there is no default partition, which each attach would scan.
create table mcp_tool_usage (
  logged_at            timestamptz not null,
  clamped              boolean not null,
  writer               uuid not null,
  connection_uid       text collate "C" not null,
  seq                  bigint not null,
  call_id              uuid not null,
  started_at           timestamptz not null,
  took_us              bigint not null,
  method               text collate "C" not null,
  tool                 text collate "C" not null,
  is_write             boolean not null,
  subject              text collate "C" not null,
  proof                text collate "C" not null,
  oidc_client          text collate "C" not null,
  client_name          text not null,
  client_version       text not null,
  connection_namespace text collate "C" not null,
  connection_name      text collate "C" not null,
  traceparent          text collate "C" not null,
  target               text collate "C" not null,
  prompt_namespace     text collate "C" not null,
  prompt_name          text collate "C" not null,
  prompt_version       bigint not null,
  prompt_digest        text collate "C" not null,
  outcome              text collate "C" not null,
  error_kind           text collate "C" not null,
  payload              json,
  sealed_payload       bytea,
  salt                 bytea,
  hash                 bytea not null,

  loaded_at            timestamptz not null default now(),
  loaded_as            text not null default session_user,
  replica              text not null default current_setting('application_name'),

  check (seq between 1 and 4611686018427387904 and octet_length(hash) = 32 and octet_length(salt) <= 32),
  check (
    octet_length(connection_uid) + octet_length(method) + octet_length(tool) + octet_length(subject)
      + octet_length(proof) + octet_length(oidc_client) + octet_length(client_name) + octet_length(client_version)
      + octet_length(connection_namespace) + octet_length(connection_name) + octet_length(traceparent)
      + octet_length(target) + octet_length(prompt_namespace) + octet_length(prompt_name) + octet_length(prompt_digest)
      + octet_length(outcome) + octet_length(error_kind)
      + coalesce(octet_length(payload::text), 0) + coalesce(octet_length(sealed_payload), 0) <= 2097152)
) partition by range (logged_at);
comment on table mcp_tool_usage is 'One row a tool call, prompts/get, resources/read and completion of an sdp:// resource. What is not known is empty.';
comment on column mcp_tool_usage.logged_at is 'When the row was written, by the clock of the process; or, clamped, when it was loaded: its month is not there any more, or not yet.';
comment on column mcp_tool_usage.connection_uid is 'Of the SDPConnection, which may be gone; empty for none. With writer it names the chain.';
comment on column mcp_tool_usage.seq is 'The number of the row in its chain, both tables together, from 1.';
comment on column mcp_tool_usage.payload is 'What was said, redacted. Not jsonb, which would refuse texts and change numbers.';
comment on column mcp_tool_usage.sealed_payload is 'What was said, sealed for this cell and call_id.';
comment on column mcp_tool_usage.salt is 'Random in the first row of a chain, else null: no server can read it, and so compute how a chain ends.';
comment on column mcp_tool_usage.hash is 'SHA-256 of the hash of the row before in the chain, 32 zero bytes for the first, and the SHA-256 of this row.';
create index mcp_tool_usage_logged on mcp_tool_usage (logged_at);
create index mcp_tool_usage_connection on mcp_tool_usage (connection_uid, logged_at); -- by which retention goes
create index mcp_tool_usage_call on mcp_tool_usage (call_id);
create index mcp_tool_usage_prompt on mcp_tool_usage (prompt_namespace, prompt_name, logged_at) where prompt_version > 0;
create index mcp_tool_usage_loaded on mcp_tool_usage using brin (loaded_at);

create table api_audit_log (
  logged_at            timestamptz not null,
  clamped              boolean not null,
  writer               uuid not null,
  connection_uid       text collate "C" not null,
  seq                  bigint not null,
  id                   uuid not null,
  call_id              uuid,
  started_at           timestamptz not null,
  took_us              bigint not null,
  operation            text collate "C" not null,
  method               text collate "C" not null,
  template             text collate "C" not null,
  is_write             boolean not null,
  subject              text collate "C" not null,
  proof                text collate "C" not null,
  oidc_client          text collate "C" not null,
  connection_namespace text collate "C" not null,
  connection_name      text collate "C" not null,
  traceparent          text collate "C" not null,
  target               text collate "C" not null,
  attempt              integer not null,
  status               integer not null,
  codes                integer[] not null,
  outcome              text collate "C" not null,
  error_kind           text collate "C" not null,
  payload              json,
  sealed_payload       bytea,
  salt                 bytea,
  hash                 bytea not null,

  loaded_at            timestamptz not null default now(),
  loaded_as            text not null default session_user,
  replica              text not null default current_setting('application_name'),

  check (seq between 1 and 4611686018427387904 and octet_length(hash) = 32 and octet_length(salt) <= 32 and cardinality(codes) <= 64),
  check (
    octet_length(connection_uid) + octet_length(operation) + octet_length(method) + octet_length(template)
      + octet_length(subject) + octet_length(proof) + octet_length(oidc_client) + octet_length(connection_namespace)
      + octet_length(connection_name) + octet_length(traceparent) + octet_length(target) + octet_length(outcome)
      + octet_length(error_kind)
      + coalesce(octet_length(payload::text), 0) + coalesce(octet_length(sealed_payload), 0) <= 2097152)
) partition by range (logged_at);
comment on table api_audit_log is 'One row a call as it was sent to ServiceDesk Plus, each attempt one. What is not known is empty.';
comment on column api_audit_log.call_id is 'Of the row in mcp_tool_usage it was made for; null for what nobody called.';
comment on column api_audit_log.sealed_payload is 'What was said, sealed for this cell and id.';
create index api_audit_log_logged on api_audit_log (logged_at);
create index api_audit_log_connection on api_audit_log (connection_uid, logged_at); -- by which retention goes
create index api_audit_log_call on api_audit_log (call_id);
create index api_audit_log_loaded on api_audit_log using brin (loaded_at);

-- Kept for longer than any spool keeps a segment: a batch that is loaded a second time meets its row here.
create table audit_batches (
  batch     uuid primary key,
  writer    uuid not null,
  rows      integer not null check (rows >= 0),
  damaged   integer not null check (damaged >= 0),
  loaded_at timestamptz not null default now(),
  loaded_as text not null default session_user,
  replica   text not null default current_setting('application_name')
);
comment on table audit_batches is 'Segments that were loaded, each in the transaction that loaded it.';
comment on column audit_batches.damaged is 'Rows of the segment that could not be read. Their numbers are missing in the chain.';
create index audit_batches_loaded on audit_batches (loaded_at);

-- What servers cannot write: how far chains were, and how far upkeep deleted them because their time was over.
create table audit_anchors (
  writer         uuid not null,
  connection_uid text collate "C" not null,
  seq            bigint not null,
  hash           bytea not null,
  anchored_at    timestamptz not null default now(),
  primary key (writer, connection_uid, seq)
);
comment on table audit_anchors is 'The last row of each chain that grew, hourly.';
create index audit_anchors_anchored on audit_anchors (anchored_at);

create table audit_erasures (
  writer         uuid not null,
  connection_uid text collate "C" not null,
  first_seq      bigint not null,
  through_seq    bigint not null,
  through_hash   bytea not null,
  logged_before  timestamptz not null default '-infinity',
  erased_at      timestamptz not null default now(),
  primary key (writer, connection_uid, first_seq)
);
comment on table audit_erasures is 'Rows of chains that were deleted because their time was over, by their numbers without a gap.';
comment on column audit_erasures.logged_before is 'Rows of before may be there still: their month is noted, and about to go.';
create index audit_erasures_erased on audit_erasures (erased_at);

-- A field as it is hashed: its length in 4 bytes and what is in it, or a length of -1. The same bytes as in a binary COPY.
create function audit_field(field bytea) returns bytea language sql immutable parallel safe
return coalesce(int4send(octet_length(field)) || field, int4send(-1));
revoke all on function audit_field(bytea) from public;
-- Stable, as convert_to is: so it is no call for each field.
create function audit_text(field text) returns bytea language sql stable parallel safe
return audit_field(convert_to(field, 'UTF8'));
revoke all on function audit_text(text) from public;

-- All rows of all chains, each with its own SHA-256, which goes into its hash.
create view audit_chain as
select 'mcp_tool_usage' as table_name, logged_at, loaded_at, writer, connection_uid, seq, hash,
       sha256(audit_field(uuid_send(writer)) || audit_text(connection_uid) || audit_field(int8send(seq)) || audit_field(uuid_send(call_id))
           || audit_field(timestamptz_send(started_at)) || audit_field(int8send(took_us)) || audit_text(method) || audit_text(tool)
           || audit_field(boolsend(is_write)) || audit_text(subject) || audit_text(proof) || audit_text(oidc_client) || audit_text(client_name)
           || audit_text(client_version) || audit_text(connection_namespace) || audit_text(connection_name) || audit_text(traceparent)
           || audit_text(target) || audit_text(prompt_namespace) || audit_text(prompt_name) || audit_field(int8send(prompt_version))
           || audit_text(prompt_digest) || audit_text(outcome) || audit_text(error_kind) || audit_text(payload::text)
           || audit_field(sealed_payload) || audit_field(salt)) as digest
  from mcp_tool_usage
union all
select 'api_audit_log', logged_at, loaded_at, writer, connection_uid, seq, hash,
       sha256(audit_field(uuid_send(writer)) || audit_text(connection_uid) || audit_field(int8send(seq)) || audit_field(uuid_send(id))
           || audit_field(uuid_send(call_id)) || audit_field(timestamptz_send(started_at)) || audit_field(int8send(took_us)) || audit_text(operation)
           || audit_text(method) || audit_text(template) || audit_field(boolsend(is_write)) || audit_text(subject) || audit_text(proof)
           || audit_text(oidc_client) || audit_text(connection_namespace) || audit_text(connection_name) || audit_text(traceparent)
           || audit_text(target) || audit_field(int4send(attempt)) || audit_field(int4send(status)) || audit_field(array_send(codes))
           || audit_text(outcome) || audit_text(error_kind) || audit_text(payload::text) || audit_field(sealed_payload)
           || audit_field(salt))
  from api_audit_log;
comment on view audit_chain is 'What lectern audit verify reads.';

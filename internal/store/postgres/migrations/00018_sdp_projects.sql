-- +goose Up

-- What servers met of projects and tasks comes in by the same table, and within the same bounds, as names of lists do.
alter table sdp_observations add column detail jsonb
  constraint sdp_observations_detail check (detail is null or jsonb_typeof(detail) = 'object' and octet_length(detail::text) <= 4000);
comment on column sdp_observations.detail is 'What else is known of a project or a task; null for an entry of a list.';

create table project_cache (
  connection_id bigint not null references sdp_connections on delete cascade,
  external_id   text collate "C" not null check (external_id <> ''),
  number        text collate "C" not null default '',
  title         text not null check (title <> ''),
  status        text not null default '',
  seen_at       timestamptz not null,
  observed      boolean not null default false,
  primary key (connection_id, external_id)
);
comment on table project_cache is 'Projects of ServiceDesk Plus, the newest of them, by which near titles are found.';
comment on column project_cache.number is 'As people write it: PJT-12.';
comment on column project_cache.seen_at is 'When it was last there, to the day.';
comment on column project_cache.observed is 'A server met it, and the controller has not read it.';

create table project_cache_reads (
  connection_id bigint primary key references sdp_connections on delete cascade,
  source        text not null,
  projects      integer not null check (projects >= 0),
  read_at       timestamptz not null
);
comment on table project_cache_reads is 'When the controller last read the projects of a connection.';
comment on column project_cache_reads.source is 'Which ServiceDesk Plus they are of; ids mean nothing to another one.';

create table task_history (
  id            bigint generated always as identity primary key,
  connection_id bigint not null references sdp_connections on delete cascade,
  project_id    text collate "C" not null,
  task_id       text collate "C" not null,
  title         text not null,
  field         text collate "C" not null check (field in ('title', 'status', 'percent', 'owner', 'end')),
  old_value     text,
  new_value     text not null,
  actor         text not null default '',
  changed_at    timestamptz not null
);
comment on table task_history is 'What became of the tasks of projects, as far as it was seen.';
comment on column task_history.old_value is 'Null where the field was met for the first time.';
comment on column task_history.actor is 'Who changed it through Lectern; empty where somebody else did.';
create index task_history_project on task_history (connection_id, project_id, id);
create index task_history_task on task_history (connection_id, task_id, field, id);
create index task_history_changed on task_history (changed_at);

create table project_title_claims (
  connection_id bigint not null references sdp_connections on delete cascade,
  title_digest  bytea not null check (octet_length(title_digest) = 32),
  claim_id      uuid not null,
  expires_at    timestamptz not null,
  claimed_as    text not null default session_user,
  replica       text not null default current_setting('application_name'),
  primary key (connection_id, title_digest)
);
comment on table project_title_claims is 'Titles of projects that are being made: ServiceDesk Plus takes two of one title.';
create index project_title_claims_expires on project_title_claims (expires_at);
alter table project_title_claims set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

-- Whether a title is the caller's to make a project of, for two minutes: for as long as ServiceDesk Plus may take to carry out what it
-- was sent. Who claims it again, by the same claim, keeps it. A lock would end with a connection to the database, and the call of
-- ServiceDesk Plus would not.
-- +goose StatementBegin
create function claim_project_title(connection bigint, digest bytea, claim uuid, out claimed boolean)
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  select refuse_argument('a digest has 32 bytes')
   where (octet_length(claim_project_title.digest) = 32) is not true;
  select refuse_argument('a claim has an id')
   where claim_project_title.claim is null;
  select refuse_argument('there is no such connection')
   where not exists (select from sdp_connections c where c.id = claim_project_title.connection and c.deleted_at is null);
  select refuse_argument('a thousand titles of the connection are claimed')
   where (select count(*) from (select from project_title_claims t where t.connection_id = claim_project_title.connection limit 1000) claimed_now) >= 1000;
  with tried as (
    insert into project_title_claims as t (connection_id, title_digest, claim_id, expires_at)
    values (claim_project_title.connection, claim_project_title.digest, claim_project_title.claim, clock_timestamp() + interval '2 minutes')
    on conflict (connection_id, title_digest) do update
       set claim_id = excluded.claim_id, expires_at = excluded.expires_at, claimed_as = excluded.claimed_as, replica = excluded.replica
     where t.expires_at <= clock_timestamp() or t.claim_id = excluded.claim_id
    returning true
  )
  select exists (select from tried);
end;
-- +goose StatementEnd
revoke all on function claim_project_title(bigint, bytea, uuid) from public;

-- +goose StatementBegin
create function release_project_title(connection bigint, digest bytea, claim uuid) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
begin atomic
  delete from project_title_claims t
   where t.connection_id = release_project_title.connection and t.title_digest = release_project_title.digest
     and t.claim_id = release_project_title.claim;
end;
-- +goose StatementEnd
revoke all on function release_project_title(bigint, bytea, uuid) from public;

-- name: LockInstallation :one
-- For share: a transaction that has seen its cluster here commits before another can adopt the database.
select coalesce(cluster_uid, '')::text as cluster_uid
  from installation
   for share;

-- name: InstallationOwner :one
select coalesce(cluster_uid, '')::text as cluster_uid
  from installation;

-- name: ClaimInstallation :one
-- The first to claim an empty row wins; everyone is told whose it is.
with claimed as (
  update installation
     set cluster_uid = @cluster_uid::text, claimed_at = now()
   where cluster_uid is null
  returning cluster_uid
)
select coalesce((select cluster_uid from claimed), (select cluster_uid from installation), '')::text as cluster_uid;

-- name: ReleaseInstallation :exec
update installation
   set cluster_uid = null, claimed_at = null
 where cluster_uid is not null;

-- name: NewEpoch :one
-- From the clock, because a second restore of the same dump would count to the same number again.
with next as (
  update feed
     set epoch = greatest(epoch + 1, extract(epoch from now())::bigint)
  returning epoch, revision
)
select next.epoch, coalesce(pg_notify('lectern', next.revision::text)::text, '')::text as notified
  from next;

-- name: SchemaVersion :one
select coalesce(max(version_id), 0)::bigint as version
  from goose_db_version
 where is_applied;

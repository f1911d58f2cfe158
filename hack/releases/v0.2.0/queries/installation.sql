-- name: ClaimInstallation :one
with claimed as (
  update installation
     set cluster_uid = $1::text, claimed_at = now()
   where cluster_uid is null
  returning cluster_uid
)
select coalesce((select cluster_uid from claimed), (select cluster_uid from installation), '')::text as cluster_uid

-- name: CountSessions :one
select count(*)::integer as sessions
  from pg_catalog.pg_stat_activity a
 where a.datname = current_database() and a.usename = $1::text and a.pid <> pg_backend_pid()

-- name: DescribeServerRole :one
with servers as materialized (
  select r.oid, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication, r.rolcanlogin, r.rolconnlimit
    from pg_catalog.pg_roles r
   where r.rolname = $1::text
      or r.rolname <> session_user and exists(select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
                                               where m.member = r.oid and g.rolname = $1::text and pg_has_role(r.oid, g.oid, 'USAGE'))
)
select coalesce(bool_or(r.rolsuper), false)::boolean as is_superuser, coalesce(bool_or(r.rolcreaterole), false)::boolean as creates_roles,
       coalesce(bool_or(r.rolcreatedb), false)::boolean as creates_databases, coalesce(bool_or(r.rolreplication), false)::boolean as replicates,
       coalesce(bool_or(r.rolcanlogin and r.rolconnlimit < 0), false)::boolean as takes_connections,
       coalesce(bool_or(has_database_privilege(r.oid, current_database(), 'CREATE')), false)::boolean as creates_schemas,
       coalesce(bool_or(has_database_privilege(r.oid, current_database(), 'TEMPORARY')), false)::boolean as creates_temporary_tables,
       coalesce(bool_or(has_schema_privilege(r.oid, current_schema(), 'CREATE')), false)::boolean as creates_tables,
       exists(select from pg_catalog.pg_proc f, servers v where f.proname = 'lo_create' and has_function_privilege(v.oid, f.oid, 'EXECUTE'))::boolean as creates_large_objects,
       exists(select from pg_catalog.pg_proc f, servers v where f.proname = 'pg_advisory_lock' and has_function_privilege(v.oid, f.oid, 'EXECUTE'))::boolean as takes_advisory_locks,
       exists(select from pg_catalog.pg_proc f, servers v where f.proname = 'pg_logical_emit_message' and has_function_privilege(v.oid, f.oid, 'EXECUTE'))::boolean as writes_messages,
       coalesce(bool_or(has_language_privilege(r.oid, 'plpgsql', 'USAGE')), false)::boolean as writes_code,
       coalesce((select string_agg(distinct g.rolname, ', ' order by g.rolname)
                   from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
                  where m.member in (select v.oid from servers v) and g.rolname <> $1::text), '')::text as member_of,
       coalesce(bool_and(pg_has_role(r.oid, 'USAGE')) filter (where r.rolcanlogin), true)::boolean as is_ours
  from servers r

-- name: EndLongTransactions :many
with long as materialized (
  select a.pid, a.usename, extract(epoch from clock_timestamp() - a.xact_start) as seconds
    from pg_catalog.pg_stat_activity a
    join pg_catalog.pg_roles r on r.oid = a.usesysid
   where not r.rolsuper and pg_has_role(r.oid, 'USAGE')
     and (r.rolname = $1::text
          or r.rolname <> session_user and exists(select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
                                                   where m.member = r.oid and g.rolname = $1::text))
     and a.xact_start < clock_timestamp() - make_interval(secs => $2)
)
select long.pid::integer as pid, coalesce(long.usename::text, '')::text as role, long.seconds::double precision as seconds, pg_terminate_backend(long.pid)::boolean as ended
  from long

-- name: EndSessions :execrows
select pg_terminate_backend(a.pid)
  from pg_catalog.pg_stat_activity a
  join pg_catalog.pg_roles r on r.oid = a.usesysid
 where a.pid = any($1::integer[]) and not r.rolsuper and a.pid <> pg_backend_pid() and pg_has_role(r.oid, 'USAGE')
   and (r.rolname = $2::text
        or r.rolname <> session_user and exists(select from pg_catalog.pg_auth_members m join pg_catalog.pg_roles g on g.oid = m.roleid
                                                 where m.member = r.oid and g.rolname = $2::text))

-- name: InstallationOwner :one
select coalesce(cluster_uid, '')::text as cluster_uid
  from installation

-- name: LiftTimeouts :exec
select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
       set_config('idle_in_transaction_session_timeout', '0', true)

-- name: LimitLockWait :exec
select set_config('lock_timeout', ($1::bigint)::text, true)

-- name: LockEarlierReleases :exec
select pg_advisory_xact_lock($1)

-- name: LockInstallation :one
select coalesce(cluster_uid, '')::text as cluster_uid
  from installation
   for share

-- name: LockMigrations :exec
lock table goose_db_version in share update exclusive mode

-- name: MigrationBlockers :many
with cleared as materialized (
  select pg_stat_clear_snapshot() is null as done
), waiting as (
  select w.pid, max(extract(epoch from clock_timestamp() - w.waitstart)) as seconds
    from cleared, pg_catalog.pg_locks w
    join pg_catalog.pg_stat_activity o on o.pid = w.pid
   where not w.granted and o.datname = current_database() and o.usename = session_user and o.application_name = $1::text
   group by w.pid
)
select a.pid::integer as pid, coalesce(a.usename::text, '')::text as role, coalesce(a.application_name, '')::text as application,
       coalesce(extract(epoch from clock_timestamp() - a.xact_start), -1)::double precision as seconds,
       coalesce(max(waiting.seconds), 0)::double precision as waited
  from waiting
  join pg_catalog.pg_stat_activity a on a.pid = any(pg_blocking_pids(waiting.pid))
 group by a.pid, a.usename, a.application_name, a.xact_start
 order by a.pid

-- name: MigrationLockHolders :many
select a.pid::integer as pid, coalesce(a.usename::text, '')::text as role, coalesce(a.application_name, '')::text as application,
       coalesce(extract(epoch from clock_timestamp() - a.xact_start), -1)::double precision as seconds
  from pg_catalog.pg_locks l
  join pg_catalog.pg_stat_activity a on a.pid = l.pid
 where l.granted and a.pid <> pg_backend_pid()
   and l.database = (select d.oid from pg_catalog.pg_database d where d.datname = current_database())
   and (l.locktype = 'advisory' and l.objsubid = 1 and l.classid::bigint = $1::bigint >> 32 and l.objid::bigint = $1::bigint & 4294967295
        or l.relation = to_regclass(nullif($2::text, ''))::oid and l.mode not in ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock'))
 order by 1

-- name: NewEpoch :one
with next as (
  update feed
     set epoch = greatest(epoch + 1, extract(epoch from now())::bigint)
  returning epoch, revision
)
select next.epoch, coalesce(pg_notify('lectern', next.revision::text)::text, '')::text as notified
  from next

-- name: ReleaseInstallation :exec
update installation
   set cluster_uid = null, claimed_at = null
 where cluster_uid is not null

-- name: SchemaVersion :one
select coalesce(max(version_id), 0)::bigint as version
  from goose_db_version
 where is_applied

-- name: SearchOnly :exec
select set_config('search_path', quote_ident($1::text), true)


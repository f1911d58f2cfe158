-- The roles of Lectern, its database, and what is taken from the roles of servers. For psql 15 or newer:
--
--   lectern migrate --print-roles > roles.sql
--   LECTERN_OWNER_PASSWORD=... LECTERN_SERVER_A_PASSWORD=... LECTERN_SERVER_B_PASSWORD=... \
--     psql --no-psqlrc "host=... user=postgres dbname=postgres" --file roles.sql
--
-- Run it as a superuser, or as a role with CREATEROLE and CREATEDB: what only a superuser may is then left out, with a warning.
-- It may be run again at any time: what is there stays as it is, passwords among it. A password may be given as SCRAM-SHA-256
-- verifier; without one a role has none, and logs in by a certificate or an identity of the cloud.
--
-- Other names: psql --set owner=... --set server=... --set login_a=... --set login_b=... --set database=...

\set ON_ERROR_STOP on
\set QUIET on
\if :{?owner} \else \set owner lectern \endif
\if :{?server} \else \set server lectern_server \endif
\if :{?login_a} \else \set login_a lectern_server_a \endif
\if :{?login_b} \else \set login_b lectern_server_b \endif
\if :{?database} \else \set database lectern \endif
\if :{?connection_limit} \else \set connection_limit 100 \endif

\set owner_password ''
\set server_a_password ''
\set server_b_password ''
\getenv owner_password LECTERN_OWNER_PASSWORD
\getenv server_a_password LECTERN_SERVER_A_PASSWORD
\getenv server_b_password LECTERN_SERVER_B_PASSWORD

select current_setting('is_superuser')::boolean as is_superuser \gset
\if :is_superuser
-- Passwords do not go into the log.
set log_statement = 'none';
set log_min_duration_statement = -1;
set log_min_error_statement = 'panic';
\endif

-- The owner, whom the controller and migrations connect as. It may make nothing outside of its database.
-- The servers' role, which has the rights, and the two that servers log in as: one is in use while the other gets a new password.
select format('create role %I %s %s', name, may, case when password <> '' then format('password %L', password) end)
  from (values (1, :'owner', 'login nosuperuser nocreatedb nocreaterole', :'owner_password'),
               (2, :'server', 'nologin nosuperuser nocreatedb nocreaterole', ''),
               (3, :'login_a', 'login nosuperuser nocreatedb nocreaterole', :'server_a_password'),
               (4, :'login_b', 'login nosuperuser nocreatedb nocreaterole', :'server_b_password')) as wanted(n, name, may, password)
 where not exists(select from pg_catalog.pg_roles where rolname = name)
 order by n
\gexec

-- The owner is a member of both logins: it may then end what their sessions keep open. It may not change their passwords.
select format('grant %I to %I', given, receiver)
  from (values (:'server', :'login_a'), (:'server', :'login_b'), (:'login_a', :'owner'), (:'login_b', :'owner')) as wanted(given, receiver)
 where not exists(select from pg_catalog.pg_auth_members m
                    join pg_catalog.pg_roles g on g.oid = m.roleid
                    join pg_catalog.pg_roles r on r.oid = m.member
                   where g.rolname = given and r.rolname = receiver)
\gexec

-- 22 for each server (--database-pool-size and two), in each of both roles.
select format('alter role %I connection limit %s', rolname, :'connection_limit')
  from pg_catalog.pg_roles
 where rolname in (:'login_a', :'login_b') and rolconnlimit < 0
\gexec

-- Who makes a database for another has to be a member of it, unless it is a superuser.
select exists(select from pg_catalog.pg_database d
               where d.datname = :'database' and pg_get_userbyid(d.datdba) = :'owner') as is_owned,
       not :'is_superuser'::boolean and not pg_has_role(:'owner', 'USAGE') as needs_membership
\gset
\if :needs_membership
select format('grant %I to current_user', :'owner') \gexec
\endif
\if :is_owned \else
select format('create database %I encoding ''UTF8'' template template0', :'database')
 where not exists(select from pg_catalog.pg_database where datname = :'database')
\gexec
select format('alter database %I owner to %I', :'database', :'owner') \gexec
\endif

\connect :"database"

-- Of what Postgres gives everybody, servers need nothing.
select format('grant usage, create on schema public to %I', :'owner')
 where not has_schema_privilege(:'owner', 'public', 'CREATE')
\gexec
select format('revoke create, temporary on database %I from public', :'database')
 where has_database_privilege('public', :'database', 'TEMPORARY') or has_database_privilege('public', :'database', 'CREATE')
\gexec

-- The rest is a superuser's to take away. Large objects, messages in the write-ahead log and advisory locks, which Lectern needs
-- none of; what one session may spill to disk; and code of its own.
\if :is_superuser
select format('alter role %I set temp_file_limit = %L', name, '1GB')
  from (values (:'login_a'), (:'login_b')) as wanted(name)
\gexec
select format('revoke execute on function %s from public; grant execute on function %1$s to %I', p.oid::regprocedure, :'owner')
  from pg_catalog.pg_proc p
 where p.pronamespace = 'pg_catalog'::regnamespace
   and (p.proname ~ '^pg_(try_)?advisory_' or p.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message'))
\gexec
revoke usage on language plpgsql from public;
select format('grant usage on language plpgsql to %I', :'owner') \gexec
\else
\warn 'Not a superuser: the roles of servers may still take advisory locks, store large objects, write into the write-ahead log, run plpgsql, and spill to disk without a limit. docs/security.md says what each can cause.'
\endif

\if :needs_membership
select format('revoke %I from current_user', :'owner') \gexec
\endif

-- name: LockProjectCache :one
select source
  from project_cache_reads
 where connection_id = @connection_id
   for update;

-- name: ClearProjectCache :exec
-- Ids of another ServiceDesk Plus mean nothing here.
with projects as (
  delete from project_cache p where p.connection_id = @connection_id
)
delete from task_history h where h.connection_id = @connection_id;

-- name: MergeProjects :exec
-- What is as it was is written once a day, so that it is not taken for gone.
insert into project_cache as p (connection_id, external_id, number, title, status, seen_at, observed)
select distinct on (l.external_id) @connection_id, l.external_id, l.number, l.title, l.status, to_timestamp(@read_at::double precision), false
  from (select unnest(@external_ids::text[]) as external_id, unnest(@numbers::text[]) as number, unnest(@titles::text[]) as title,
               unnest(@statuses::text[]) as status) l
 order by l.external_id
on conflict (connection_id, external_id) do update
   set number = excluded.number, title = excluded.title, status = excluded.status, seen_at = excluded.seen_at, observed = false
 where (p.number, p.title, p.status, p.observed) is distinct from (excluded.number, excluded.title, excluded.status, false)
    or p.seen_at < excluded.seen_at - interval '1 day';

-- name: DeleteGoneProjects :exec
-- Those that were last there before a time, and are not among the listed.
delete from project_cache p
 where p.connection_id = @connection_id and p.seen_at < to_timestamp(@seen_before::double precision)
   and p.external_id <> all(@external_ids::text[]);

-- name: WriteProjectCacheRead :exec
insert into project_cache_reads (connection_id, source, projects, read_at)
values (@connection_id, @source, @projects, to_timestamp(@read_at::double precision))
on conflict (connection_id) do update
   set source = excluded.source, projects = excluded.projects, read_at = excluded.read_at;

-- name: ProjectCacheRead :one
select source, projects, extract(epoch from read_at)::double precision as read_at
  from project_cache_reads
 where connection_id = @connection_id;

-- name: ListCachedProjects :many
select external_id, number, title, status, observed
  from project_cache
 where connection_id = @connection_id
 order by seen_at desc, external_id desc
 limit @max_rows;

-- name: FoldProjects :one
-- Never over what the controller read itself; and of a connection no more than it would ever be asked for.
with taken as (
  delete from sdp_observations
   where id in (select o.id
                  from sdp_observations o
                 where o.type = 'project'
                 order by o.id
                 limit @max_rows
                   for update skip locked)
  returning id, connection_id, external_id, name, coalesce(detail, '{}') as detail, observed_at
), folded as (
  insert into project_cache as p (connection_id, external_id, number, title, status, seen_at, observed)
  select distinct on (t.connection_id, t.external_id)
         t.connection_id, t.external_id, left(coalesce(t.detail ->> 'number', ''), 40), t.name, left(coalesce(t.detail ->> 'status', ''), 250), t.observed_at, true
    from taken t
    join sdp_connections c on c.id = t.connection_id and c.deleted_at is null
   where (select count(*) from project_cache other where other.connection_id = t.connection_id) < @most::integer
   order by t.connection_id, t.external_id, t.id desc
  on conflict (connection_id, external_id) do update
     set number = excluded.number, title = excluded.title, status = excluded.status, seen_at = excluded.seen_at
   where p.observed
)
select count(*)::bigint as taken
  from taken;

-- name: FoldTasks :one
-- What differs from what was known of a task, in the order in which servers told it.
with taken as (
  delete from sdp_observations
   where id in (select o.id
                  from sdp_observations o
                 where o.type = 'task'
                 order by o.id
                 limit @max_rows
                   for update skip locked)
  returning id, connection_id, parent_id, external_id, name, coalesce(detail, '{}') as detail, observed_at
), fields as (
  select t.id, t.connection_id, t.parent_id, t.external_id, t.name, t.observed_at, left(coalesce(t.detail ->> 'actor', ''), 300) as actor,
         f.key as field, left(f.value, 500) as value
    from taken t
    join sdp_connections c on c.id = t.connection_id and c.deleted_at is null
   cross join lateral jsonb_each_text(t.detail) as f(key, value)
   where f.key in ('title', 'status', 'percent', 'owner', 'end') and f.value is not null
), compared as (
  select f.*,
         coalesce(lag(f.value) over (partition by f.connection_id, f.external_id, f.field order by f.id),
                  (select h.new_value from task_history h
                    where h.connection_id = f.connection_id and h.task_id = f.external_id and h.field = f.field
                    order by h.id desc limit 1)) as before
    from fields f
), folded as (
  insert into task_history (connection_id, project_id, task_id, title, field, old_value, new_value, actor, changed_at)
  select d.connection_id, d.parent_id, d.external_id, d.name, d.field, d.before, d.value, d.actor, d.observed_at
    from compared d
   where d.before is distinct from d.value
   order by d.id, d.field
)
select count(*)::bigint as taken
  from taken;

-- name: ListTaskHistory :many
-- What changed, and what was made through Lectern; that somebody looked for the first time is no news.
select task_id, title, field, old_value, new_value, actor, extract(epoch from changed_at)::double precision as changed_at
  from task_history
 where connection_id = @connection_id and project_id = @project_id and (old_value is not null or actor <> '')
 order by id desc
 limit @max_rows;

-- name: DeleteOldTaskHistory :execrows
delete from task_history
 where id in (select h.id
                from task_history h
               where h.changed_at < now() - make_interval(secs => @older_than_seconds::double precision)
               order by h.changed_at
               limit @max_rows);

-- name: DeleteUnseenProjects :execrows
delete from project_cache
 where (connection_id, external_id) in (select p.connection_id, p.external_id
                                          from project_cache p
                                         where p.seen_at < now() - make_interval(secs => @older_than_seconds::double precision)
                                         limit @max_rows);

-- name: DeleteExpiredTitleClaims :execrows
delete from project_title_claims
 where (connection_id, title_digest) in (select t.connection_id, t.title_digest
                                           from project_title_claims t
                                          where t.expires_at < now()
                                          limit @max_rows
                                            for update skip locked);

-- name: ClaimProjectTitle :one
select coalesce(claim_project_title(@connection_id, @digest, (@claim_id::text)::uuid), false)::boolean as claimed;

-- name: ReleaseProjectTitle :exec
select release_project_title(@connection_id, @digest, (@claim_id::text)::uuid);

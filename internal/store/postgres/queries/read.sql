-- name: ReadVersion :one
-- One query for all three kinds of selector. A channel or default that points nowhere still gives a row,
-- without a version: only so can the answer say which of the two is missing.
select p.exposure, p.revision, (c.name is not null)::boolean as channel_known,
       coalesce(p.latest_version, 0)::bigint as latest,
       exists (select from prompt_channels d where d.prompt_id = p.id and d.name = 'production') as production,
       v.version, v.digest, v.document, v.includes
  from prompts p
  left join prompt_channels c on c.prompt_id = p.id and c.name = @channel
  left join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when @version::bigint > 0 then @version::bigint when @channel <> '' then c.version else p.default_version end
 where p.namespace = @namespace and p.name = @name and p.deleted_at is null;

-- name: ListAll :many
select p.namespace, p.name, coalesce(p.default_version, 0)::bigint as version, p.title, p.description, p.arguments
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and (p.namespace, p.name) > (@after_namespace::text, @after_name::text)
 order by p.namespace, p.name
 limit @max_rows;

-- name: ListInNamespaces :many
-- A page out of each namespace in turn: "namespace = any" would sort everything in them for one page,
-- since a btree before Postgres 17 gives no order across the elements. The outer order is by the
-- list of namespaces first, so the sort is incremental and stops with the page.
select n.namespace::text as namespace, p.name, coalesce(p.default_version, 0)::bigint as version, p.title, p.description, p.arguments
  from (select distinct given.namespace collate "C" as namespace
          from unnest(@namespaces::text[]) as given (namespace)
         where given.namespace collate "C" >= @after_namespace::text
         order by 1) n
 cross join lateral (
       select q.name, q.default_version, q.title, q.description, q.arguments
         from prompts q
        where q.exposure = 'Listed' and q.deleted_at is null and q.default_version is not null
          and q.namespace = n.namespace
          and q.name > case when n.namespace = @after_namespace::text then @after_name::text else '' end
        order by q.name
        limit @max_rows) p
 order by n.namespace, p.name
 limit @max_rows;

-- name: CountAll :one
select count(*)
  from prompts
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

-- name: CountInNamespaces :one
select count(*)
  from prompts
 where exposure = 'Listed' and deleted_at is null and default_version is not null
   and namespace = any(@namespaces::text[]);

-- name: ListNamespaces :many
-- One look into the index for each namespace, however many prompts are in it.
with recursive listed (namespace) as (
  (select p.namespace
     from prompts p
    where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
    order by p.namespace
    limit 1)
  union all
  select (select p.namespace
            from prompts p
           where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
             and p.namespace > listed.namespace
           order by p.namespace
           limit 1)
    from listed
   where listed.namespace is not null
)
select listed.namespace::text as namespace
  from listed
 where listed.namespace is not null
 order by listed.namespace;

-- name: ListVersions :many
select v.version, v.digest, v.published_at, v.provenance, (v.withdrawn_at is not null)::boolean as withdrawn,
       array(select c.name from prompt_channels c
              where c.prompt_id = v.prompt_id and c.version = v.version order by c.name)::text[] as channels
  from prompts p
  join prompt_versions v on v.prompt_id = p.id
 where p.namespace = @namespace and p.name = @name and p.deleted_at is null
   and v.version < @before
 order by v.version desc
 limit @max_rows;

-- name: PromptExists :one
select exists(select from prompts where namespace = @namespace and name = @name and deleted_at is null);

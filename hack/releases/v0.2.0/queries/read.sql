-- name: CountAll :one
select count(*)
  from prompts
 where exposure = 'Listed' and deleted_at is null and default_version is not null

-- name: CountInNamespaces :one
select count(*)
  from prompts
 where exposure = 'Listed' and deleted_at is null and default_version is not null
   and namespace = any($1::text[])

-- name: ListAll :many
select p.namespace, p.name, coalesce(p.default_version, 0)::bigint as version, p.title, p.description, p.arguments
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and (p.namespace, p.name) > ($1::text, $2::text)
 order by p.namespace, p.name
 limit $3

-- name: ListInNamespaces :many
select n.namespace::text as namespace, p.name, coalesce(p.default_version, 0)::bigint as version, p.title, p.description, p.arguments
  from (select distinct given.namespace collate "C" as namespace
          from unnest($1::text[]) as given (namespace)
         where given.namespace collate "C" >= $2::text
         order by 1) n
 cross join lateral (
       select q.name, q.default_version, q.title, q.description, q.arguments
         from prompts q
        where q.exposure = 'Listed' and q.deleted_at is null and q.default_version is not null
          and q.namespace = n.namespace
          and q.name > case when n.namespace = $2::text then $3::text else '' end
        order by q.name
        limit $4) p
 order by n.namespace, p.name
 limit $4

-- name: ListNamespaces :many
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
 order by listed.namespace

-- name: ListVersions :many
select v.version, v.digest, v.published_at, v.provenance, (v.withdrawn_at is not null)::boolean as withdrawn,
       array(select c.name from prompt_channels c
              where c.prompt_id = v.prompt_id and c.version = v.version order by c.name)::text[] as channels
  from prompts p
  join prompt_versions v on v.prompt_id = p.id
 where p.namespace = $1 and p.name = $2 and p.deleted_at is null
   and v.version < $3
 order by v.version desc
 limit $4

-- name: PromptExists :one
select exists(select from prompts where namespace = $1 and name = $2 and deleted_at is null)

-- name: ReadVersion :one
select p.exposure, p.revision, (c.name is not null)::boolean as channel_known,
       coalesce(p.latest_version, 0)::bigint as latest,
       exists (select from prompt_channels d where d.prompt_id = p.id and d.name = 'production') as production,
       v.version, v.digest, v.document, v.includes
  from prompts p
  left join prompt_channels c on c.prompt_id = p.id and c.name = $1
  left join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when $2::bigint > 0 then $2::bigint when $1 <> '' then c.version else p.default_version end
 where p.namespace = $3 and p.name = $4 and p.deleted_at is null


-- name: CompleteNames :many
select p.name, count(*) over () as total
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and ($1::boolean or p.namespace = any($2::text[]))
   and p.name ^@ $3::text
 group by p.name
 order by p.name
 limit $4

-- name: CompleteNamespaces :many
select p.namespace, count(*) over () as total
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and ($1::boolean or p.namespace = any($2::text[]))
   and p.namespace ^@ $3::text
 group by p.namespace
 order by p.namespace
 limit $4

-- name: CountByLabel :many
with listed as materialized (
  select p.category, p.is_template, p.tags
    from prompts p
   where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
     and ($1::boolean or p.namespace = any($2::text[]))
), category as materialized (
  select listed.category as name, count(*) as n from listed where listed.category <> '' group by listed.category
), tag as materialized (
  select tag.name, count(*) as n from listed cross join unnest(listed.tags) as tag (name) group by tag.name
), frequent_category as (
  select category.name, category.n from category order by category.n desc, category.name collate "C" limit $3
), frequent_tag as (
  select tag.name, tag.n from tag order by tag.n desc, tag.name collate "C" limit $3
)
select 'total' as what, '' as name, count(*) as n from listed
union all
select 'templates', '', count(*) from listed where listed.is_template
union all
select 'categories', '', count(*) from category
union all
select 'tags', '', count(*) from tag
union all
select 'category', frequent_category.name, frequent_category.n from frequent_category
union all
select 'tag', frequent_tag.name, frequent_tag.n from frequent_tag

-- name: NameTaken :one
select (exists(select from prompts p where p.namespace = $1 and p.name = $2)
     or exists(select from prompt_changes c where c.namespace = $1 and c.name = $2 and c.settled_at is null))::boolean as taken

-- name: ReadView :one
select p.exposure, (c.name is not null)::boolean as channel_known, p.created_at,
       coalesce(p.latest_version, 0)::bigint as latest, coalesce(p.default_version, 0)::bigint as served,
       v.version, v.digest, v.document, coalesce(v.published_at, p.created_at)::timestamptz as published_at,
       array(select at.name from prompt_channels at
              where at.prompt_id = p.id and at.version = v.version order by at.name)::text[] as channels
  from prompts p
  left join prompt_channels c on c.prompt_id = p.id and c.name = $1
  left join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when $2::bigint > 0 then $2::bigint when $1 <> '' then c.version else p.default_version end
 where p.namespace = $3 and p.name = $4 and p.deleted_at is null

-- name: SimilarCandidates :many
with candidate as materialized (
  select s.prompt_id, s.bands
    from prompt_similarity s
    join prompts p on p.id = s.prompt_id and p.default_version = s.version
   where s.bands && $1::bigint[]
     and p.exposure = 'Listed' and p.deleted_at is null
     and ($2::boolean or p.namespace = any($3::text[]))
     and not (p.namespace = $4::text and p.name = $5::text)
   limit $6
), best as (
  select candidate.prompt_id,
         (select count(*) from unnest(candidate.bands) as band (number) where band.number = any($1::bigint[])) as shared
    from candidate
   order by shared desc, candidate.prompt_id
   limit $7
)
select p.namespace, p.name, p.title, v.source
  from best
  join prompts p on p.id = best.prompt_id
  join prompt_versions v on v.prompt_id = p.id and v.version = p.default_version


-- name: ReadView :one
-- One query for all three kinds of selector, as for Version.
select p.exposure, (c.name is not null)::boolean as channel_known, p.created_at,
       coalesce(p.latest_version, 0)::bigint as latest, coalesce(p.default_version, 0)::bigint as served,
       v.version, v.digest, v.document, coalesce(v.published_at, p.created_at)::timestamptz as published_at,
       array(select at.name from prompt_channels at
              where at.prompt_id = p.id and at.version = v.version order by at.name)::text[] as channels
  from prompts p
  left join prompt_channels c on c.prompt_id = p.id and c.name = @channel
  left join prompt_versions v on v.prompt_id = p.id and v.withdrawn_at is null
   and v.version = case when @version::bigint > 0 then @version::bigint when @channel <> '' then c.version else p.default_version end
 where p.namespace = @namespace and p.name = @name and p.deleted_at is null;

-- name: CountByLabel :many
-- One statement, so that the counts are of one moment. Of categories and tags the most frequent, and how many there are.
with listed as materialized (
  select p.category, p.is_template, p.tags
    from prompts p
   where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
     and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
), category as materialized (
  select listed.category as name, count(*) as n from listed where listed.category <> '' group by listed.category
), tag as materialized (
  select tag.name, count(*) as n from listed cross join unnest(listed.tags) as tag (name) group by tag.name
), frequent_category as (
  select category.name, category.n from category order by category.n desc, category.name collate "C" limit @max_names
), frequent_tag as (
  select tag.name, tag.n from tag order by tag.n desc, tag.name collate "C" limit @max_names
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
select 'tag', frequent_tag.name, frequent_tag.n from frequent_tag;

-- name: CompleteNames :many
select p.name, count(*) over () as total
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
   and p.name ^@ @prefix::text
 group by p.name
 order by p.name
 limit @max_rows;

-- name: CompleteNamespaces :many
select p.namespace, count(*) over () as total
  from prompts p
 where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
   and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
   and p.namespace ^@ @prefix::text
 group by p.namespace
 order by p.namespace
 limit @max_rows;

-- name: NameTaken :one
-- A tombstone keeps its name, purged or not. So does who asked for it first.
select (exists(select from prompts p where p.namespace = @namespace and p.name = @name)
     or exists(select from prompt_changes c where c.namespace = @namespace and c.name = @name and c.settled_at is null))::boolean as taken;

-- name: SimilarCandidates :many
-- The share of equal bands is an estimate; the best of it are compared by their texts. Beyond a number of
-- candidates one more does not make the best better, and each is read.
with candidate as materialized (
  select s.prompt_id, s.bands
    from prompt_similarity s
    join prompts p on p.id = s.prompt_id and p.default_version = s.version
   where s.bands && @bands::bigint[]
     and p.exposure = 'Listed' and p.deleted_at is null
     and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
     and not (p.namespace = @except_namespace::text and p.name = @except_name::text)
   limit @max_candidates
), best as (
  select candidate.prompt_id,
         (select count(*) from unnest(candidate.bands) as band (number) where band.number = any(@bands::bigint[])) as shared
    from candidate
   order by shared desc, candidate.prompt_id
   limit @max_rows
)
select p.namespace, p.name, p.title, v.source
  from best
  join prompts p on p.id = best.prompt_id
  join prompt_versions v on v.prompt_id = p.id and v.version = p.default_version;

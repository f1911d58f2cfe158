-- These queries are planned for their arguments each time: a condition not asked for is gone before an index is
-- chosen, and what is asked for says which is best.
--
-- What is searched for is of a kind: listed (all there are), hits (full-text hits), title, about or text (hits, by the
-- best place all words stand in), contained (no hits, but what contains the pattern), found (hits and contained). A query is
-- plain when it rules no word out: what matches in a place then is a hit, and the words of the text need not be read.

-- name: FindRanked :many
-- Those of a kind by rank and birth, when there are fewer than enough, since each is read. The rank of a hit is
-- never 0, which stands for no hit. One row at least, which says how many there are, but not beyond enough, and how many
-- of them behind the mark. What a text contains is asked of the index however small the table is: each value stands apart
-- and is to be fetched and decompressed, which the planner takes for free, and so it is given a condition that always holds,
-- costs next to nothing, and that it takes for dear (procost 100). What matches is a set of its own, since the planner thinks that testing a large
-- value in place costs no more than asking an index; and each is looked up in turn (which is what the offset is for),
-- since another join would read all that matches before it gives the first.
with match as materialized (
  select s.prompt_id, s.words
    from prompt_search s
   where (@any_tag::text[] = '{}' or s.tags && @any_tag::text[])
     and (@all_tags::text[] = '{}' or s.tags @> @all_tags::text[])
     and (sqlc.narg('metadata')::jsonb is null or s.metadata @> sqlc.narg('metadata')::jsonb)
     and (@kind::text = 'listed'
       or @kind::text = 'hits' and s.words @@ websearch_to_tsquery('simple', @query::text)
       or @kind::text = 'title' and s.title @@ websearch_to_tsquery('simple', @query::text)
          and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
       or @kind::text = 'about' and s.about @@ websearch_to_tsquery('simple', @query::text)
          and not s.title @@ websearch_to_tsquery('simple', @query::text)
          and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
       or @kind::text = 'text' and s.words @@ websearch_to_tsquery('simple', @query::text)
          and not s.about @@ websearch_to_tsquery('simple', @query::text)
          and not s.title @@ websearch_to_tsquery('simple', @query::text)
       or @kind::text = 'contained' and s.written like @pattern::text
          and not s.words @@ websearch_to_tsquery('simple', @query::text)
          and websearch_to_tsquery('simple', s.version::text) is not null
       or @kind::text = 'found' and (s.words @@ websearch_to_tsquery('simple', @query::text) or s.written like @pattern::text)
          and websearch_to_tsquery('simple', s.version::text) is not null)
), hit as materialized (
  select p.id, p.created_at, p.namespace, p.name, p.default_version, coalesce(p.latest_version, 0)::bigint as latest, match.words
    from match
   cross join lateral (
         select *
           from prompts
          where prompts.id = match.prompt_id
            and prompts.exposure = 'Listed' and prompts.deleted_at is null and prompts.default_version is not null
            and (@everywhere::boolean or prompts.namespace = any(@namespaces::text[]))
            and (@category::text = '' or prompts.category = @category::text)
            and (sqlc.narg('template')::boolean is null or prompts.is_template = sqlc.narg('template')::boolean)
         offset 0) p
   limit @enough
), ranked as materialized (
  select hit.id, hit.created_at, hit.namespace, hit.name, hit.default_version, hit.latest,
         case when @kind::text = 'hits' or @kind::text = 'found' and hit.words @@ websearch_to_tsquery('simple', @query::text)
              then greatest(ts_rank(hit.words, websearch_to_tsquery('simple', @query::text)), 1e-6::real)
              else 0::real end as rank
    from hit
   where (select count(*) from hit) < @enough::bigint
), behind as materialized (
  select *
    from ranked
   where not @after::boolean or ranked.rank < @after_rank::real
      or ranked.rank = @after_rank::real
     and (ranked.created_at, ranked.namespace, ranked.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text)
), page as materialized (
  select *
    from behind
   order by behind.rank desc, behind.created_at, behind.namespace, behind.name
  offset @skip limit @max_rows
)
select total.hits, total.behind, coalesce(page.namespace, '')::text as namespace, coalesce(page.name, '')::text as name,
       coalesce(page.created_at, now())::timestamptz as created_at, coalesce(page.rank, 0)::real as rank,
       coalesce(v.version, 0)::bigint as version, coalesce(page.latest, 0)::bigint as latest, coalesce(v.digest, '')::text as digest,
       v.document, coalesce(v.published_at, now())::timestamptz as published_at,
       array(select c.name from prompt_channels c
              where c.prompt_id = page.id and c.version = v.version order by c.name)::text[] as channels
  from (select (select count(*) from hit) as hits, (select count(*) from behind) as behind) total
  left join (page join prompt_versions v on v.prompt_id = page.id and v.version = page.default_version) on true
 order by page.rank desc, page.created_at, page.namespace, page.name;

-- name: FindByAge :many
-- Those of a kind other than hits by birth, when there are many: the first few are met soon.
with page as materialized (
  select p.id, p.created_at, p.namespace, p.name, p.default_version, coalesce(p.latest_version, 0)::bigint as latest
    from prompts p
    left join prompt_search s on s.prompt_id = p.id
   where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
     and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
     and (@category::text = '' or p.category = @category::text)
     and (sqlc.narg('template')::boolean is null or p.is_template = sqlc.narg('template')::boolean)
     and (@any_tag::text[] = '{}' or s.tags && @any_tag::text[])
     and (@all_tags::text[] = '{}' or s.tags @> @all_tags::text[])
     and (sqlc.narg('metadata')::jsonb is null or s.metadata @> sqlc.narg('metadata')::jsonb)
     and (@kind::text = 'listed'
       or @kind::text = 'title' and s.title @@ websearch_to_tsquery('simple', @query::text)
          and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
       or @kind::text = 'about' and s.about @@ websearch_to_tsquery('simple', @query::text)
          and not s.title @@ websearch_to_tsquery('simple', @query::text)
          and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
       or @kind::text = 'text' and s.words @@ websearch_to_tsquery('simple', @query::text)
          and not s.about @@ websearch_to_tsquery('simple', @query::text)
          and not s.title @@ websearch_to_tsquery('simple', @query::text)
       or @kind::text = 'contained' and s.written like @pattern::text
          and not s.words @@ websearch_to_tsquery('simple', @query::text))
     and (not @after::boolean
       or (p.created_at, p.namespace, p.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text))
   order by p.created_at, p.namespace, p.name
  offset @skip limit @max_rows
)
select page.namespace, page.name, page.created_at, 0::real as rank, v.version, page.latest, v.digest, v.document, v.published_at,
       array(select c.name from prompt_channels c
              where c.prompt_id = page.id and c.version = v.version order by c.name)::text[] as channels
  from page
  join prompt_versions v on v.prompt_id = page.id and v.version = page.default_version
 order by page.created_at, page.namespace, page.name;

-- name: CountMatches :one
-- Of a kind other than hits, or found (hits and contained), behind a mark, but not beyond a number. Its parameters are those
-- of FindByAge, in their order: one Go value serves both.
select count(*)
  from (select
          from prompts p
          left join prompt_search s on s.prompt_id = p.id
         where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
           and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
           and (@category::text = '' or p.category = @category::text)
           and (sqlc.narg('template')::boolean is null or p.is_template = sqlc.narg('template')::boolean)
           and (@any_tag::text[] = '{}' or s.tags && @any_tag::text[])
           and (@all_tags::text[] = '{}' or s.tags @> @all_tags::text[])
           and (sqlc.narg('metadata')::jsonb is null or s.metadata @> sqlc.narg('metadata')::jsonb)
           and (@kind::text = 'listed'
             or @kind::text = 'title' and s.title @@ websearch_to_tsquery('simple', @query::text)
                and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
             or @kind::text = 'about' and s.about @@ websearch_to_tsquery('simple', @query::text)
                and not s.title @@ websearch_to_tsquery('simple', @query::text)
                and (@plain::boolean or s.words @@ websearch_to_tsquery('simple', @query::text))
             or @kind::text = 'text' and s.words @@ websearch_to_tsquery('simple', @query::text)
                and not s.about @@ websearch_to_tsquery('simple', @query::text)
                and not s.title @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'contained' and s.written like @pattern::text
                and not s.words @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'found' and (s.words @@ websearch_to_tsquery('simple', @query::text) or s.written like @pattern::text))
           and (not @after::boolean
             or (p.created_at, p.namespace, p.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text))
        offset @skip limit @max_rows) counted;

-- These queries are planned for their arguments each time: a condition not asked for is gone before an index is
-- chosen, and what is asked for says which is best. The same conditions stand in each; "hits" are full-text hits.

-- name: FindInOrder :many
-- By birth, those of one kind: listed (all there are), title, about or text (hits, by the best place all words stand in),
-- contained (no hits, but what contains the pattern).
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
       or @kind::text = 'title' and ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
          and s.words @@ websearch_to_tsquery('simple', @query::text)
       or @kind::text = 'about' and ts_filter(s.words, '{a,b}') @@ websearch_to_tsquery('simple', @query::text)
          and s.words @@ websearch_to_tsquery('simple', @query::text)
          and not ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
       or @kind::text = 'text' and s.words @@ websearch_to_tsquery('simple', @query::text)
          and not ts_filter(s.words, '{a,b}') @@ websearch_to_tsquery('simple', @query::text)
          and not ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
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

-- name: FindRanked :many
-- Hits by rank and birth. The rank of a hit is never 0, which stands for no hit.
with hit as materialized (
  select p.id, p.created_at, p.namespace, p.name, p.default_version, coalesce(p.latest_version, 0)::bigint as latest,
         greatest(ts_rank(s.words, websearch_to_tsquery('simple', @query::text)), 1e-6::real) as rank
    from prompts p
    join prompt_search s on s.prompt_id = p.id
   where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
     and (@everywhere::boolean or p.namespace = any(@namespaces::text[]))
     and (@category::text = '' or p.category = @category::text)
     and (sqlc.narg('template')::boolean is null or p.is_template = sqlc.narg('template')::boolean)
     and (@any_tag::text[] = '{}' or s.tags && @any_tag::text[])
     and (@all_tags::text[] = '{}' or s.tags @> @all_tags::text[])
     and (sqlc.narg('metadata')::jsonb is null or s.metadata @> sqlc.narg('metadata')::jsonb)
     and s.words @@ websearch_to_tsquery('simple', @query::text)
), page as materialized (
  select *
    from hit
   where not @after::boolean or hit.rank < @after_rank::real
      or hit.rank = @after_rank::real
     and (hit.created_at, hit.namespace, hit.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text)
   order by hit.rank desc, hit.created_at, hit.namespace, hit.name
  offset @skip limit @max_rows
)
select page.namespace, page.name, page.created_at, page.rank::real as rank, v.version, page.latest, v.digest, v.document, v.published_at,
       array(select c.name from prompt_channels c
              where c.prompt_id = page.id and c.version = v.version order by c.name)::text[] as channels
  from page
  join prompt_versions v on v.prompt_id = page.id and v.version = page.default_version
 order by page.rank desc, page.created_at, page.namespace, page.name;

-- name: CountKind :one
-- Of one kind, after a mark, but not beyond a number: those of FindInOrder, hits, and found (hits and what contains the
-- pattern).
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
             or @kind::text = 'hits' and s.words @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'found' and (s.words @@ websearch_to_tsquery('simple', @query::text) or s.written like @pattern::text)
             or @kind::text = 'title' and ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
                and s.words @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'about' and ts_filter(s.words, '{a,b}') @@ websearch_to_tsquery('simple', @query::text)
                and s.words @@ websearch_to_tsquery('simple', @query::text)
                and not ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'text' and s.words @@ websearch_to_tsquery('simple', @query::text)
                and not ts_filter(s.words, '{a,b}') @@ websearch_to_tsquery('simple', @query::text)
                and not ts_filter(s.words, '{a}') @@ websearch_to_tsquery('simple', @query::text)
             or @kind::text = 'contained' and s.written like @pattern::text
                and not s.words @@ websearch_to_tsquery('simple', @query::text))
           and (not @after::boolean
             or @kind::text = 'hits' and (greatest(ts_rank(s.words, websearch_to_tsquery('simple', @query::text)), 1e-6::real) < @after_rank::real
                  or greatest(ts_rank(s.words, websearch_to_tsquery('simple', @query::text)), 1e-6::real) = @after_rank::real
                 and (p.created_at, p.namespace, p.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text))
             or @kind::text <> 'hits'
                and (p.created_at, p.namespace, p.name) > (@after_created_at::timestamptz, @after_namespace::text, @after_name::text))
         limit @max_rows) counted;

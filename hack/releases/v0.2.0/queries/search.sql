-- name: CountMatches :one
select count(*)
  from (select
          from prompts p
          left join prompt_search s on s.prompt_id = p.id
         where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
           and ($1::boolean or p.namespace = any($2::text[]))
           and ($3::text = '' or p.category = $3::text)
           and ($4::boolean is null or p.is_template = $4::boolean)
           and ($5::text[] = '{}' or s.tags && $5::text[])
           and ($6::text[] = '{}' or s.tags @> $6::text[])
           and ($7::jsonb is null or s.metadata @> $7::jsonb)
           and ($8::text = 'listed'
             or $8::text = 'title' and s.title @@ websearch_to_tsquery('simple', $9::text)
                and ($10::boolean or s.words @@ websearch_to_tsquery('simple', $9::text))
             or $8::text = 'about' and s.about @@ websearch_to_tsquery('simple', $9::text)
                and not s.title @@ websearch_to_tsquery('simple', $9::text)
                and ($10::boolean or s.words @@ websearch_to_tsquery('simple', $9::text))
             or $8::text = 'text' and s.words @@ websearch_to_tsquery('simple', $9::text)
                and not s.about @@ websearch_to_tsquery('simple', $9::text)
                and not s.title @@ websearch_to_tsquery('simple', $9::text)
             or $8::text = 'contained' and s.written like $11::text
                and not s.words @@ websearch_to_tsquery('simple', $9::text)
             or $8::text = 'found' and (s.words @@ websearch_to_tsquery('simple', $9::text) or s.written like $11::text))
           and (not $12::boolean
             or (p.created_at, p.namespace, p.name) > ($13::timestamptz, $14::text, $15::text))
        offset $16 limit $17) counted

-- name: FindByAge :many
with page as materialized (
  select p.id, p.created_at, p.namespace, p.name, p.default_version, coalesce(p.latest_version, 0)::bigint as latest
    from prompts p
    left join prompt_search s on s.prompt_id = p.id
   where p.exposure = 'Listed' and p.deleted_at is null and p.default_version is not null
     and ($1::boolean or p.namespace = any($2::text[]))
     and ($3::text = '' or p.category = $3::text)
     and ($4::boolean is null or p.is_template = $4::boolean)
     and ($5::text[] = '{}' or s.tags && $5::text[])
     and ($6::text[] = '{}' or s.tags @> $6::text[])
     and ($7::jsonb is null or s.metadata @> $7::jsonb)
     and ($8::text = 'listed'
       or $8::text = 'title' and s.title @@ websearch_to_tsquery('simple', $9::text)
          and ($10::boolean or s.words @@ websearch_to_tsquery('simple', $9::text))
       or $8::text = 'about' and s.about @@ websearch_to_tsquery('simple', $9::text)
          and not s.title @@ websearch_to_tsquery('simple', $9::text)
          and ($10::boolean or s.words @@ websearch_to_tsquery('simple', $9::text))
       or $8::text = 'text' and s.words @@ websearch_to_tsquery('simple', $9::text)
          and not s.about @@ websearch_to_tsquery('simple', $9::text)
          and not s.title @@ websearch_to_tsquery('simple', $9::text)
       or $8::text = 'contained' and s.written like $11::text
          and not s.words @@ websearch_to_tsquery('simple', $9::text))
     and (not $12::boolean
       or (p.created_at, p.namespace, p.name) > ($13::timestamptz, $14::text, $15::text))
   order by p.created_at, p.namespace, p.name
  offset $16 limit $17
)
select page.namespace, page.name, page.created_at, 0::real as rank, v.version, page.latest, v.digest, v.document, v.published_at,
       array(select c.name from prompt_channels c
              where c.prompt_id = page.id and c.version = v.version order by c.name)::text[] as channels
  from page
  join prompt_versions v on v.prompt_id = page.id and v.version = page.default_version
 order by page.created_at, page.namespace, page.name

-- name: FindRanked :many

with match as materialized (
  select s.prompt_id, s.words
    from prompt_search s
   where ($1::text[] = '{}' or s.tags && $1::text[])
     and ($2::text[] = '{}' or s.tags @> $2::text[])
     and ($3::jsonb is null or s.metadata @> $3::jsonb)
     and ($4::text = 'listed'
       or $4::text = 'hits' and s.words @@ websearch_to_tsquery('simple', $5::text)
       or $4::text = 'title' and s.title @@ websearch_to_tsquery('simple', $5::text)
          and ($6::boolean or s.words @@ websearch_to_tsquery('simple', $5::text))
       or $4::text = 'about' and s.about @@ websearch_to_tsquery('simple', $5::text)
          and not s.title @@ websearch_to_tsquery('simple', $5::text)
          and ($6::boolean or s.words @@ websearch_to_tsquery('simple', $5::text))
       or $4::text = 'text' and s.words @@ websearch_to_tsquery('simple', $5::text)
          and not s.about @@ websearch_to_tsquery('simple', $5::text)
          and not s.title @@ websearch_to_tsquery('simple', $5::text)
       or $4::text = 'contained' and s.written like $7::text
          and not s.words @@ websearch_to_tsquery('simple', $5::text)
          and websearch_to_tsquery('simple', s.version::text) is not null
       or $4::text = 'found' and (s.words @@ websearch_to_tsquery('simple', $5::text) or s.written like $7::text)
          and websearch_to_tsquery('simple', s.version::text) is not null)
), hit as materialized (
  select p.id, p.created_at, p.namespace, p.name, p.default_version, coalesce(p.latest_version, 0)::bigint as latest, match.words
    from match
   cross join lateral (
         select id, namespace, name, owner_uid, generation, revision, labels, exposure, deletion_policy, history_limit, highest_version, digest, latest_version, default_version, title, description, category, is_template, metadata, tags, arguments, tags_text, search, created_at, updated_at, deleted_at, purged_at, served_since
           from prompts
          where prompts.id = match.prompt_id
            and prompts.exposure = 'Listed' and prompts.deleted_at is null and prompts.default_version is not null
            and ($8::boolean or prompts.namespace = any($9::text[]))
            and ($10::text = '' or prompts.category = $10::text)
            and ($11::boolean is null or prompts.is_template = $11::boolean)
         offset 0) p
   limit $12
), ranked as materialized (
  select hit.id, hit.created_at, hit.namespace, hit.name, hit.default_version, hit.latest,
         case when $4::text = 'hits' or $4::text = 'found' and hit.words @@ websearch_to_tsquery('simple', $5::text)
              then greatest(ts_rank(hit.words, websearch_to_tsquery('simple', $5::text)), 1e-6::real)
              else 0::real end as rank
    from hit
   where (select count(*) from hit) < $12::bigint
), behind as materialized (
  select id, created_at, namespace, name, default_version, latest, rank
    from ranked
   where not $13::boolean or ranked.rank < $14::real
      or ranked.rank = $14::real
     and (ranked.created_at, ranked.namespace, ranked.name) > ($15::timestamptz, $16::text, $17::text)
), page as materialized (
  select id, created_at, namespace, name, default_version, latest, rank
    from behind
   order by behind.rank desc, behind.created_at, behind.namespace, behind.name
  offset $18 limit $19
)
select total.hits, total.behind, coalesce(page.namespace, '')::text as namespace, coalesce(page.name, '')::text as name,
       coalesce(page.created_at, now())::timestamptz as created_at, coalesce(page.rank, 0)::real as rank,
       coalesce(v.version, 0)::bigint as version, coalesce(page.latest, 0)::bigint as latest, coalesce(v.digest, '')::text as digest,
       v.document, coalesce(v.published_at, now())::timestamptz as published_at,
       array(select c.name from prompt_channels c
              where c.prompt_id = page.id and c.version = v.version order by c.name)::text[] as channels
  from (select (select count(*) from hit) as hits, (select count(*) from behind) as behind) total
  left join (page join prompt_versions v on v.prompt_id = page.id and v.version = page.default_version) on true
 order by page.rank desc, page.created_at, page.namespace, page.name


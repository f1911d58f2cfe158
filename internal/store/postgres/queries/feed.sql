-- name: ReadFeed :one
select epoch, revision
  from feed;

-- name: ChangedSince :many
-- "revision > 0" repeats the predicate of the index, which a parameter alone does not imply.
select revision, namespace, name
  from prompts
 where revision > @after and revision > 0
 order by revision
 limit @max_rows;

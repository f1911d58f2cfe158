-- +goose Up

-- A substring cannot be found without trigrams. pg_trgm is a trusted extension: whoever may create in the
-- database may create it, and it comes with every Postgres that has its contrib modules.
-- +goose StatementBegin
do $$
begin
  create extension if not exists pg_trgm;
exception
  when insufficient_privilege then
    raise exception 'role % may not create the extension pg_trgm, which searches need; run "create extension pg_trgm" in database % as a superuser, or grant create on that database to the role; then migrate again',
      current_user, current_database() using errcode = 'insufficient_privilege';
  when undefined_file or feature_not_supported then
    raise exception 'this Postgres does not have the extension pg_trgm, which searches need: %; install its contrib modules (package postgresql-contrib); then migrate again',
      sqlerrm using errcode = 'feature_not_supported';
end
$$;
-- +goose StatementEnd

-- Not columns of prompts: every publish writes that row twice, the second time while all others wait for the
-- feed, and each time all its index entries. These are written when the default version changes.
create table prompt_search (
  prompt_id bigint primary key references prompts,
  version   bigint not null,
  title     tsvector not null,
  about     tsvector not null,
  words     tsvector not null,
  written   text not null,
  tags      text[] not null,
  metadata  jsonb,
  foreign key (prompt_id, version) references prompt_versions on delete cascade
) with (toast_tuple_target = 512); -- the large columns apart: most searches are answered by the small ones and the indexes
comment on table prompt_search is 'What a search finds prompts by: derived from the default version, may be rebuilt (upkeep fills what is missing).';
comment on column prompt_search.title is 'Words of the title, in lower case as the program has it, since a locale may know ASCII only.';
comment on column prompt_search.about is 'Those and the words of description and tags.';
comment on column prompt_search.words is 'Title A, description and tags B, text with includes expanded C.';
comment on column prompt_search.written is 'Title, name, description, tags and text as written, in lower case, U+001F between them.';
comment on column prompts.search is 'Unused since prompt_search; the next release drops it.';

create table prompt_similarity (
  prompt_id bigint primary key references prompts,
  version   bigint not null,
  bands     bigint[] not null check (cardinality(bands) = 16),
  foreign key (prompt_id, version) references prompt_versions on delete cascade
);
comment on table prompt_similarity is 'Min-hash bands of the default version''s text as written; derived, may be rebuilt (upkeep fills what is missing).';

-- New entries wait in a list that every search reads, and the publish that fills it sorts it in: it is kept short.
create index prompt_search_words on prompt_search using gin (words) with (gin_pending_list_limit = 512);
create index prompt_search_title on prompt_search using gin (title);
create index prompt_search_about on prompt_search using gin (about);
-- An administrator may have put the extension into a schema that is not searched.
-- +goose StatementBegin
do $$
begin
  execute format('create index prompt_search_written on prompt_search using gin (written %s.gin_trgm_ops) with (gin_pending_list_limit = 512)',
                 (select extnamespace::regnamespace from pg_extension where extname = 'pg_trgm'));
end
$$;
-- +goose StatementEnd
create index prompt_search_tags on prompt_search using gin (tags);
create index prompt_search_metadata on prompt_search using gin (metadata jsonb_path_ops);
create index prompt_similarity_bands on prompt_similarity using gin (bands) with (gin_pending_list_limit = 512);

-- A list in order of birth.
create index prompts_born on prompts (created_at, namespace, name)
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

-- Completion of names.
create index prompts_names on prompts (name, namespace)
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

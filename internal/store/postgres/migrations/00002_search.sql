-- +goose Up

-- A substring cannot be found without trigrams. pg_trgm is a trusted extension: whoever may create in the
-- database may create it, and it comes with every Postgres that has its contrib modules.
-- +goose StatementBegin
do $$
begin
  create extension if not exists pg_trgm;
exception
  when insufficient_privilege then
    raise exception 'the extension pg_trgm cannot be created by role %', current_user
      using errcode = 'insufficient_privilege',
            hint = format('Run "create extension pg_trgm" in database %s as a superuser, or grant create on that database to %s; then migrate again.', current_database(), current_user);
  when undefined_file or feature_not_supported then
    raise exception 'the extension pg_trgm is not installed on this server: %', sqlerrm
      using errcode = 'undefined_file',
            hint = 'Install the contrib modules of this Postgres (package postgresql-contrib), or choose a server that offers pg_trgm; then migrate again.';
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

create index prompt_search_words on prompt_search using gin (words);
create index prompt_search_title on prompt_search using gin (title);
create index prompt_search_about on prompt_search using gin (about);
create index prompt_search_written on prompt_search using gin (written gin_trgm_ops);
create index prompt_search_tags on prompt_search using gin (tags);
create index prompt_search_metadata on prompt_search using gin (metadata jsonb_path_ops);
create index prompt_similarity_bands on prompt_similarity using gin (bands);

-- A list in order of birth.
create index prompts_born on prompts (created_at, namespace, name)
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

-- Completion of names.
create index prompts_names on prompts (name, namespace)
 where exposure = 'Listed' and deleted_at is null and default_version is not null;

-- +goose Up

-- The words of a long text were indexed up to the first 100,000 characters. Upkeep fills what is missing. All texts are read for
-- this, so it comes before what keeps others from reading versions.
delete from prompt_search where length(written) > 100000;
comment on column prompt_search.words is 'Title A, description and tags B, text with includes expanded C; of a long text, the words after the first 100,000 characters without positions, as D.';

-- Null where an earlier release stored it; then what the columns take, compressed, is counted.
alter table prompt_versions add column bytes bigint check (bytes >= 0);
comment on column prompt_versions.bytes is 'Of the texts, as written and with includes expanded: what the limit on the stored versions of a prompt counts.';

-- +goose Up

-- Who asks for requests asks by counted_as, since migration 9; each request was still written into this one.
drop index prompt_changes_of_subject;

-- Each publish of a text rewrites its bands, as it does what is searched.
alter table prompt_similarity set (autovacuum_vacuum_scale_factor = 0.05);

comment on column prompts.search is 'Unused since prompt_search. v0.1.0 writes it, so it stays as long as one may go back to that.';

-- Since when callers get what they get was nowhere: moves of channels are kept, but what is served also changes with a new version, a
-- withdrawal, and a prompt that comes back. By a trigger, and not in the statement that publishes, so that a controller of the
-- release before, which runs beside this schema while it is replaced and after a rollback, writes it too.
-- Last, because everybody reads this table; and no row is rewritten, which would keep them waiting.
alter table prompts add column served_since timestamptz;
comment on column prompts.served_since is 'When default_version became what callers get; null while there is none, and where that was before this column.';

-- +goose StatementBegin
create function stamp_served_since() returns trigger language plpgsql as $$
begin
  new.served_since := case when new.default_version is not null then now() end;
  return new;
end
$$;
-- +goose StatementEnd
create trigger served_since before update of default_version, deleted_at on prompts for each row
  when (old.default_version is distinct from new.default_version or old.deleted_at is not null and new.deleted_at is null)
  execute function stamp_served_since();

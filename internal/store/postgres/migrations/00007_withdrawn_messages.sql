-- +goose Up

-- A withdrawal also erases what was said of the version: the message of its change, and the revision of its source, which is any
-- text an annotation holds. Here, and not in the statement that withdraws, so that a controller of an earlier release, which may
-- run beside this schema, erases them too.
-- +goose StatementBegin
create or replace function refuse_version_update() returns trigger language plpgsql as $$
begin
  if old.withdrawn_at is null and new.withdrawn_at is not null
     and (new.prompt_id, new.version, new.digest, new.provenance, new.published_at)
       = (old.prompt_id, old.version, old.digest, old.provenance, old.published_at)
     and new.includes = '[]' and new.tags = '{}' and new.variables = '{}' then
    new.provenance := old.provenance - 'message' - 'sourceRevision';
    return new;
  end if;
  raise exception 'version % of prompt % is immutable; it can only be withdrawn', old.version, old.prompt_id
    using errcode = 'integrity_constraint_violation';
end
$$;
-- +goose StatementEnd

-- The same for versions withdrawn before.
alter table prompt_versions disable trigger immutable;
update prompt_versions
   set provenance = provenance - 'message' - 'sourceRevision'
 where withdrawn_at is not null and provenance ?| array['message', 'sourceRevision'];
alter table prompt_versions enable trigger immutable;

comment on table prompt_versions is 'Immutable; a withdrawal erases the text and what was said of it, and keeps number, digest and who wrote it.';

-- +goose Up

-- What is left of an edit once its request is settled: what tells a repeat from another request.
-- +goose StatementBegin
create function erased(edit jsonb) returns jsonb language sql stable as $$
  select jsonb_build_object('erased', encode(sha256(convert_to(edit::text, 'UTF8')), 'hex'))
$$;
-- +goose StatementEnd
update prompt_changes set edit = erased(edit) where settled_at is not null;
comment on column prompt_changes.edit is 'Its digest once the request is settled: a version may be withdrawn for what it says.';

-- A withdrawal erases what was said of the prompt's requests, whichever version came of them or none.
drop index prompt_changes_made;
create index prompt_changes_answered on prompt_changes (namespace, name) where settled_at is not null;

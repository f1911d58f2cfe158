-- +goose Up

-- A withdrawal erases what was asked of the prompt, whichever version came of it or none.
drop index prompt_changes_made;
create index prompt_changes_answered on prompt_changes (namespace, name) where settled_at is not null;

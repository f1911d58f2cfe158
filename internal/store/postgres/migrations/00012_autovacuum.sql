-- +goose Up

-- A request is inserted, changed some times within seconds and deleted after a month, and its edit and seal, which may be large,
-- are erased when it is final. By default a fifth of the table would have to be dead before it is vacuumed; that leaves what was
-- erased on disk for long, and the indexes of the few that are open full of those that are not.
alter table prompt_changes set (
  autovacuum_vacuum_scale_factor = 0.02,
  autovacuum_vacuum_threshold = 500,
  autovacuum_analyze_scale_factor = 0.02,
  autovacuum_analyze_threshold = 500,
  toast.autovacuum_vacuum_scale_factor = 0.02,
  toast.autovacuum_vacuum_threshold = 500
);

-- Each publish rewrites what is searched of a prompt, which is several times as large as the prompt.
alter table prompt_search set (autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_scale_factor = 0.05);
alter table prompts set (autovacuum_vacuum_scale_factor = 0.05);

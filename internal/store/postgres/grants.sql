-- What a server may do: read what it serves, ask for changes, and nothing else. Runs after the migrations, each time;
-- it takes back what an earlier release gave. A table that a migration adds gets its line here, even
-- if the line says that servers do not see it (TestGrants knows the list of all tables).
-- The role's name is in the setting lectern.server_role, because a grant takes no parameter.
do $grants$
declare
  server text := quote_ident(current_setting('lectern.server_role'));
  home   text := quote_ident(current_schema());
begin
  execute format('revoke all on all tables in schema %s from %s', home, server);
  execute format('revoke all on all sequences in schema %s from %s', home, server);
  execute format('grant usage on schema %s to %s', home, server);

  execute format('grant select on goose_db_version to %s', server);     -- to verify the schema
  execute format('grant select on feed to %s', server);
  execute format('grant select on prompts to %s', server);
  execute format('grant select on prompt_versions to %s', server);
  execute format('grant select on prompt_channels to %s', server);
  execute format('grant select on prompt_channel_moves to %s', server);
  execute format('grant select on prompt_search to %s', server);
  execute format('grant select on prompt_similarity to %s', server);
  execute format('grant select on tags to %s', server);
  execute format('grant select on prompt_tags to %s', server);
  execute format('grant select on prompt_variables to %s', server);
  -- What a request asks, and nothing of what becomes of it.
  execute format('grant select on prompt_changes to %s', server);
  execute format('grant insert (id, namespace, name, action, edit, expected_version, subject, idempotency_key) on prompt_changes to %s', server);
  -- installation: only controllers ask whose database this is.
end
$grants$;

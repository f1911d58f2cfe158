-- What a server may do: read what it serves, ask for changes, and nothing else. Runs after the migrations, each time;
-- it takes back what an earlier release gave. A table that a migration adds gets its line here, even
-- if the line says that servers do not see it (TestGrants knows the list of all tables).
-- The role's name is in the setting lectern.server_role, because a grant takes no parameter.
do $grants$
declare
  server text := quote_ident(current_setting('lectern.server_role'));
  home   text := quote_ident(current_schema());
  base   text := quote_ident(current_database());
begin
  -- What Postgres gives everybody, or gave before 15, and only the owner of the database may take back. What stays is logged.
  if pg_has_role((select datdba from pg_database where datname = current_database()), 'USAGE')
     and (has_database_privilege('public', current_database(), 'TEMPORARY') or has_database_privilege('public', current_database(), 'CREATE')) then
    execute format('revoke create, temporary on database %s from public', base);
  end if;
  if pg_has_role((select nspowner from pg_namespace where nspname = current_schema()), 'USAGE')
     and has_schema_privilege('public', current_schema(), 'CREATE') then
    execute format('revoke create on schema %s from public', home);
  end if;

  execute format('revoke all on all tables in schema %s from %s', home, server);
  execute format('revoke all on all sequences in schema %s from %s', home, server);
  execute format('grant usage on schema %s to %s', home, server);

  execute format('grant select on goose_db_version to %s', server);     -- to verify the schema
  execute format('grant select on feed to %s', server);
  execute format('grant select on cursor_key to %s', server); -- it hides nothing that a server may not read
  execute format('grant select on prompts to %s', server);
  execute format('grant select on prompt_versions to %s', server);
  execute format('grant select on prompt_channels to %s', server);
  execute format('grant select on prompt_channel_moves to %s', server);
  execute format('grant select on prompt_search to %s', server);
  execute format('grant select on prompt_similarity to %s', server);
  execute format('grant select on tags to %s', server);
  execute format('grant select on prompt_tags to %s', server);
  execute format('grant select on prompt_variables to %s', server);
  -- What a request asks, and nothing of what becomes of it. What is made of the caller's token is not read back: who has this
  -- role has no use for another's.
  execute format('grant select (id, seq, namespace, name, action, edit, expected_version, subject, idempotency_key, requested_at, asked_as, replica, '
    'state, reason, message, version, served, new_version, attempt, begun_at, tried_at, deferred_at, object_uid, object_version, generation, '
    'applied_at, settled_at, proven_at, proof_tried_at, counted_as) on prompt_changes to %s', server);
  execute format('grant insert (id, namespace, name, action, edit, expected_version, subject, idempotency_key, sealed, token_fingerprint) on prompt_changes to %s', server);
  execute format('grant execute on function scrub_old_seals() to %s', server);
  -- prompt_change_queue: only controllers know when they serve it.
  -- prompt_change_locks: what controllers lock, servers must not be able to.
  execute format('grant select on sdp_connections to %s', server);
  -- The sealed token and what tells whether it is good, and of which refresh token it is only controllers know.
  execute format('grant select (id, connection_id, kind, sealed, scopes, issued_at, expires_at, replaced_at) on oauth_tokens to %s', server);
  execute format('grant select on field_lookups to %s', server);
  execute format('grant select on field_mappings to %s', server);
  execute format('grant select (connection_id, token_id), insert (connection_id, token_id) on token_refusals to %s', server);
  execute format('grant insert (connection_id, type, parent_id, external_id, name, detail) on sdp_observations to %s', server);
  -- sdp_rate_limits, sdp_windows: by these functions alone.
  execute format('grant execute on function take_rate(bigint, text, integer) to %s', server);
  execute format('grant execute on function pause_rate(bigint, integer) to %s', server);
  execute format('grant select on project_cache to %s', server);
  execute format('grant select on project_cache_reads to %s', server);
  execute format('grant select on task_history to %s', server);
  -- project_title_claims: by these functions alone.
  execute format('grant execute on function claim_project_title(bigint, bytea, uuid) to %s', server);
  execute format('grant execute on function release_project_title(bigint, bytea, uuid) to %s', server);
  -- sdp_writes: by these functions alone, each about what the server itself began.
  execute format('grant execute on function begin_write(bigint, uuid, text, text, text, bytea, text, text, boolean, boolean, integer, text) to %s', server);
  execute format('grant execute on function trace_write(uuid, jsonb) to %s', server);
  execute format('grant execute on function end_write(uuid, text, text, text) to %s', server);
  execute format('grant execute on function write_outcome(uuid) to %s', server);
  -- token_requests, token_budget_locks: what controllers ask accounts servers, and lock meanwhile.
  -- What was said in a call servers write and do not read back; nor what proves that a chain is whole.
  execute format('grant insert (logged_at, clamped, writer, connection_uid, seq, call_id, started_at, took_us, method, tool, is_write, subject, proof, '
    'oidc_client, client_name, client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name, '
    'prompt_version, prompt_digest, outcome, error_kind, payload, sealed_payload, salt, hash) on mcp_tool_usage to %s', server);
  execute format('grant select (logged_at, clamped, writer, connection_uid, seq, call_id, started_at, took_us, method, tool, is_write, subject, proof, '
    'oidc_client, client_name, client_version, connection_namespace, connection_name, traceparent, target, prompt_namespace, prompt_name, '
    'prompt_version, prompt_digest, outcome, error_kind, loaded_at, loaded_as, replica) on mcp_tool_usage to %s', server);
  execute format('grant insert (logged_at, clamped, writer, connection_uid, seq, id, call_id, started_at, took_us, operation, method, template, is_write, '
    'subject, proof, oidc_client, connection_namespace, connection_name, traceparent, target, attempt, status, codes, outcome, error_kind, '
    'payload, sealed_payload, salt, hash) on api_audit_log to %s', server);
  execute format('grant select (logged_at, clamped, writer, connection_uid, seq, id, call_id, started_at, took_us, operation, method, template, is_write, '
    'subject, proof, oidc_client, connection_namespace, connection_name, traceparent, target, attempt, status, codes, outcome, error_kind, '
    'loaded_at, loaded_as, replica) on api_audit_log to %s', server);
  execute format('grant insert (batch, writer, rows, damaged) on audit_batches to %s', server);
  -- audit_anchors, audit_erasures, audit_chain: what a server that was taken over must not be able to bring into line.
  -- What a seal is bound to. Only controllers ask whose database this is.
  execute format('grant select (id) on installation to %s', server);
end
$grants$;

-- Who may see which rows is decided here, and in audit.Memory by the same rules (storetest.RunAuditScopes). What was said is in no answer: a server may not read it.

-- name: FindToolUsage :many
-- A call is about the words of its target; what ends with a digit is a whole number, and not the beginning of one.
-- Audited calls, the newest first, planned for their arguments. Rows of one time are told apart by their call.
select u.logged_at, u.call_id, u.took_us, u.subject, u.client_name, u.client_version, u.method, u.tool, u.target, u.outcome, u.error_kind,
       u.connection_namespace, u.connection_name, u.prompt_version
  from mcp_tool_usage u
 where u.logged_at >= @since::timestamptz and u.logged_at < @until::timestamptz
   and (not @is_after::boolean or (u.logged_at, u.call_id) < (@before_logged_at::timestamptz, @before_call_id::uuid))
   and (@actor::text = '' or u.subject = @actor::text)
   and (@tool::text = '' or u.tool = @tool::text or u.tool = '' and u.method = @tool::text)
   and (@target::text = '' or exists (select from unnest(array[u.target] || string_to_array(u.target, ' ')) one
                                       where starts_with(one, @target::text)
                                         and not (right(@target::text, 1) ~ '[0-9]' and substr(one, length(@target::text) + 1, 1) ~ '[0-9]')))
   and (@outcome::text = '' or u.outcome = @outcome::text)
   and (sqlc.narg('call_id')::uuid is null or u.call_id = sqlc.narg('call_id')::uuid)
   and (u.connection_name <> '' and (
            @all_connections::boolean
         or u.connection_namespace = any(@connection_namespaces::text[])
         or u.connection_namespace || '/' || u.connection_name = any(@connections::text[])
         or u.subject = @subject::text and u.proof = @proof::text and (
               @all_own_connections::boolean
            or u.connection_namespace = any(@own_connection_namespaces::text[])
            or u.connection_namespace || '/' || u.connection_name = any(@own_connections::text[])))
     or u.connection_name = '' and (@all_prompts::boolean or u.prompt_namespace <> '' and u.prompt_namespace = any(@prompt_namespaces::text[])))
 order by u.logged_at desc, u.call_id desc
 limit @max_rows;

-- name: ListAPICalls :many
-- The calls of ServiceDesk Plus that were made for one that the caller may see, in their order.
select a.logged_at, a.took_us, a.operation, a.target, a.attempt, a.status, a.outcome, a.error_kind
  from api_audit_log a
 where a.call_id = @call_id::uuid and a.logged_at >= @since::timestamptz and a.logged_at < @until::timestamptz
 order by a.started_at, a.attempt
 limit @max_rows;

-- name: CountPromptUses :many
-- The versions of prompts that were fetched or rendered most, each with the callers who did that most.
with by_caller as (
  select u.prompt_namespace, u.prompt_name, u.prompt_version, u.prompt_digest, u.subject, count(*) as uses, max(u.logged_at) as last_used
    from mcp_tool_usage u
   where u.prompt_version > 0 and u.outcome = 'success' and u.logged_at >= @since::timestamptz
     and (@everywhere::boolean or u.prompt_namespace = any(@namespaces::text[]))
   group by u.prompt_namespace, u.prompt_name, u.prompt_version, u.prompt_digest, u.subject
), by_version as (
  select prompt_namespace, prompt_name, prompt_version, prompt_digest, sum(uses)::bigint as uses, count(*) as callers, max(last_used) as last_used
    from by_caller
   group by prompt_namespace, prompt_name, prompt_version, prompt_digest
   order by uses desc, prompt_namespace, prompt_name, prompt_version
   limit @max_versions
)
select v.prompt_namespace, v.prompt_name, v.prompt_version, v.prompt_digest, v.uses, v.callers, v.last_used::timestamptz as last_used, c.subject, c.uses as caller_uses
  from by_version v
 cross join lateral (
       select by_caller.subject, by_caller.uses
         from by_caller
        where by_caller.prompt_namespace = v.prompt_namespace and by_caller.prompt_name = v.prompt_name
          and by_caller.prompt_version = v.prompt_version and by_caller.prompt_digest = v.prompt_digest
        order by by_caller.uses desc, by_caller.subject
        limit @max_callers) c
 order by v.uses desc, v.prompt_namespace, v.prompt_name, v.prompt_version, c.uses desc, c.subject;

package access

// ServedVerb is a verb callers of MCP are asked for, and for what.
type ServedVerb struct {
	Verb     Verb
	Resource Resource
	// HasName is set where the review names the object: what is listed or made has no name yet.
	HasName bool
	// NeedsGet is set where Get is asked for, too: what a caller may not get does not exist for them.
	NeedsGet bool
	// Surfaces are methods of MCP and names of tools.
	Surfaces []string
}

// ServedVerbs returns the verbs that what is served is asked for, the rarer the later.
func ServedVerbs() []ServedVerb {
	return []ServedVerb{
		{Verb: Get, Resource: Prompts, HasName: true, Surfaces: []string{
			"prompts/get", "resources/read", "subscriptions/listen to one prompt", "completion of values and versions",
			"get_prompt", "apply_template", "list_prompt_versions", "diff_prompt_versions",
		}},
		{Verb: List, Resource: Prompts, Surfaces: []string{
			"prompts/list", "resources/list", "subscriptions/listen to lists", "completion of names and tags",
			"list_prompts", "search_prompts", "get_stats", "find_similar_prompts",
		}},
		{Verb: Create, Resource: Prompts, Surfaces: []string{"add_prompt"}},
		{Verb: Patch, Resource: Prompts, HasName: true, NeedsGet: true, Surfaces: []string{"update_prompt"}},
		{Verb: Delete, Resource: Prompts, HasName: true, NeedsGet: true, Surfaces: []string{"delete_prompt"}},
		{Verb: Promote, Resource: Prompts, HasName: true, NeedsGet: true, Surfaces: []string{"set_prompt_channel"}},
		{Verb: Use, Resource: SDPConnections, HasName: true, Surfaces: []string{
			"resources/read of sdp:// URIs", "completion of connections", "list_requests", "search_requests", "my_queue", "get_request",
			"list_lookup", "find_people", "search_solutions", "list_projects", "get_project", "list_tasks", "search_records", "get_record",
			"connection_status",
		}},
		{Verb: Operate, Resource: SDPConnections, HasName: true, Surfaces: []string{
			"create_request", "update_request", "assign_request", "set_request_status", "close_request", "add_note", "add_worklog",
			"link_requests", "bulk_update_requests", "trash_request", "create_project", "update_project", "save_milestone", "create_tasks",
			"update_task", "create_problem",
		}},
		{Verb: Audit, Resource: Prompts, Surfaces: []string{"audit_search"}},
	}
}

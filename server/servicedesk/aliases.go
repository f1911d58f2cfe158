package servicedesk

import (
	"context"
	"encoding/json"
	"maps"

	"github.com/mark3labs/mcp-go/mcp"
)

// alias is a name that a tool had in earlier servers: it can be called, and is not listed.
type alias struct {
	tool string
	// preset are arguments that the name stands for, where the caller does not give them.
	preset map[string]string
	// renamed are the arguments that it had under other names, by those.
	renamed map[string]string
	// gathered is an argument that is a list of objects, of which the name stands for one: these arguments are its members.
	gathered string
	members  []string
}

// aliases are those names.
var aliases = map[string]alias{
	"get_request_conversation": {tool: "get_request", preset: map[string]string{"include": `["conversations"]`}},
	"list_technicians":         {tool: "find_people", preset: map[string]string{"kind": `"technician"`}},
	"find_technician":          {tool: "find_people", preset: map[string]string{"kind": `"technician"`}},
	"get_technician":           {tool: "find_people", preset: map[string]string{"kind": `"technician"`}},
	"search_users":             {tool: "find_people"},
	"get_user":                 {tool: "find_people", renamed: map[string]string{"email": "query"}},
	"get_priorities":           {tool: "list_lookup", preset: map[string]string{"type": `"priorities"`}},
	"get_categories":           {tool: "list_lookup", preset: map[string]string{"type": `"categories"`}},
	"get_subcategories":        {tool: "list_lookup", preset: map[string]string{"type": `"subcategories"`}, renamed: map[string]string{"category_name": "parent"}},
	"get_statuses":             {tool: "list_lookup", preset: map[string]string{"type": `"statuses"`}},
	"get_request_types":        {tool: "list_lookup", preset: map[string]string{"type": `"request_types"`}},
	"get_metadata":             {tool: "list_lookup"},
	"add_private_note":         {tool: "add_note", preset: map[string]string{"visible_to_requester": `false`}, renamed: map[string]string{"note_content": "text"}},
	"add_note_to_request":      {tool: "add_note", renamed: map[string]string{"note_content": "text", "is_public": "visible_to_requester"}},
	"pickup_request":           {tool: "assign_request", preset: map[string]string{"technician": `"me"`}},
	"create_task": {
		tool: "create_tasks", gathered: "tasks",
		members: []string{"title", "description", "owner", "priority", "start", "end", "effort_minutes", "depends_on"},
	},
	"complete_task":       {tool: "update_task", preset: map[string]string{"complete": `true`}},
	"list_project_tasks":  {tool: "list_tasks", preset: map[string]string{"status": `"all"`}},
	"get_project_summary": {tool: "get_project"},
	"create_milestone":    {tool: "save_milestone"},
}

// withPreset returns the arguments of a call by an alias.
func (a alias) withPreset(given map[string]json.RawMessage) map[string]json.RawMessage {
	arguments := maps.Clone(given)
	if arguments == nil {
		arguments = map[string]json.RawMessage{}
	}
	for old, name := range a.renamed {
		if value, has := arguments[old]; has && arguments[name] == nil {
			arguments[name] = value
			delete(arguments, old)
		}
	}
	if _, has := arguments[a.gathered]; a.gathered != "" && !has {
		one := map[string]json.RawMessage{}
		for _, name := range a.members {
			if value, has := arguments[name]; has {
				one[name] = value
				delete(arguments, name)
			}
		}
		raw, err := json.Marshal([]any{one})
		if err != nil {
			panic(err) // it was read as JSON
		}
		arguments[a.gathered] = raw
	}
	for name, value := range a.preset {
		if _, has := arguments[name]; !has {
			arguments[name] = json.RawMessage(value)
		}
	}
	return arguments
}

// mailTools are names of tools of earlier servers that said they write to the requester.
var mailTools = []string{"reply_to_requester", "send_first_response"}

// refuseMail says why there is no such tool.
func refuseMail(context.Context) *mcp.CallToolResult {
	return mcp.NewToolResultError("The API of ServiceDesk Plus sends no mail to requesters. A note is no reply, not even one that is shown to the requester: " +
		"ask a technician to answer in ServiceDesk Plus.")
}

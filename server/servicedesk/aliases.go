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
}

// aliases are those names.
var aliases = map[string]alias{
	"get_request_conversation": {"get_request", map[string]string{"include": `["conversations"]`}, nil},
	"list_technicians":         {"find_people", map[string]string{"kind": `"technician"`}, nil},
	"find_technician":          {"find_people", map[string]string{"kind": `"technician"`}, nil},
	"get_technician":           {"find_people", map[string]string{"kind": `"technician"`}, nil},
	"search_users":             {"find_people", nil, nil},
	"get_user":                 {"find_people", nil, map[string]string{"email": "query"}},
	"get_priorities":           {"list_lookup", map[string]string{"type": `"priorities"`}, nil},
	"get_categories":           {"list_lookup", map[string]string{"type": `"categories"`}, nil},
	"get_subcategories":        {"list_lookup", map[string]string{"type": `"subcategories"`}, map[string]string{"category_name": "parent"}},
	"get_statuses":             {"list_lookup", map[string]string{"type": `"statuses"`}, nil},
	"get_request_types":        {"list_lookup", map[string]string{"type": `"request_types"`}, nil},
	"get_metadata":             {"list_lookup", nil, nil},
	"add_private_note":         {"add_note", map[string]string{"visible_to_requester": `false`}, map[string]string{"note_content": "text"}},
	"add_note_to_request":      {"add_note", nil, map[string]string{"note_content": "text", "is_public": "visible_to_requester"}},
	"pickup_request":           {"assign_request", map[string]string{"technician": `"me"`}, nil},
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

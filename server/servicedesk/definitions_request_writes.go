package servicedesk

import "github.com/lectern-dev/lectern/server/tool"

// requestWriteTools returns the tools that write requests, beside their notes, worklogs and links.
func (s *Service) requestWriteTools() []offered {
	adds := tool.Hints{} // a repeat is one write with a key alone, or for two minutes
	sets := tool.Hints{Idempotent: true}
	replaces := tool.Hints{Destructive: true, Idempotent: true}
	return []offered{
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "create_request", Title: "Create Request", Hints: adds,
			Description: "Create a ticket. A dry run lists what its template requires. Up to 7 calls." + strangersWords,
		}, s.createRequest),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "update_request", Title: "Update Request", Hints: replaces,
			Description: "Change fields of a ticket; null clears one. Up to 7 calls." + strangersWords,
		}, s.updateRequest),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "assign_request", Title: "Assign Request", Hints: sets,
			Description: "Give a ticket to a technician, a group, or both. Up to 5 calls." + strangersWords,
		}, s.assignRequest),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "set_request_status", Title: "Set Request Status", Hints: sets,
			Description: "Change the status of a ticket; close_request resolves and closes." + strangersWords,
		}, s.setRequestStatus),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "close_request", Title: "Close Request", Hints: replaces,
			Description: "Close a ticket, or only resolve it. Up to 5 calls." + strangersWords,
		}, s.closeRequest),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "add_note", Title: "Add Note", Hints: adds,
			Description: "Add a note to a ticket, or a comment to a project, milestone or task. It is not sent to the requester as a reply. Up to 5 calls." + strangersWords,
		}, s.addNote),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "add_worklog", Title: "Add Worklog", Hints: adds,
			Description: "Add time spent on a ticket or a task of a project. Up to 6 calls." + strangersWords,
		}, s.addWorklog),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "link_requests", Title: "Link Requests", Hints: sets,
			Description: "Link a ticket with others." + strangersWords,
		}, s.linkRequests),
		newWriteTool(s, requestsToolset, tool.Definition{
			Name: "bulk_update_requests", Title: "Bulk Update Requests", Hints: replaces, Deadline: bulkDeadline,
			Description: "Make the same changes to several tickets: a call for each, and one for each note." + strangersWords,
		}, s.bulkUpdateRequests),
		newWriteTool(s, trashToolset, tool.Definition{
			Name: "trash_request", Title: "Trash Request", Hints: replaces,
			Description: "Move a ticket to the trash, or out of it." + strangersWords,
		}, s.trashRequest),
	}
}

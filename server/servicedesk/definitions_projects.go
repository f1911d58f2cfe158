package servicedesk

import "github.com/lectern-dev/lectern/server/tool"

// projectTools returns the tools on projects, their milestones and tasks, and on the tasks of requests.
func (s *Service) projectTools() []offered {
	makes, changes := tool.Hints{}, tool.Hints{Destructive: true, Idempotent: true}
	return []offered{
		newTool(s, projectsToolset, tool.Definition{
			Name: "list_projects", Title: "List Projects",
			Description: "List projects, the newest first, or by title." + strangersWords,
		}, s.listProjects),
		newTool(s, projectsToolset, tool.Definition{
			Name: "get_project", Title: "Get Project",
			Description: "Read a project: its state, counts and progress." + strangersWords,
		}, s.getProject),
		newTool(s, tasksToolsets, tool.Definition{
			Name: "list_tasks", Title: "List Tasks",
			Description: "List the tasks of a ticket, a project or a milestone." + strangersWords,
		}, s.listTasks),
		newWriteTool(s, projectsToolset, tool.Definition{
			Name: "create_project", Title: "Create Project", Hints: makes,
			Description: "Make a project, unless one has a title like it: then those are the answer. A call of ServiceDesk Plus for each person named and each member more." + strangersWords,
		}, s.createProject),
		newWriteTool(s, projectsToolset, tool.Definition{
			Name: "update_project", Title: "Update Project", Hints: changes,
			Description: "Change fields of a project, null clears one, or add members, two calls of ServiceDesk Plus each." + strangersWords,
		}, s.updateProject),
		newWriteTool(s, projectsToolset, tool.Definition{
			Name: "save_milestone", Title: "Save Milestone", Hints: tool.Hints{Destructive: true},
			Description: "Make a milestone of a project, or change one; null clears a field." + strangersWords,
		}, s.saveMilestone),
		newWriteTool(s, tasksToolsets, tool.Definition{
			Name: "create_tasks", Title: "Create Tasks", Hints: makes, Deadline: bulkDeadline,
			Description: "Make tasks of a ticket, a project or a milestone: a call of ServiceDesk Plus for each, each dependency and, of a ticket, each owner. What has no time within 100 s is not_started; the same call with the same idempotency_key goes on." + strangersWords,
		}, s.createTasks),
		newWriteTool(s, tasksToolsets, tool.Definition{
			Name: "update_task", Title: "Update Task", Hints: changes,
			Description: "Change a task, or complete it; null clears a field. Dependencies cost a call of ServiceDesk Plus, and one each." + strangersWords,
		}, s.updateTask),
	}
}

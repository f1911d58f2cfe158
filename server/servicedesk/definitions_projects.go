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
			Description: "Create a project, or return those with a similar title. Two more calls for each person." + strangersWords,
		}, s.createProject),
		newWriteTool(s, projectsToolset, tool.Definition{
			Name: "update_project", Title: "Update Project", Hints: changes,
			Description: "Change fields of a project, or add members, two calls each; null clears a field." + strangersWords,
		}, s.updateProject),
		newWriteTool(s, projectsToolset, tool.Definition{
			Name: "save_milestone", Title: "Save Milestone", Hints: tool.Hints{Destructive: true},
			Description: "Create or change a milestone of a project; null clears a field. Up to 5 calls." + strangersWords,
		}, s.saveMilestone),
		newWriteTool(s, tasksToolsets, tool.Definition{
			Name: "create_tasks", Title: "Create Tasks", Hints: makes, Deadline: bulkDeadline,
			Description: "Create tasks of a ticket, a project or a milestone: a call for each task, dependency and owner. With the same idempotency_key it goes on with what was not_started." + strangersWords,
		}, s.createTasks),
		newWriteTool(s, tasksToolsets, tool.Definition{
			Name: "update_task", Title: "Update Task", Hints: changes,
			Description: "Change a task, or complete it; null clears a field. Up to 12 calls, and one for each dependency." + strangersWords,
		}, s.updateTask),
	}
}

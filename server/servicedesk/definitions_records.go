package servicedesk

import "github.com/lectern-dev/lectern/server/tool"

// recordTools returns the tools on problems, changes and assets.
func (s *Service) recordTools() []offered {
	search := newTool(s, recordToolsets, tool.Definition{
		Name: "search_records", Title: "Search Records",
		Description: "Find problems, changes or assets." + strangersWords,
	}, s.searchRecords)
	get := newTool(s, recordToolsets, tool.Definition{
		Name: "get_record", Title: "Get Record",
		Description: "Read a problem, a change or an asset." + strangersWords,
	}, s.getRecord)
	problem := newWriteTool(s, recordsToolset, tool.Definition{
		Name: "create_problem", Title: "Create Problem", Deadline: bulkDeadline,
		Description: "Create a problem, and link tickets to it: a call for each." + strangersWords,
	}, s.createProblem)
	search.modules, get.modules = recordModules, recordModules
	return []offered{search, get, problem}
}

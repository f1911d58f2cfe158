package servicedesk

import (
	"context"
	"slices"

	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// The toolsets of reading.
const (
	requestsToolset  = "requests"
	lookupsToolset   = "lookups"
	knowledgeToolset = "knowledge"
	peopleToolset    = "people"
)

// Toolsets returns the names of the groups of tools that a connection may offer, those that have no tool yet among them.
func Toolsets() []string {
	return []string{requestsToolset, lookupsToolset, "projects", knowledgeToolset, peopleToolset, "problems-and-changes", "assets", "trash"}
}

// toolsetsOf returns the groups that a tool belongs to, of which the connections name one, or none where it is there with any.
func toolsetsOf(toolset string) []string {
	if toolset == "" {
		return Toolsets()
	}
	return []string{toolset}
}

// checkWanted refuses what belongs to a toolset that the client left out. Tools of one are unknown; resources are asked for by name.
func checkWanted(ctx context.Context, toolset string) error {
	call := transport.FromContext(ctx)
	if call == nil || slices.ContainsFunc(toolsetsOf(toolset), call.Narrowing.AdmitsToolset) {
		return nil
	}
	return tool.NewForbidden("the client left out the toolset %s", toolset)
}

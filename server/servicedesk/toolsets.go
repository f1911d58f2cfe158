package servicedesk

import (
	"context"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// The toolsets.
const (
	requestsToolset  = "requests"
	lookupsToolset   = "lookups"
	projectsToolset  = "projects"
	knowledgeToolset = "knowledge"
	peopleToolset    = "people"
	recordsToolset   = "problems-and-changes"
	assetsToolset    = "assets"
	trashToolset     = "trash"
)

// Toolsets returns the names of the groups of tools that a connection may offer.
func Toolsets() []string {
	return []string{
		requestsToolset, lookupsToolset, projectsToolset, knowledgeToolset, peopleToolset, recordsToolset, assetsToolset, trashToolset,
	}
}

// Those of tools that are there with either.
const (
	tasksToolsets  = requestsToolset + " " + projectsToolset
	recordToolsets = recordsToolset + " " + assetsToolset
)

// toolsetsOf returns the groups that a tool belongs to, of which the connections name one, or none where it is there with any.
func toolsetsOf(toolset string) []string {
	if toolset == "" {
		return Toolsets()
	}
	return strings.Fields(toolset)
}

// checkToolset refuses what needs another toolset than the one of its tool, where the connection does not offer that.
func (d *desk) checkToolset(toolset string) error {
	if slices.Contains(d.Access.Toolsets, toolset) {
		return nil
	}
	return tool.NewForbidden("connection %s does not offer the toolset %s (spec.access.toolsets)", d.key, toolset)
}

// checkWanted refuses what belongs to a toolset that the client left out. Tools of one are unknown; resources are asked for by name.
func checkWanted(ctx context.Context, toolset string) error {
	call := transport.FromContext(ctx)
	if call == nil || slices.ContainsFunc(toolsetsOf(toolset), call.Narrowing.AdmitsToolset) {
		return nil
	}
	return tool.NewForbidden("the client left out the toolset %s", toolset)
}

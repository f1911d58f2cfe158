package sdpconnection

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/api/v1alpha1"
)

// scopePrefix begins the scopes of ServiceDesk Plus.
const scopePrefix = "SDPOnDemand."

// toolsetScopes are the modules that a toolset reads, and those it writes.
var toolsetScopes = map[v1alpha1.Toolset]struct {
	reads  []string
	writes map[string][]string
}{
	v1alpha1.ToolsetRequests:           {reads: []string{"requests"}, writes: map[string][]string{"requests": {"CREATE", "UPDATE"}}},
	v1alpha1.ToolsetLookups:            {reads: []string{"setup"}},
	v1alpha1.ToolsetProjects:           {reads: []string{"projects"}, writes: map[string][]string{"projects": {"CREATE", "UPDATE"}}},
	v1alpha1.ToolsetKnowledge:          {reads: []string{"solutions"}},
	v1alpha1.ToolsetPeople:             {reads: []string{"users"}},
	v1alpha1.ToolsetProblemsAndChanges: {reads: []string{"problems", "changes"}, writes: map[string][]string{"problems": {"CREATE"}}},
	v1alpha1.ToolsetAssets:             {reads: []string{"assets"}},
	v1alpha1.ToolsetTrash:              {reads: []string{"requests"}, writes: map[string][]string{"requests": {"DELETE"}}},
}

// missingScopes returns what a token lacks for each toolset, as "projects: SDPOnDemand.projects.READ". Where the accounts server did
// not say what scopes the token has, nothing is known to be missing.
func missingScopes(toolsets []v1alpha1.Toolset, mode v1alpha1.AccessMode, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	var missing []string
	for _, toolset := range toolsets {
		var lacks []string
		for _, module := range toolsetScopes[toolset].reads {
			actions := []string{"READ"}
			if mode == v1alpha1.AccessModeReadWrite {
				actions = append(actions, toolsetScopes[toolset].writes[module]...)
			}
			for _, action := range actions {
				if !hasScope(granted, module, action) {
					lacks = append(lacks, scopePrefix+module+"."+action)
				}
			}
		}
		if len(lacks) > 0 {
			missing = append(missing, fmt.Sprintf("%s: %s", toolset, strings.Join(lacks, ", ")))
		}
	}
	return missing
}

func hasScope(granted []string, module, action string) bool {
	return slices.ContainsFunc(granted, func(scope string) bool {
		rest, is := strings.CutPrefix(scope, scopePrefix)
		of, may, _ := strings.Cut(rest, ".")
		return is && of == module && (may == action || may == "ALL")
	})
}

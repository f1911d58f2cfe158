package servicedesk

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// moduleChoices are the toolsets of whose modules a list of tools has those: of both, or of one.
var moduleChoices = [][]string{{recordsToolset, assetsToolset}, {recordsToolset}, {assetsToolset}}

// makeVariants returns what is listed of a tool in the place of its definition: for each of moduleChoices, where it has modules, with the
// argument connection and without. The definition itself, which would be the first, is left out.
func (o offered) makeVariants() []mcp.Tool {
	choices := moduleChoices[:1]
	if o.modules != nil {
		choices = moduleChoices
	}
	var variants []mcp.Tool
	for _, toolsets := range choices {
		values := map[string][]string{}
		for _, toolset := range toolsets {
			values["module"] = append(values["module"], o.modules[toolset]...)
		}
		variants = append(variants, o.MCPWith(nil, values), o.MCPWith([]string{"connection"}, values))
	}
	return variants[1:]
}

// ChooseVariants implements transport.VariantChooser: who sees one connection need not name it, and the modules are those of the toolsets
// that the caller sees and the client wants.
func (s *Service) ChooseVariants(ctx context.Context, call *transport.Call) (func(name string) int, error) {
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	if err != nil {
		return nil, err
	}
	hides := 0
	if seen.connections < 2 {
		hides = 1
	}
	choice := max(0, slices.IndexFunc(moduleChoices, func(toolsets []string) bool {
		return !slices.ContainsFunc(toolsets, func(toolset string) bool { return !seen.toolsets[toolset] || !call.Narrowing.AdmitsToolset(toolset) })
	}))
	return func(name string) int {
		if s.offered[name].modules == nil {
			return hides
		}
		return 2*choice + hides
	}, nil
}

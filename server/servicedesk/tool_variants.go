package servicedesk

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// moduleChoices are the toolsets of whose modules a list of tools has those: of both, or of one.
var moduleChoices = [][]string{{recordsToolset, assetsToolset}, {recordsToolset}, {assetsToolset}}

// confirmAlways is spec.access.confirm where every write is confirmed.
const confirmAlways = "Always"

// planTools are the tools that write and list the argument plan always: they may have to be confirmed whatever spec.access.confirm says.
// Others take it, and list it only for callers who see a connection where every write is confirmed.
var planTools = []string{"add_note", "close_request", "bulk_update_requests", "trash_request"}

func (o offered) hidesPlan() bool { return o.writes && !slices.Contains(planTools, o.Name) }

// makeVariants returns what is listed of a tool in the place of its definition: for each of moduleChoices, where it has modules, and with
// the argument plan and without, where that may be hidden; each with the argument connection and without. The definition itself, which
// would be the first, is left out.
func (o offered) makeVariants() []mcp.Tool {
	if o.hidesPlan() {
		return []mcp.Tool{
			o.MCPWith([]string{"connection"}, nil), o.MCPWith([]string{"plan"}, nil), o.MCPWith([]string{"connection", "plan"}, nil),
		}
	}
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
		of := s.offered[name]
		switch {
		case of.modules != nil:
			return 2*choice + hides
		case of.hidesPlan() && !seen.confirmsAll:
			return 2 + hides
		}
		return hides
	}, nil
}

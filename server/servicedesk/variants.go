package servicedesk

import (
	"context"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/transport"
)

// planArgument is the argument of all tools that write.
const planArgument = "plan"

// plannedTools are those that show the argument plan to everybody who may write. The others show it where all writes are confirmed.
var plannedTools = []string{"close_request", "add_note", "bulk_update_requests", "trash_request"}

// moduleChoices are the toolsets of whose modules a list of tools has those: of both, or of one.
var moduleChoices = [][]string{{recordsToolset, assetsToolset}, {recordsToolset}, {assetsToolset}}

// listing is what is listed of a tool: with the argument connection or without, with plan or without, and with the modules of one of
// moduleChoices.
type listing struct {
	hidesConnection, hidesPlan bool
	modules                    int
}

// of returns the listing that a tool has for callers whose lists are this one: what it does not differ by is as in its definition.
func (l listing) of(o *offered) listing {
	l.hidesPlan = l.hidesPlan && o.writes && !slices.Contains(plannedTools, o.Name)
	if o.modules == nil {
		l.modules = 0
	}
	return l
}

// listings are those that a tool has, that of its definition first.
func (o *offered) listings() []listing {
	var all []listing
	for modules := range moduleChoices {
		for _, hidesPlan := range []bool{false, true} {
			for _, hidesConnection := range []bool{false, true} {
				if one := (listing{hidesConnection, hidesPlan, modules}).of(o); !slices.Contains(all, one) {
					all = append(all, one)
				}
			}
		}
	}
	return all
}

// makeVariants returns what is listed of a tool in the place of its definition, by its listings.
func (o *offered) makeVariants() []mcp.Tool {
	var variants []mcp.Tool
	for _, l := range o.listings()[1:] {
		var hidden []string
		if l.hidesConnection {
			hidden = append(hidden, "connection")
		}
		if l.hidesPlan {
			hidden = append(hidden, planArgument)
		}
		values := map[string][]string{}
		for _, toolset := range moduleChoices[l.modules] {
			values["module"] = append(values["module"], o.modules[toolset]...)
		}
		variants = append(variants, o.MCPWith(hidden, values))
	}
	return variants
}

// ChooseVariants implements transport.VariantChooser: who sees one connection need not name it, a plan is for who is asked about all
// writes, and the modules are those of the toolsets that the caller sees and the client wants.
func (s *Service) ChooseVariants(ctx context.Context, call *transport.Call) (func(name string) int, error) {
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	if err != nil {
		return nil, err
	}
	l := listing{hidesConnection: seen.connections < 2, hidesPlan: !seen.confirmsAll}
	l.modules = max(0, slices.IndexFunc(moduleChoices, func(toolsets []string) bool {
		return !slices.ContainsFunc(toolsets, func(toolset string) bool { return !seen.toolsets[toolset] || !call.Narrowing.AdmitsToolset(toolset) })
	}))
	return func(name string) int {
		o, is := s.offered[name]
		if !is {
			return 0
		}
		return slices.Index(o.listings(), l.of(&o))
	}, nil
}

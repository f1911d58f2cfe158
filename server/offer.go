package server

import (
	"context"
	"fmt"
	"maps"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport"
)

// offerAll returns what an endpoint offers on prompts, on ServiceDesk Plus and on the audit.
func offerAll(prompts transport.Server, desk *servicedesk.Service, search *audit.Search) transport.Server {
	if desk == nil && search == nil {
		return prompts
	}
	offered := prompts
	filter := &toolFilters{prompts: prompts.ToolFilter, desk: desk, search: search, ofDesk: map[string]bool{}}
	if desk != nil {
		offered = offerDesk(prompts, desk, filter)
	}
	if search != nil {
		offered.Tools = append(append([]transport.Tool(nil), offered.Tools...), search.Tool())
	}
	offered.ToolFilter = filter
	return offered
}

// offerDesk returns what is offered on prompts and on ServiceDesk Plus.
func offerDesk(prompts transport.Server, desk *servicedesk.Service, filter *toolFilters) transport.Server {
	tickets := desk.Server()
	both := prompts
	both.Tools = append(append([]transport.Tool(nil), prompts.Tools...), tickets.Tools...)
	for _, t := range tickets.Tools {
		filter.ofDesk[t.Definition.Name] = true
	}
	both.ToolsChange = true
	both.InstructionsFor = func(ctx context.Context, call *transport.Call) (string, error) {
		said, err := prompts.InstructionsFor(ctx, call)
		if more := desk.Instructions(ctx, call); more != "" && err == nil {
			said += " " + more
		}
		return said, err
	}
	both.Methods = make(map[mcp.MCPMethod]transport.Method, len(prompts.Methods)+len(tickets.Methods))
	maps.Copy(both.Methods, prompts.Methods)
	for name, method := range tickets.Methods {
		both.Methods[name] = joinMethods(name, prompts.Methods[name], method)
	}
	return both
}

// joinMethods returns a method that answers for both: URIs of ServiceDesk Plus are its own, and lists of templates have those of both.
func joinMethods(name mcp.MCPMethod, prompts, tickets transport.Method) transport.Method {
	if prompts.Answer == nil {
		return tickets
	}
	joined := prompts
	joined.Answer = func(ctx context.Context, call *transport.Call) (any, error) {
		switch {
		case name == mcp.MethodResourcesTemplatesList:
			return joinTemplates(ctx, call, prompts, tickets)
		case servicedesk.OwnsURI(call.URI):
			return tickets.Answer(ctx, call)
		}
		return prompts.Answer(ctx, call)
	}
	return joined
}

func joinTemplates(ctx context.Context, call *transport.Call, each ...transport.Method) (any, error) {
	var joined mcp.ListResourceTemplatesResult
	for _, method := range each {
		answer, err := method.Answer(ctx, call)
		if err != nil {
			return nil, err
		}
		list, is := answer.(*mcp.ListResourceTemplatesResult)
		if !is {
			return nil, fmt.Errorf("a list of templates is a %T", answer)
		}
		joined.ResourceTemplates = append(joined.ResourceTemplates, list.ResourceTemplates...)
	}
	return &joined, nil
}

// toolFilters shows each caller the tools that are theirs.
type toolFilters struct {
	// prompts is nil where everybody has all of those.
	prompts transport.ToolFilter
	// desk and search are nil where there are none.
	desk   *servicedesk.Service
	search *audit.Search
	ofDesk map[string]bool
}

// ListedTools implements transport.ToolFilter.
func (f *toolFilters) ListedTools(ctx context.Context, call *transport.Call) (func(name string) bool, error) {
	prompts := func(string) bool { return true }
	if f.prompts != nil { // first: what is undecided when the reviews of the request are spent is listed of these
		var err error
		if prompts, err = f.prompts.ListedTools(ctx, call); err != nil {
			return nil, err
		}
	}
	tickets := func(string) bool { return false }
	if f.desk != nil {
		var err error
		if tickets, err = f.desk.ListedTools(ctx, call); err != nil {
			return nil, err
		}
	}
	audits := f.search != nil && f.search.IsListed(ctx, call)
	return func(name string) bool {
		switch {
		case f.ofDesk[name]:
			return tickets(name)
		case name == audit.SearchTool:
			return audits
		}
		return prompts(name)
	}, nil
}

// IsListed implements transport.ToolFilter.
func (f *toolFilters) IsListed(ctx context.Context, call *transport.Call, name string) (bool, error) {
	switch {
	case f.ofDesk[name]:
		return f.desk.IsListed(ctx, call, name)
	case name == audit.SearchTool: // who may not audit finds their own calls
		return f.search != nil, nil
	case f.prompts != nil:
		return f.prompts.IsListed(ctx, call, name)
	}
	return true, nil
}

// ChooseVariants implements transport.VariantChooser. Tools on prompts and on the audit have none.
func (f *toolFilters) ChooseVariants(ctx context.Context, call *transport.Call) (func(tool string) int, error) {
	if f.desk == nil {
		return func(string) int { return 0 }, nil
	}
	return f.desk.ChooseVariants(ctx, call)
}

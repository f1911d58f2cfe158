package server

import (
	"context"
	"fmt"
	"maps"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/server/servicedesk"
	"github.com/lectern-dev/lectern/server/transport"
)

// offerBoth returns what an endpoint offers on prompts and on ServiceDesk Plus.
func offerBoth(prompts transport.Server, desk *servicedesk.Service) transport.Server {
	if desk == nil {
		return prompts
	}
	tickets := desk.Server()
	both := prompts
	both.Tools = append(append([]transport.Tool(nil), prompts.Tools...), tickets.Tools...)
	filter := &toolFilters{prompts: prompts.ToolFilter, desk: desk, ofDesk: make(map[string]bool, len(tickets.Tools))}
	for _, t := range tickets.Tools {
		filter.ofDesk[t.Definition.Name] = true
	}
	both.ToolFilter, both.ToolsChange = filter, true
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

// toolFilters shows each caller the tools on prompts and on ServiceDesk Plus that are theirs.
type toolFilters struct {
	// prompts is nil where everybody has all of those.
	prompts transport.ToolFilter
	desk    *servicedesk.Service
	ofDesk  map[string]bool
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
	tickets, err := f.desk.ListedTools(ctx, call)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		if f.ofDesk[name] {
			return tickets(name)
		}
		return prompts(name)
	}, nil
}

// IsListed implements transport.ToolFilter.
func (f *toolFilters) IsListed(ctx context.Context, call *transport.Call, name string) (bool, error) {
	switch {
	case f.ofDesk[name]:
		return f.desk.IsListed(ctx, call, name)
	case f.prompts != nil:
		return f.prompts.IsListed(ctx, call, name)
	}
	return true, nil
}

// ChooseVariants implements transport.VariantChooser. Tools on prompts have none.
func (f *toolFilters) ChooseVariants(ctx context.Context, call *transport.Call) (func(tool string) int, error) {
	return f.desk.ChooseVariants(ctx, call)
}

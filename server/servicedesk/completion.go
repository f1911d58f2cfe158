package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// maxCompletions is how many values a completion may have (MCP, completion/complete).
const maxCompletions = 100

// completeArgument answers completion/complete of the variables of templates: namespaces and connections that the caller sees, and
// types of lists. Numbers and ids of tickets are not completed.
func (s *Service) completeArgument(ctx context.Context, call *transport.Call) (any, error) {
	if !slices.ContainsFunc(templates, func(t mcp.ResourceTemplate) bool { return t.URITemplate.Raw() == call.URI }) {
		return nil, transport.InvalidParams("no such resource template; resources/templates/list has those there are")
	}
	if !strings.Contains(call.URI, "{"+call.Argument.Name+"}") {
		return nil, transport.InvalidParams(fmt.Sprintf("%s has no variable %q", call.URI, excerpt.Truncate(call.Argument.Name, 80)))
	}
	values, err := s.completions(ctx, call)
	if err != nil {
		return nil, s.resourceFailure(ctx, err)
	}
	var found []string
	for _, value := range values {
		if strings.HasPrefix(value, call.Argument.Value) && !slices.Contains(found, value) {
			found = append(found, value)
		}
	}
	shown := found[:min(len(found), maxCompletions)]
	if shown == nil {
		shown = []string{}
	}
	return &mcp.CompleteResult{Completion: mcp.Completion{Values: shown, Total: len(found), HasMore: len(found) > len(shown)}}, nil
}

func (s *Service) completions(ctx context.Context, call *transport.Call) ([]string, error) {
	if call.Argument.Name == "type" {
		return slices.Sorted(slices.Values(offeredLookups)), nil
	}
	identity, ok := auth.FromContext(ctx)
	if !ok || call.Argument.Name != "namespace" && call.Argument.Name != "connection" {
		return nil, nil
	}
	if err := s.directory.waitLoaded(ctx); err != nil {
		return nil, err
	}
	seen, err := s.visibleConnections(ctx, identity, call.Namespace)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, c := range seen {
		switch namespace := call.Arguments["namespace"]; {
		case call.Argument.Name == "namespace":
			names = append(names, c.key.Namespace)
		case namespace == "" || namespace == c.key.Namespace:
			names = append(names, c.key.Name)
		}
	}
	return names, nil
}

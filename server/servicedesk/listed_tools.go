package servicedesk

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// seenToolsets are the toolsets of the connections that a caller sees, and how many those are.
type seenToolsets struct {
	connections int
	toolsets    map[string]bool
}

// offers reports whether a tool, or what its name is an alias of, is there.
func (s *Service) offers(seen seenToolsets, name string) bool {
	if of, is := aliases[name]; is {
		name = of.tool
	}
	if slices.Contains(mailTools, name) {
		return seen.toolsets[requestsToolset]
	}
	toolset, known := s.toolsets[name]
	if name == statusTool && s.fileFaults != nil { // it says why there is no connection
		return true
	}
	isThere := func(one string) bool { return seen.toolsets[one] }
	return known && seen.connections > 0 && (toolset == "" || slices.ContainsFunc(toolsetsOf(toolset), isThere))
}

// ListedTools implements transport.ToolFilter: aliases can be called, and are not listed.
func (s *Service) ListedTools(ctx context.Context, _ *transport.Call) (func(name string) bool, error) {
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		_, isAlias := aliases[name]
		return !isAlias && !slices.Contains(mailTools, name) && s.offers(seen, name)
	}, nil
}

// IsListed implements transport.ToolFilter. A call that names a connection is decided by that: it may be one of many, of which not all
// are asked about.
func (s *Service) IsListed(ctx context.Context, call *transport.Call, name string) (bool, error) {
	var named string
	if raw, has := call.ArgumentMembers()["connection"]; has && json.Unmarshal(raw, &named) == nil {
		if seen, is := s.seeNamed(ctx, named); is && s.offers(seen, name) {
			return true, nil
		}
	}
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	return err == nil && s.offers(seen, name), err
}

// ShowsVariants implements transport.VariantChooser: who sees one connection need not name it.
func (s *Service) ShowsVariants(ctx context.Context, _ *transport.Call) (bool, error) {
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	return seen.connections < 2, err
}

// seeNamed is seeToolsets for the connection that a call names; ok is false where it names none that the caller is known to use.
func (s *Service) seeNamed(ctx context.Context, named string) (seen seenToolsets, ok bool) {
	identity, known := auth.FromContext(ctx)
	endpoint := endpointOf(ctx)
	key, isKey := parseConnection(named, endpoint)
	if !known || !isKey || s.directory.waitLoaded(ctx) != nil {
		return seen, false
	}
	found, err := s.findAllowed(ctx, identity, endpoint, key)
	if err != nil {
		return seen, false
	}
	return offeredBy([]*connection{found}), true
}

// seeToolsets finds out what a caller is offered. Before the connections were read there are none; a client is told when there are.
func (s *Service) seeToolsets(ctx context.Context, endpoint string) (seenToolsets, error) {
	seen := seenToolsets{toolsets: map[string]bool{}}
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return seen, nil
	}
	if err := s.directory.waitLoaded(ctx); err != nil {
		return seen, nil //nolint:nilerr // who asks for a list before there is one is told when there is
	}
	connections, err := s.visibleConnections(ctx, identity, endpoint)
	if err != nil {
		s.log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "err", err)
		return seen, transport.Unavailable("your rights cannot be checked now", auth.RetrySeconds(directoryRetry))
	}
	return offeredBy(connections), nil
}

func offeredBy(connections []*connection) seenToolsets {
	seen := seenToolsets{connections: len(connections), toolsets: map[string]bool{}}
	for _, c := range connections {
		for _, toolset := range c.now.Load().Access.Toolsets {
			seen.toolsets[toolset] = true
		}
	}
	return seen
}

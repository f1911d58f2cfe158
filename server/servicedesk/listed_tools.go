package servicedesk

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// seenToolsets are the toolsets of the connections that a caller sees, those that they may read and write through, and how many the
// connections are.
type seenToolsets struct {
	connections        int
	toolsets, writable map[string]bool
}

// isOffered reports whether a tool, or what its name is an alias of, is there.
func (s *Service) isOffered(seen seenToolsets, name string) bool {
	if of, is := aliases[name]; is {
		name = of.tool
	}
	if slices.Contains(mailTools, name) {
		return seen.toolsets[requestsToolset]
	}
	t, known := s.offered[name]
	if name == statusTool && s.fileFaults != nil { // it says why there is no connection
		return true
	}
	toolsets := seen.toolsets
	if t.writes {
		toolsets = seen.writable
	}
	return known && slices.ContainsFunc(t.toolsets, func(toolset string) bool { return toolsets[toolset] })
}

// ListedTools implements transport.ToolFilter: aliases can be called, and are not listed. Neither are tools that write where that is off;
// who calls one is told so.
func (s *Service) ListedTools(ctx context.Context, _ *transport.Call) (func(name string) bool, error) {
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		_, isAlias := aliases[name]
		isOff := s.writesOff && s.offered[name].writes
		return !isAlias && !isOff && !slices.Contains(mailTools, name) && s.isOffered(seen, name)
	}, nil
}

// IsListed implements transport.ToolFilter. A call that names a connection is decided by that: it may be one of many, of which not all
// are asked about.
func (s *Service) IsListed(ctx context.Context, call *transport.Call, name string) (bool, error) {
	var named string
	if raw, has := call.ArgumentMembers()["connection"]; has && json.Unmarshal(raw, &named) == nil {
		if seen, is := s.seeNamed(audit.WithoutEntry(ctx), named); is && s.isOffered(seen, name) {
			return true, nil
		}
	}
	seen, err := s.seeToolsets(ctx, endpointOf(ctx))
	isListed := err == nil && s.isOffered(seen, name)
	if _, exists := s.offered[name]; exists && err == nil && !isListed {
		s.noteRefused(ctx, named)
	}
	return isListed, err
}

// noteRefused has the audit name the connection that a call names, of which its caller may not call the tool.
func (s *Service) noteRefused(ctx context.Context, named string) {
	endpoint := endpointOf(ctx)
	key, isKey := parseConnection(named, endpoint)
	if !isKey || endpoint != "" && endpoint != key.Namespace {
		return
	}
	if found := s.directory.find(key); found != nil {
		audit.FromContext(ctx).Deny()
		found.noteUse(ctx)
	}
}

// seeNamed is seeToolsets for the connection that a call names; ok is false where it names none that the caller is known to use.
func (s *Service) seeNamed(ctx context.Context, named string) (seen seenToolsets, ok bool) {
	identity, known := auth.FromContext(ctx)
	endpoint := endpointOf(ctx)
	key, isKey := parseConnection(named, endpoint)
	if !known || !isKey || s.directory.waitLoaded(ctx) != nil {
		return seen, false
	}
	var readable, writable []*connection
	if found, err := s.findAllowed(ctx, identity, auth.Use, endpoint, key); err == nil {
		readable = []*connection{found}
	}
	if found, err := s.findAllowed(ctx, identity, auth.Operate, endpoint, key); err == nil && found.isReadWrite() {
		writable = []*connection{found}
	}
	return offeredBy(readable, writable), readable != nil || writable != nil
}

// seeToolsets finds out what a caller is offered. Before the connections were read there are none; a client is told when there are.
func (s *Service) seeToolsets(ctx context.Context, endpoint string) (seenToolsets, error) {
	seen := seenToolsets{toolsets: map[string]bool{}, writable: map[string]bool{}}
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return seen, nil
	}
	if err := s.directory.waitLoaded(ctx); err != nil {
		return seen, nil //nolint:nilerr // who asks for a list before there is one is told when there is
	}
	readable, err := s.visibleConnections(ctx, identity, endpoint)
	var writable []*connection
	if err == nil {
		writable, err = s.writableConnections(ctx, identity, endpoint)
	}
	if err != nil {
		s.log.WarnContext(ctx, "The rights of a caller cannot be reviewed", "err", err)
		return seen, transport.Unavailable("your rights cannot be checked now", auth.RetrySeconds(directoryRetry))
	}
	return offeredBy(readable, writable), nil
}

// offeredBy returns what is offered through connections that a caller may read, and write, through.
func offeredBy(readable, writable []*connection) seenToolsets {
	seen := seenToolsets{toolsets: map[string]bool{}, writable: map[string]bool{}}
	all := map[store.Key]bool{}
	for _, each := range []struct {
		connections []*connection
		toolsets    map[string]bool
	}{{readable, seen.toolsets}, {writable, seen.writable}} {
		for _, c := range each.connections {
			all[c.key] = true
			for _, toolset := range c.now.Load().Access.Toolsets {
				each.toolsets[toolset] = true
			}
		}
	}
	seen.connections = len(all)
	return seen
}

package servicedesk

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// target is the argument that names a connection.
type target struct {
	Connection *string `json:"connection,omitempty" description:"Connection to ServiceDesk Plus, namespace/name; needed only where there are several"`
}

// desk is a connection as one call uses it.
type desk struct {
	*connection
	*settings
	identity auth.Identity
}

// errNoConnection is said of a connection that does not exist, or that the caller may not use.
var errNoConnection = &tool.Error{Kind: tool.NotFound, Text: "no such connection to ServiceDesk Plus, or not yours to use"}

// openDesk returns the connection of a call, once the caller may use it and it offers the toolset; an empty one is offered always.
func (s *Service) openDesk(ctx context.Context, in target, toolset string) (*desk, error) {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return nil, fmt.Errorf("no identity: %w", auth.ErrDenied)
	}
	if err := checkWanted(ctx, toolset); err != nil {
		return nil, err
	}
	found, err := s.chooseConnection(ctx, identity, auth.Use, in)
	if err != nil {
		return nil, err
	}
	return s.newDesk(ctx, found, identity, toolset)
}

// newDesk returns a connection for a call of its caller, who may, if it offers the toolset and can be called.
func (s *Service) newDesk(ctx context.Context, found *connection, identity auth.Identity, toolset string) (*desk, error) {
	d := &desk{connection: found, settings: found.now.Load(), identity: identity}
	found.noteUse(ctx)
	if toolset == "" {
		return d, nil
	}
	if err := d.checkToolset(toolset); err != nil {
		return nil, err
	}
	switch {
	case d.Suspended:
		return nil, &tool.Error{Kind: unavailableKind, Text: fmt.Sprintf("connection %s is suspended (spec.suspend)", d.key)}
	case d.problem != nil:
		s.log.WarnContext(ctx, "A connection cannot be called", "connection", d.key, "err", d.problem)
		return nil, &tool.Error{Kind: unavailableKind, Text: fmt.Sprintf("connection %s cannot be called; the log of the server says why", d.key)}
	}
	return d, nil
}

// chooseConnection returns the connection that a call names or, where it names none, the only one of which the caller has the right.
func (s *Service) chooseConnection(ctx context.Context, identity auth.Identity, verb auth.Verb, in target) (*connection, error) {
	if err := s.directory.waitLoaded(ctx); err != nil {
		return nil, err
	}
	endpoint := endpointOf(ctx)
	if in.Connection != nil {
		if key, isKey := parseConnection(*in.Connection, endpoint); isKey {
			return s.findAllowed(ctx, identity, verb, endpoint, key)
		}
	}
	find := s.visibleConnections
	if verb == auth.Operate {
		find = s.writableConnections
	}
	seen, err := find(ctx, identity, endpoint)
	if err != nil {
		return nil, err
	}
	if in.Connection != nil {
		seen = slices.DeleteFunc(seen, func(c *connection) bool { return c.key.Name != *in.Connection })
		s.noteDenied(ctx, endpoint, *in.Connection, seen)
	}
	switch {
	case len(seen) == 1:
		return seen[0], nil
	case len(seen) == 0 && in.Connection == nil:
		return nil, &tool.Error{Kind: tool.NotFound, Text: "there is no connection to ServiceDesk Plus that you may use"}
	case len(seen) == 0:
		return nil, errNoConnection
	}
	names := make([]string, len(seen))
	for i, c := range seen {
		names[i] = c.key.String()
	}
	refused := tool.NewInvalid("argument %q: there are several; it is one of %s", "connection", strings.Join(names, ", "))
	refused.Details = errorDetails{Kind: refused.Kind, Allowed: names}
	return nil, refused
}

// noteDenied has the audit name the connection that a call names by its name alone, where there is one of it and its caller sees none: it
// is denied, or undecided.
func (s *Service) noteDenied(ctx context.Context, endpoint, name string, seen []*connection) {
	named := slices.DeleteFunc(s.directory.list(endpoint), func(c *connection) bool { return c.key.Name != name })
	if len(seen) == 0 && len(named) == 1 {
		named[0].noteUse(ctx)
	}
}

// parseConnection returns the key of a connection as callers name it: in full, or by the name alone at the endpoint of its namespace.
func parseConnection(text, endpoint string) (key store.Key, ok bool) {
	namespace, name, isFull := strings.Cut(text, "/")
	if !isFull {
		namespace, name = endpoint, namespace
	}
	return store.Key{Namespace: namespace, Name: name}, namespace != ""
}

// findAllowed decides by what a call names alone, before it is looked up.
func (s *Service) findAllowed(ctx context.Context, identity auth.Identity, verb auth.Verb, endpoint string, key store.Key) (*connection, error) {
	if endpoint != "" && endpoint != key.Namespace {
		return nil, errNoConnection
	}
	err := s.authorizer.Authorize(ctx, identity, verb, key)
	if err != nil && !errors.Is(err, auth.ErrDenied) {
		return nil, err
	}
	if err != nil {
		audit.FromContext(ctx).Deny()
	}
	found := s.directory.find(key)
	if found != nil && err != nil {
		found.noteUse(ctx)
	}
	if err != nil || found == nil {
		return nil, errNoConnection
	}
	return found, nil
}

// visibleConnections returns the connections of an endpoint that a caller may use, by key. Those that are left undecided when the
// reviews of the request are spent are not among them: they can be named.
func (s *Service) visibleConnections(ctx context.Context, identity auth.Identity, endpoint string) ([]*connection, error) {
	return s.reviewConnections(ctx, identity, auth.Use, s.directory.list(endpoint))
}

// writableConnections returns the connections of an endpoint that are ReadWrite, and that a caller may operate, as visibleConnections does.
func (s *Service) writableConnections(ctx context.Context, identity auth.Identity, endpoint string) ([]*connection, error) {
	return s.reviewConnections(ctx, identity, auth.Operate, slices.DeleteFunc(s.directory.list(endpoint), func(c *connection) bool { return !c.isReadWrite() }))
}

// reviewConnections returns those connections of which the caller has a right.
func (s *Service) reviewConnections(ctx context.Context, identity auth.Identity, verb auth.Verb, all []*connection) ([]*connection, error) {
	keys := make([]store.Key, len(all))
	for i, c := range all {
		keys[i] = c.key
	}
	allowed, err := s.newConnectionReview(identity, verb).findAllowed(ctx, keys)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(all, func(c *connection) bool { return !allowed[c.key] }), nil
}

func endpointOf(ctx context.Context) string {
	if call := transport.FromContext(ctx); call != nil {
		return call.Namespace
	}
	return ""
}

// person returns who the caller is in ServiceDesk Plus: by spec.callers, or by the verified address of their token, and never by an
// argument.
func (d *desk) person() (store.ConnectionCaller, bool) {
	for _, c := range d.Callers {
		if c.Subject == d.identity.Subject {
			return c, true
		}
	}
	return store.ConnectionCaller{Subject: d.identity.Subject, Email: d.identity.Email}, d.identity.Email != ""
}

// requirePerson is person, or the error that says where callers are mapped.
func (d *desk) requirePerson() (store.ConnectionCaller, error) {
	found, known := d.person()
	if !known {
		return found, tool.NewForbidden("connection %s does not say who %s is in ServiceDesk Plus; it needs an entry in spec.callers", d.key, d.identity.Subject)
	}
	return found, nil
}

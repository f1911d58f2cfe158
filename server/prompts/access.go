package prompts

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/tool"
)

// callerIdentity returns who calls. Without an identity nothing is served: a transport that forgot to authenticate must
// not look like one that allows everybody.
func callerIdentity(ctx context.Context) (auth.Identity, error) {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return auth.Identity{}, fmt.Errorf("no identity: %w", auth.ErrDenied)
	}
	return identity, nil
}

// authorize decides by the caller, a verb and a key whether a request may go on, before anything is read.
func (s *Service) authorize(ctx context.Context, verb auth.Verb, key store.Key) error {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return err
	}
	return s.authorizer.Authorize(ctx, identity, verb, key)
}

// authorizeChange authorizes a change of the prompt a call names. Callers who may not read it get the error of a prompt
// that does not exist; those who may are told which verb they lack, whether or not it exists.
func (s *Service) authorizeChange(ctx context.Context, verb auth.Verb, key store.Key, id string) error {
	err := s.authorize(ctx, verb, key)
	if !errors.Is(err, auth.ErrDenied) {
		return err
	}
	if err := s.authorize(ctx, auth.Get, key); err != nil {
		return err
	}
	return tool.NewForbidden("you may read prompt %s, but not %s it; ask for the verb %s on prompts.lectern.dev", id, verb, verb)
}

// authorizeRead authorizes a key that did not come from the endpoint: the endpoint of a namespace has no others.
func (s *Service) authorizeRead(ctx context.Context, endpoint string, key store.Key) error {
	if endpoint != "" && endpoint != key.Namespace {
		return auth.ErrDenied
	}
	return s.authorize(ctx, auth.Get, key)
}

// getIfAllowed returns a version of a prompt if the caller may get it. Fragments are not found.
func (s *Service) getIfAllowed(ctx context.Context, key store.Key, selector prompt.Selector) (*catalog.Body, error) {
	if err := s.authorize(ctx, auth.Get, key); err != nil {
		return nil, err
	}
	body, err := s.catalog.Get(ctx, key, selector)
	if err == nil && body.Exposure == store.Fragment {
		return nil, store.ErrNotFound
	}
	return body, err
}

// visibleScope returns what the caller may list at an endpoint. Where nothing may be listed it is empty: the
// answer then equals that of a namespace without prompts.
func (s *Service) visibleScope(ctx context.Context, namespace string) (store.Scope, error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return store.Scope{}, err
	}
	if namespace == "" {
		return s.authorizer.VisibleNamespaces(ctx, identity)
	}
	err = s.authorizer.Authorize(ctx, identity, auth.List, store.Key{Namespace: namespace})
	switch {
	case errors.Is(err, auth.ErrDenied):
		return store.Scope{}, nil
	case err != nil:
		return store.Scope{}, err
	default:
		return store.Scope{Namespaces: []string{namespace}}, nil
	}
}

package prompts

import (
	"context"
	"errors"
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/audit"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/catalog"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
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
	err = s.authorizer.Authorize(ctx, identity, verb, key)
	if key.Name != "" {
		noteTarget(ctx, key, err)
	}
	return err
}

// noteTarget has the audit know which prompt a call is about, and whether it may be.
func noteTarget(ctx context.Context, key store.Key, err error) {
	entry := audit.FromContext(ctx)
	entry.UsePrompt(key)
	if errors.Is(err, auth.ErrDenied) {
		entry.Deny()
	}
}

// authorizeLookup returns the key by which a read of a prompt looks it up: the one a call names or, where the caller may not
// get that one, a key that no prompt has. So what is denied takes the way of what does not exist, in words, work and time.
func (s *Service) authorizeLookup(ctx context.Context, key store.Key) (store.Key, error) {
	endpoint := ""
	if call := transport.FromContext(ctx); call != nil {
		endpoint = call.Namespace
	}
	err := s.authorizeRead(ctx, endpoint, key)
	if errors.Is(err, auth.ErrDenied) {
		return impossibleKey(key), nil
	}
	return key, err
}

// impossibleKey returns a key as long as another one that no prompt has: a name has no underscore.
func impossibleKey(key store.Key) store.Key {
	replaceFirst := func(name string) string { return "_" + name[min(1, len(name)):] }
	return store.Key{Namespace: replaceFirst(key.Namespace), Name: replaceFirst(key.Name)}
}

// authorizeChange is authorizeLookup for a change of the prompt a call names: what a caller may not get does not exist for them,
// whatever else they may. Those who may get it are told which verb they lack, whether or not it exists. Both questions are
// asked always.
func (s *Service) authorizeChange(ctx context.Context, verb auth.Verb, key store.Key, id string) (store.Key, error) {
	lookup, err := s.authorizeLookup(ctx, key)
	if err != nil {
		return store.Key{}, err
	}
	err = s.authorize(ctx, verb, key)
	switch {
	case err != nil && !errors.Is(err, auth.ErrDenied):
		return store.Key{}, err
	case err != nil && lookup == key:
		return store.Key{}, tool.NewForbidden("you may read prompt %s, but not %s it; ask for the verb %s on prompts.lectern.dev", id, verb, verb)
	case err == nil && lookup == key:
		return lookup, s.checkWatched(key.Namespace)
	}
	return lookup, nil
}

// checkWatched refuses a change in a namespace that the controller does not watch, to a caller who might make it there: to others
// it would tell of namespaces that they need not know.
func (s *Service) checkWatched(namespace string) error {
	if s.watched.Contains(namespace) {
		return nil
	}
	return tool.NewForbidden("%s", s.watched.ExplainForeign(namespace))
}

// authorizeRead authorizes a key that did not come from the endpoint: the endpoint of a namespace has no others.
func (s *Service) authorizeRead(ctx context.Context, endpoint string, key store.Key) error {
	if endpoint != "" && endpoint != key.Namespace {
		noteTarget(ctx, key, auth.ErrDenied)
		return auth.ErrDenied
	}
	return s.authorize(ctx, auth.Get, key)
}

// getIfAllowed returns a version of a prompt if the caller may get it.
func (s *Service) getIfAllowed(ctx context.Context, key store.Key, selector prompt.Selector) (*catalog.Body, error) {
	lookup, err := s.authorizeLookup(ctx, key)
	if err != nil {
		return nil, err
	}
	return s.getRendered(ctx, lookup, selector)
}

// getRendered returns a version of a prompt. Fragments, which are for other prompts, are not found.
func (s *Service) getRendered(ctx context.Context, key store.Key, selector prompt.Selector) (*catalog.Body, error) {
	body, err := s.catalog.Get(ctx, key, selector)
	switch {
	case err != nil:
		return nil, err
	case body.Exposure == store.Fragment:
		return nil, store.ErrNotFound
	}
	audit.FromContext(ctx).UseVersion(body.Version, string(body.Digest))
	return body, nil
}

// getView returns a version of a prompt as it was written.
func (s *Service) getView(ctx context.Context, key store.Key, selector prompt.Selector) (store.PromptView, error) {
	view, err := s.library.GetView(ctx, key, selector)
	if err == nil {
		audit.FromContext(ctx).UseVersion(view.Version, string(view.Digest))
	}
	return view, err
}

package prompts

import (
	"context"
	"errors"
	"slices"

	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// maxNamespaces bounds of how many namespaces it is decided for one page whether they are visible: with a prompt in each, that
// many fill it.
const maxNamespaces = pageSize

// namespaceRange is the namespaces from one on and before another, in the order of their names; an empty end is none.
type namespaceRange struct{ from, until string }

// cut returns those of sorted namespaces that are in the range.
func (r namespaceRange) cut(namespaces []string) []string {
	first, _ := slices.BinarySearch(namespaces, r.from)
	end := len(namespaces)
	if r.until != "" {
		end, _ = slices.BinarySearch(namespaces, r.until)
	}
	return namespaces[first:max(first, end)]
}

// window is the part of a list that one answer can be about.
type window struct {
	// scope is what the caller may list in it: all namespaces, those outside of the range it was asked for included, or those
	// of the range that were decided, sorted.
	scope store.Scope
	// next is the namespace the next window begins with, which the caller may not be shown; empty at the end.
	next string
	// undecided says that it ends where the reviews of the request did, and not for its size.
	undecided bool
}

// isEmpty reports whether nothing may be listed.
func (w *window) isEmpty() bool { return !w.scope.All && len(w.scope.Namespaces) == 0 }

// decideWindow decides which of the first so many namespaces in a range the caller may list. On the endpoint of a namespace
// that is the only one; where the caller may not list it, it is one there cannot be, which is read like one without prompts.
func (s *Service) decideWindow(ctx context.Context, endpoint string, part namespaceRange, limit int) (window, error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return window{}, err
	}
	if endpoint != "" {
		key := store.Key{Namespace: endpoint}
		if err = s.authorizer.Authorize(ctx, identity, auth.List, key); errors.Is(err, auth.ErrDenied) {
			key, err = impossibleKey(key), nil
		}
		return window{scope: store.Scope{Namespaces: []string{key.Namespace}}}, err
	}
	return s.decideAmong(ctx, identity, func(ctx context.Context) (namespaces []string, next string, err error) {
		return s.listCandidates(ctx, part, limit)
	})
}

// decideAmong decides which of some namespaces the caller may list everywhere, or in; next is the one after them.
func (s *Service) decideAmong(
	ctx context.Context, identity auth.Identity, choose func(context.Context) (namespaces []string, next string, err error),
) (window, error) {
	var found window
	visible, err := s.authorizer.VisibleNamespaces(ctx, identity, func(ctx context.Context) (namespaces []string, err error) {
		namespaces, found.next, err = choose(ctx)
		return namespaces, err
	})
	if found.scope = visible.Scope; visible.UndecidedFrom != "" {
		found.next, found.undecided = visible.UndecidedFrom, true
	}
	return found, err
}

// namespacesAround is of how many namespaces it is decided whether they are visible when the name of one is typed: of all that a
// request has reviews for, after the one about all namespaces.
const namespacesAround = auth.ReviewsPerRequest - 1

// decideAround decides which namespaces of a range the caller may list, and which after them, from the first again where they end.
// So it asks as much whatever the range is, and how long it takes does not tell whether one is in it.
func (s *Service) decideAround(ctx context.Context, endpoint string, part namespaceRange) (window, error) {
	if endpoint != "" {
		return s.decideWindow(ctx, endpoint, part, 1)
	}
	identity, err := callerIdentity(ctx)
	if err != nil {
		return window{}, err
	}
	return s.decideAmong(ctx, identity, func(ctx context.Context) (namespaces []string, next string, err error) {
		all, err := s.catalog.ListNamespaces(ctx)
		if in := part.cut(all); len(in) > namespacesAround {
			next = in[namespacesAround]
		}
		first, _ := slices.BinarySearch(all, part.from)
		namespaces = slices.Concat(all[first:], all[:first])
		namespaces = namespaces[:min(len(namespaces), namespacesAround)]
		slices.Sort(namespaces)
		return namespaces, next, err
	})
}

// decideWindowIn is decideWindow for what is no list in the order of namespaces: of a caller who may list all of them, too, it
// returns those of the range, unless that has neither beginning nor end.
func (s *Service) decideWindowIn(ctx context.Context, endpoint string, part namespaceRange, limit int) (window, error) {
	found, err := s.decideWindow(ctx, endpoint, part, limit)
	if err == nil && found.scope.All && part != (namespaceRange{}) {
		found.scope = store.Scope{}
		found.scope.Namespaces, found.next, err = s.listCandidates(ctx, part, limit)
	}
	return found, err
}

// listCandidates returns the first so many namespaces of a range that have prompts, and the one after them.
func (s *Service) listCandidates(ctx context.Context, part namespaceRange, limit int) (namespaces []string, next string, err error) {
	all, err := s.catalog.ListNamespaces(ctx)
	if namespaces = part.cut(all); len(namespaces) > limit {
		return namespaces[:limit:limit], namespaces[limit], err
	}
	return namespaces, "", err
}

// sealRange hides a range in a field of a cursor. Use tells what for: the range opens for nothing else, and for no other caller.
func (s *Service) sealRange(ctx context.Context, use string, part namespaceRange) (string, error) {
	key, use, err := s.sealingOf(ctx, use)
	if err != nil {
		return "", err
	}
	return tool.SealNames(key, use, [2]string{part.from, part.until})
}

// openRange returns what sealRange hid, or tool.ErrCursor.
func (s *Service) openRange(ctx context.Context, use, sealed string) (namespaceRange, error) {
	key, use, err := s.sealingOf(ctx, use)
	if err != nil {
		return namespaceRange{}, err
	}
	names, err := tool.OpenNames(key, use, sealed)
	return namespaceRange{from: names[0], until: names[1]}, err
}

func (s *Service) sealingOf(ctx context.Context, use string) (key []byte, bound string, err error) {
	identity, err := callerIdentity(ctx)
	if err != nil {
		return nil, "", err
	}
	key, err = s.catalog.CursorKey()
	return key, use + "/" + identity.Subject, err
}

// decideNext decides the window a call that counts or compares is about: that of its cursor, or the first. Use tells its
// cursors from those of others.
func (s *Service) decideNext(ctx context.Context, use, cursor string) (window, error) {
	var part namespaceRange
	if cursor != "" {
		fields, err := tool.DecodeCursor(use, cursor)
		if err != nil {
			return window{}, err
		}
		if len(fields) != 1 {
			return window{}, tool.ErrCursor
		}
		if part, err = s.openRange(ctx, use, fields[0]); err != nil {
			return window{}, err
		}
	}
	return s.decideWindowIn(ctx, transport.FromContext(ctx).Namespace, part, maxNamespaces)
}

// encodeNext returns the cursor of what comes after a window that decideNext decided; empty at the end.
func (s *Service) encodeNext(ctx context.Context, use string, after window) (string, error) {
	if after.next == "" {
		return "", nil
	}
	sealed, err := s.sealRange(ctx, use, namespaceRange{from: after.next})
	if err != nil {
		return "", err
	}
	return tool.EncodeCursor(use, sealed), nil
}

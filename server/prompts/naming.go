package prompts

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
	"github.com/lectern-dev/lectern/server/transport"
)

// errMissingNamespace says that an id has no namespace where one is needed.
var errMissingNamespace = errors.New("the id has no namespace")

// selectorError says what is wrong with what follows the '@' of an id.
type selectorError struct{ problem string }

func (e *selectorError) Error() string { return e.problem }

// parseID reads how a caller names a prompt. On the endpoint for all that is namespace/name or
// namespace.name, since a namespace has no dot, or a name in the assumed namespace; on that of a namespace
// a name, or the whole id with that namespace. Each may have @3 or @production behind it.
//
// The error is store.ErrNotFound for what can be no prompt here, errMissingNamespace where none is assumed, or
// a *selectorError.
func parseID(endpoint, assumed, id string) (store.Key, prompt.Selector, error) {
	namespace, name, whole := strings.Cut(id, "/")
	if !whole && endpoint == "" {
		namespace, name, whole = strings.Cut(id, ".")
	}
	switch {
	case !whole && endpoint == "" && assumed == "":
		return store.Key{}, prompt.Selector{}, errMissingNamespace
	case !whole && endpoint == "":
		namespace, name = assumed, id
	case !whole:
		namespace, name = endpoint, id
	case endpoint != "" && namespace != endpoint, !isDNSLabel(namespace):
		return store.Key{}, prompt.Selector{}, store.ErrNotFound
	}
	ref, err := prompt.ParseRef(name)
	if err == nil {
		return store.Key{Namespace: namespace, Name: ref.Name}, ref.Selector, nil
	}
	if bare, selector, selected := strings.Cut(name, "@"); selected && selector != "" && isDNSLabel(bare) {
		return store.Key{}, prompt.Selector{}, &selectorError{problem: err.Error()}
	}
	return store.Key{}, prompt.Selector{}, store.ErrNotFound
}

// formatID names a prompt as tools do, without the omitted namespace.
func formatID(omitted string, key store.Key) string {
	if key.Namespace == omitted {
		return key.Name
	}
	return key.String()
}

// omittedNamespace returns the namespace whose prompts are named without it: the endpoint's, else the home namespace of
// the server; empty for none.
func (s *Service) omittedNamespace(ctx context.Context) string {
	return cmp.Or(transport.FromContext(ctx).Namespace, s.homeNamespace)
}

// resolveID reads the argument id of a call.
func (s *Service) resolveID(ctx context.Context, id string) (store.Key, prompt.Selector, error) {
	key, selector, err := parseID(transport.FromContext(ctx).Namespace, s.assumedNamespace(ctx), id)
	if errors.Is(err, errMissingNamespace) {
		err = tool.NewInvalid("argument %q: %q has no namespace; write namespace/name", "id", excerpt.Truncate(id, 80))
	} else if problem, is := errors.AsType[*selectorError](err); is {
		err = tool.NewInvalid("argument %q: %s", "id", problem)
	}
	return key, selector, err
}

// resolvePromptID is resolveID for tools that mean all versions, where a selector can only be a mistake.
func (s *Service) resolvePromptID(ctx context.Context, id string) (store.Key, error) {
	key, selector, err := s.resolveID(ctx, id)
	if err == nil && selector != (prompt.Selector{}) {
		err = tool.NewInvalid("argument %q: a prompt is meant as a whole here; leave %s out", "id", selector)
	}
	return key, err
}

// resolveVersionID is resolveID for a version of a prompt, which the id or the selection names.
func (s *Service) resolveVersionID(ctx context.Context, id string, in selection) (store.Key, prompt.Selector, error) {
	key, selector, err := s.resolveID(ctx, id)
	if err == nil {
		selector, err = in.mergeSelector(selector)
	}
	return key, selector, err
}

// mergeSelector returns which version a call means, by its id or by the arguments version and channel.
func (in selection) mergeSelector(selector prompt.Selector) (prompt.Selector, error) {
	version, channel := ptr.Deref(in.Version, 0), ptr.Deref(in.Channel, "")
	stated := 0
	for _, is := range []bool{selector != (prompt.Selector{}), version != 0, channel != ""} {
		if is {
			stated++
		}
	}
	switch {
	case stated > 1:
		return selector, tool.NewInvalid("give one of version, channel and what follows the @ of the id, not more")
	case version != 0:
		return prompt.Selector{Version: version}, nil
	case channel != "":
		return parseChannel(channel)
	default:
		return selector, nil
	}
}

// parseChannel reads the argument channel.
func parseChannel(name string) (prompt.Selector, error) {
	selector, err := prompt.ParseSelector(name)
	if err != nil || selector.Channel == "" {
		return prompt.Selector{}, tool.NewInvalid("argument %q: %q is not the name of a channel: a lower-case letter, then letters, digits and '-', at most 36",
			"channel", excerpt.Truncate(name, 80))
	}
	return selector, nil
}

// assumedNamespace returns the namespace of names that state none: the endpoint's, else the caller's own, else the
// default one; empty when there is none.
func (s *Service) assumedNamespace(ctx context.Context) string {
	if endpoint := transport.FromContext(ctx).Namespace; endpoint != "" {
		return endpoint
	}
	identity, _ := auth.FromContext(ctx)
	return s.homeOf(identity)
}

// homeOf returns the namespace of a caller on the endpoint for all: their own, else the default one; empty when there is none.
func (s *Service) homeOf(identity auth.Identity) string {
	return cmp.Or(identity.Namespace(), s.defaultNamespace)
}

// chooseNamespace returns the namespace a prompt is added to. Given is the argument, empty when absent.
func (s *Service) chooseNamespace(ctx context.Context, given string) (string, error) {
	endpoint := transport.FromContext(ctx).Namespace
	switch {
	case given != "" && endpoint != "" && given != endpoint:
		return "", tool.NewInvalid("argument %q: this endpoint is for namespace %s; leave it out", "namespace", endpoint)
	case ValidateNamespace(given) != nil:
		return "", tool.NewInvalid("argument %q: %s", "namespace", ValidateNamespace(given))
	case given != "":
		return given, nil
	}
	if assumed := s.assumedNamespace(ctx); assumed != "" {
		return assumed, nil
	}
	return "", tool.NewInvalid("argument %q is required here: no default namespace is set", "namespace")
}

// ValidateNamespace returns why a name cannot be a namespace; an empty one stands for none.
func ValidateNamespace(name string) error {
	if name == "" || isDNSLabel(name) {
		return nil
	}
	return fmt.Errorf("%q is not a namespace: at most 63 lower-case letters, digits and '-'", excerpt.Truncate(name, 80))
}

// maxSlug leaves room in a name for "-" and 8 digits of the change's id.
const maxSlug = 54

// makeSlug returns the name of the object of a prompt with a title.
func makeSlug(title string) string {
	var b strings.Builder
	for _, c := range strings.ToLower(title) {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
			b.WriteRune(c)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	name := b.String()
	if len(name) > maxSlug {
		name = name[:maxSlug]
	}
	if name = strings.TrimRight(name, "-"); name == "" {
		return "prompt"
	}
	return name
}

// findFreeName returns the name of the object a change adds: the slug, with digits of the change's id when it is taken.
func (s *Service) findFreeName(ctx context.Context, namespace, title, change string) (store.Key, error) {
	key := store.Key{Namespace: namespace, Name: makeSlug(title)}
	taken, err := s.library.NameTaken(ctx, key)
	if err != nil {
		return store.Key{}, fmt.Errorf("find a free name: %w", err)
	}
	if taken {
		key.Name += "-" + change[:8]
	}
	return key, nil
}

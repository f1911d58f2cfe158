package prompts

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/transport"
)

// maxCompletions is how many values a completion may have (MCP, completion/complete).
const maxCompletions = 100

// noSuchTemplate is the error of a reference to no template of ours.
const noSuchTemplate = "no such resource template; there are " + promptTemplate + ", " + versionTemplate + " and " + channelTemplate

// completeArgument answers completion/complete.
func (s *Service) completeArgument(ctx context.Context, call *transport.Call) (any, error) {
	of := s.completePrompt
	if call.URI != "" {
		of = s.completeResource
	}
	completion, err := of(ctx, call)
	if err != nil {
		return nil, err
	}
	return &mcp.CompleteResult{Completion: *completion}, nil
}

// completePrompt completes the value of an argument by its enum.
func (s *Service) completePrompt(ctx context.Context, call *transport.Call) (*mcp.Completion, error) {
	key, selector, f := parsePromptName(call.Namespace, s.homeNamespace, call.Name)
	if f != nil {
		return nil, f
	}
	body, err := s.getIfAllowed(ctx, key, selector)
	if err != nil {
		return nil, s.failureFor(ctx, key, err)
	}
	values, ok := allowedValues(body.Arguments, call.Argument.Name)
	if !ok {
		return nil, transport.InvalidParams(fmt.Sprintf("%s has no argument %q; prompts/list says which it has", excerpt.Truncate(call.Name, 200), excerpt.Truncate(call.Argument.Name, 80)))
	}
	return filterByPrefix(values, call.Argument.Value), nil
}

// allowedValues returns the values an argument may have, in the order of the manifest; none where any string is allowed,
// and false where there is no such argument.
func allowedValues(arguments []prompt.Argument, name string) ([]string, bool) {
	at := slices.IndexFunc(arguments, func(a prompt.Argument) bool { return a.Name == name })
	switch {
	case at < 0:
		return nil, false
	case len(arguments[at].Enum) == 0 && arguments[at].Type == prompt.Boolean:
		return []string{"true", "false"}, true
	default:
		return arguments[at].Enum, true
	}
}

// completeResource completes a variable of a template by what there is. What was filled in
// before narrows.
func (s *Service) completeResource(ctx context.Context, call *transport.Call) (*mcp.Completion, error) {
	uri, argument := call.URI, call.Argument
	if uri != promptTemplate && uri != versionTemplate && uri != channelTemplate {
		return nil, transport.InvalidParams(noSuchTemplate)
	}
	if !strings.Contains(uri, "{"+argument.Name+"}") {
		return nil, transport.InvalidParams(fmt.Sprintf("%s has no variable %q", uri, excerpt.Truncate(argument.Name, 80)))
	}
	key := store.Key{Namespace: call.Arguments["namespace"], Name: call.Arguments["name"]}
	if key.Namespace == "" {
		key.Namespace = call.Namespace
	}
	if ValidateNamespace(key.Namespace) != nil || strings.ContainsRune(argument.Value, 0) {
		return filterByPrefix(nil, ""), nil // nothing is called so
	}
	ctx, cancel := s.withQueryTimeout(ctx)
	defer cancel()
	completion, err := s.completeVariable(ctx, call.Namespace, key, argument)
	switch {
	case errors.Is(err, auth.ErrDenied), errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrUnresolved):
		return filterByPrefix(nil, ""), nil // what was filled in names nothing that can be completed
	case err != nil:
		return nil, s.failureFor(ctx, key, err)
	}
	return completion, nil
}

func (s *Service) completeVariable(
	ctx context.Context, endpoint string, key store.Key, argument mcp.CompleteArgument,
) (*mcp.Completion, error) {
	switch argument.Name {
	case "namespace":
		// "\x7f" comes after whatever a name goes on with.
		found, err := s.decideAround(ctx, endpoint, namespaceRange{from: argument.Value, until: argument.Value + "\x7f"})
		if err != nil {
			return nil, err
		}
		return completeListed(ctx, found, argument.Value, s.library.CompleteNamespaces)
	case "name":
		if endpoint != "" && endpoint != key.Namespace {
			return nil, auth.ErrDenied
		}
		found, err := s.decideWindow(ctx, key.Namespace, namespaceRange{}, maxNamespaces)
		if err != nil {
			return nil, err
		}
		return completeListed(ctx, found, argument.Value, s.library.CompleteNames)
	}
	if !isDNSLabel(key.Namespace) || !isDNSLabel(key.Name) {
		return nil, store.ErrNotFound
	}
	versions, err := s.readableVersions(ctx, key)
	if err != nil {
		return nil, err
	}
	if argument.Name == "version" {
		return filterByPrefix(versionNumbers(versions), argument.Value), nil
	}
	return filterByPrefix(channelNames(versions), argument.Value), nil
}

// completeListed completes from what the caller may list in a window. There may be more, of a number nobody knows, where some
// namespaces are not decided.
func completeListed(
	ctx context.Context, in window, prefix string, names func(context.Context, store.Scope, string, int) (store.Completions, error),
) (*mcp.Completion, error) {
	var found store.Completions
	if !in.isEmpty() {
		var err error
		if found, err = names(ctx, in.scope, prefix, maxCompletions); err != nil {
			return nil, err
		}
	}
	completion := &mcp.Completion{Values: nonNil(found.Values), Total: int(found.Total), HasMore: found.Total > int64(len(found.Values))}
	if in.next != "" {
		completion.Total, completion.HasMore = 0, true
	}
	return completion, nil
}

// readableVersions returns the versions of a prompt that the caller may read, newest first.
func (s *Service) readableVersions(ctx context.Context, key store.Key) ([]store.VersionInfo, error) {
	key, err := s.authorizeLookup(ctx, key)
	if err != nil {
		return nil, err
	}
	if _, err := s.getRendered(ctx, key, prompt.Selector{Channel: store.Latest}); err != nil {
		return nil, err
	}
	versions, err := s.library.ListVersions(ctx, key, 0, math.MaxInt32)
	return slices.DeleteFunc(versions, func(v store.VersionInfo) bool { return v.Withdrawn }), err
}

func versionNumbers(versions []store.VersionInfo) []string {
	values := make([]string, len(versions))
	for i := range versions {
		values[i] = strconv.FormatInt(versions[i].Version, 10)
	}
	return values
}

func channelNames(versions []store.VersionInfo) []string {
	var values []string
	for i := range versions {
		values = append(values, versions[i].Channels...)
	}
	slices.Sort(values)
	return values
}

// filterByPrefix completes what was typed by the values that begin with it.
func filterByPrefix(values []string, typed string) *mcp.Completion {
	found := make([]string, 0, min(len(values), maxCompletions))
	total := 0
	for _, value := range values {
		if !strings.HasPrefix(value, typed) {
			continue
		}
		if total++; len(found) < maxCompletions {
			found = append(found, value)
		}
	}
	return &mcp.Completion{Values: found, Total: total, HasMore: total > len(found)}
}

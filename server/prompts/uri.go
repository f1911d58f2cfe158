package prompts

import (
	"strconv"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

const scheme = "prompt://"

// The templates of the resources of a prompt.
const (
	promptTemplate  = scheme + "{namespace}/{name}"
	versionTemplate = promptTemplate + "/versions/{version}"
	channelTemplate = promptTemplate + "/channels/{channel}"
)

// formatURI returns the URI of a prompt as a resource, the same on every endpoint.
func formatURI(key store.Key, selector prompt.Selector) string {
	uri := scheme + key.Namespace + "/" + key.Name
	switch {
	case selector.Version != 0:
		return uri + "/versions/" + strconv.FormatInt(selector.Version, 10)
	case selector.Channel != "":
		return uri + "/channels/" + selector.Channel
	default:
		return uri
	}
}

// parseURI reads what formatURI writes, and nothing else: a resource has one URI.
func parseURI(uri string) (store.Key, prompt.Selector, bool) {
	path, found := strings.CutPrefix(uri, scheme)
	parts := strings.Split(path, "/")
	if !found || len(parts) != 2 && len(parts) != 4 || !isDNSLabel(parts[0]) || !isDNSLabel(parts[1]) {
		return store.Key{}, prompt.Selector{}, false
	}
	key := store.Key{Namespace: parts[0], Name: parts[1]}
	if len(parts) == 2 {
		return key, prompt.Selector{}, true
	}
	selector, err := prompt.ParseSelector(parts[3])
	return key, selector, err == nil && formatURI(key, selector) == uri
}

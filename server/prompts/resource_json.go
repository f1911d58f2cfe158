package prompts

import (
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// resourceJSON is a version as it was written, with what is known of it: the JSON of a resource, in the words
// of get_prompt. The same URI has the same content on every endpoint.
type resourceJSON struct {
	promptJSON
	*currentVersions
	Digest    prompt.Digest     `json:"digest"`
	Syntax    prompt.Syntax     `json:"syntax"`
	Arguments []prompt.Argument `json:"arguments,omitempty"`
	// Messages are the content by role.
	Messages []prompt.Message `json:"messages"`
}

// currentVersions is what changes while a version does not: which is served, and which channels point to it. The resource
// of a URI that names a version is without.
type currentVersions struct {
	LatestVersion int64 `json:"latestVersion"`
	// ServedVersion is the version callers get by default.
	ServedVersion int64 `json:"servedVersion,omitempty"`
	// Channels that point to the version.
	Channels []string `json:"channels"`
}

func toResourceJSON(r *store.PromptView, selector prompt.Selector) *resourceJSON {
	s := &resourceJSON{
		promptJSON: toPromptJSON("", r), Digest: r.Digest,
		Syntax: r.Document.Syntax, Arguments: r.Document.Arguments, Messages: r.Document.AsWritten(),
	}
	if selector.Version == 0 {
		s.currentVersions = &currentVersions{LatestVersion: r.Latest, ServedVersion: r.Served, Channels: r.Channels}
	}
	return s
}

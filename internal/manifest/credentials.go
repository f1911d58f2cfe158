package manifest

import (
	"regexp"
	"slices"
	"strings"
)

// credentialsShape is of a document that may hold credentials, also where it cannot be read: a Secret's.
var credentialsShape = regexp.MustCompile(
	`(?m)\bsdp-credentials\b|["']?kind["']?\s*:\s*["']?Secret\b|["']?\b(?:stringData|client_secret|refresh_token|grant_code|api_key)["']?\s*:`)

// mayHoldCredentials reports whether problems must not repeat what stands in the document: they end up in logs of pipelines.
func (d *Document) mayHoldCredentials() bool { return credentialsShape.Match(d.Text) }

// valueMark is what stands in a message before a value that is repeated.
const valueMark = ": write "

// withoutValue returns a message about a line of the document, without the line as it should be where that may be a credential.
func (d *Document) withoutValue(message string) string {
	if d.mayHoldCredentials() {
		message, _, _ = strings.Cut(message, valueMark)
	}
	return message
}

// isWithoutValue reports whether what a library says of a document that it cannot read repeats nothing of it.
func isWithoutValue(message string) bool {
	return slices.ContainsFunc([]string{
		"mapping values are not allowed", "did not find expected", "could not find expected", "found unexpected end of stream", "cannot start any token",
		"found unknown escape character", "found a tab character", "block sequence entries are not allowed", "block mapping entries are not allowed",
		"unexpected end of JSON input", "unexpected EOF",
	}, func(known string) bool { return strings.Contains(message, known) })
}

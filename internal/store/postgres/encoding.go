package postgres

import (
	"fmt"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// holdsAnyText reports whether a database of an encoding keeps every text as it is: in SQL_ASCII bytes are bytes.
func holdsAnyText(encoding string) bool { return encoding == "UTF8" || encoding == "SQL_ASCII" }

// whatToDoAboutEncoding is for operators.
const whatToDoAboutEncoding = "create a database with encoding UTF8 (create database ... encoding 'UTF8' template template0)"

// checkEncodable returns a *store.UnstorableValueError for a publication with more than ASCII, where the database's encoding
// holds some texts and not others, or another character than it was given.
func checkEncodable(encoding string, p *store.Publication) error {
	if encoding == "" || holdsAnyText(encoding) {
		return nil
	}
	text, err := marshalJSON(struct {
		Document   *prompt.Document
		Source     []prompt.Message
		Labels     map[string]string
		Provenance store.Provenance
	}{&p.Compiled.Document, p.Compiled.Document.AsWritten(), p.Labels, p.Provenance})
	if err != nil {
		return fmt.Errorf("write the publication as JSON: %w", err)
	}
	return checkEncodableText(encoding, "prompt", text)
}

// checkEncodableText is checkEncodable of a text of what a person wrote.
func checkEncodableText(encoding, of string, text []byte) error {
	if encoding == "" || holdsAnyText(encoding) {
		return nil
	}
	for _, r := range string(text) {
		if r >= utf8.RuneSelf {
			return &store.UnstorableValueError{Reason: fmt.Sprintf(
				"its encoding is %s, in which only ASCII is stored, and the %s has %+q; %s and move there", encoding, of, r, whatToDoAboutEncoding)}
		}
	}
	return nil
}

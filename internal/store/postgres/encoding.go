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
	for _, r := range string(text) {
		if r >= utf8.RuneSelf {
			return &store.UnstorableValueError{Reason: fmt.Sprintf(
				"its encoding is %s, in which only ASCII is stored, and the prompt has %+q; %s and move there", encoding, r, whatToDoAboutEncoding)}
		}
	}
	return nil
}

package prompt

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// validateSpec refuses what the schema of the custom resource refuses too, so that a prompt that
// compiles on a laptop compiles in a cluster, and what the schema cannot see.
func validateSpec(spec Spec) error {
	switch spec.Syntax {
	case Mustache, Simple, Plain:
	default:
		return &SpecError{"syntax", fmt.Sprintf("%q is not one of Mustache, Simple, Plain", excerpt.Truncate(string(spec.Syntax), 80))}
	}
	for _, f := range []struct {
		field, value string
		limit        int
	}{
		{"title", spec.Title, MaxTitle},
		{"description", spec.Description, MaxDescription},
		{"category", spec.Category, MaxTitle},
	} {
		if err := validateText(f.field, f.value, f.limit); err != nil {
			return err
		}
	}
	if err := validateTags(spec.Tags); err != nil {
		return err
	}
	if err := validateDeclarations(spec); err != nil {
		return err
	}
	return validateMessages(spec.Messages)
}

// validateText refuses what cannot be stored, and more than limit characters.
func validateText(field, value string, limit int) error {
	if err := validateStorable(field, value); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(value); n > limit {
		return &SpecError{field, fmt.Sprintf("has %d characters; at most %d are allowed; shorten it", n, limit)}
	}
	return nil
}

func validateStorable(field, value string) error {
	if problem := storableProblem(value); problem != "" {
		return &SpecError{field, problem}
	}
	return nil
}

// storableProblem says why a text cannot be kept: Postgres has no U+0000, and JSON no invalid UTF-8.
func storableProblem(value string) string {
	switch {
	case !utf8.ValidString(value):
		return "is not valid UTF-8"
	case strings.IndexByte(value, 0) >= 0:
		return "contains the character U+0000, which cannot be stored"
	default:
		return ""
	}
}

func validateTags(tags []string) error {
	if len(tags) > MaxTags {
		return &SpecError{"tags", fmt.Sprintf("%d tags; at most %d are allowed; remove some", len(tags), MaxTags)}
	}
	for i, tag := range tags {
		field := fmt.Sprintf("tags[%d]", i)
		if tag == "" {
			return &SpecError{field, "is empty; remove it"}
		}
		if err := validateText(field, tag, MaxTitle); err != nil {
			return err
		}
		if slices.Contains(tags[:i], tag) {
			return &SpecError{field, fmt.Sprintf("%q is there twice; tags must be unique", tag)}
		}
	}
	return nil
}

func validateMessages(messages []Message) error {
	if len(messages) == 0 {
		return &SpecError{"messages", "there is none; write text, or at least one message"}
	}
	if len(messages) > MaxMessages {
		return &LimitError{Problem: fmt.Sprintf("%d messages; at most %d are allowed; join some, or split the prompt", len(messages), MaxMessages)}
	}
	size := 0
	for i, m := range messages {
		if m.Role != User && m.Role != Assistant {
			return &SpecError{fmt.Sprintf("messages[%d].role", i), fmt.Sprintf("%q is not one of user, assistant", excerpt.Truncate(string(m.Role), 80))}
		}
		size += len(m.Text)
	}
	if size > MaxText {
		return &LimitError{Problem: fmt.Sprintf("the texts together have %d bytes; at most %d (%d KiB) are allowed; %s", size, MaxText, MaxText>>10, TextRemedy)}
	}
	for i, m := range messages {
		if err := validateStorable(fmt.Sprintf("messages[%d].text", i), m.Text); err != nil {
			return err
		}
	}
	return nil
}

package prompt

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// source is one text and the words an error uses for it.
type source struct {
	text     string
	message  int
	fragment string
}

// position turns an offset into a place. It is linear, and only errors need it.
func (s *source) position(offset int) Where {
	before := s.text[:offset]
	return Where{
		Message:  s.message,
		Fragment: s.fragment,
		Line:     1 + strings.Count(before, "\n"),
		Column:   1 + utf8.RuneCountInString(before[1+strings.LastIndexByte(before, '\n'):]),
	}
}

func (s *source) newTemplateError(offset int, format string, args ...any) error {
	return &TemplateError{Where: s.position(offset), Problem: fmt.Sprintf(format, args...)}
}

func (s *source) newLimitError(offset int, format string, args ...any) error {
	where := s.position(offset)
	return &LimitError{Where: &where, Problem: fmt.Sprintf(format, args...)}
}

// standaloneLine says what a tag at [start, end) takes with it: the whole line including its end
// when nothing but blanks stands beside the tag, otherwise the tag alone.
func (s *source) standaloneLine(start, end int) (from, to int) {
	from = start
	for from > 0 && isBlank(s.text[from-1]) {
		from--
	}
	to = end
	for to < len(s.text) && isBlank(s.text[to]) {
		to++
	}
	if from > 0 && s.text[from-1] != '\n' {
		return start, end
	}
	switch rest := s.text[to:]; {
	case rest == "":
		return from, to
	case strings.HasPrefix(rest, "\n"):
		return from, to + 1
	case strings.HasPrefix(rest, "\r\n"):
		return from, to + 2
	default:
		return start, end
	}
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

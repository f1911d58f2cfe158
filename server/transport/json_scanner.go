package transport

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
)

const (
	// maxDepth bounds how deep a member of a message may be nested: what decodes it goes down one call a level.
	maxDepth = 100
	// maxOpen bounds how deep a message may be nested to be read at all, as encoding/json does.
	maxOpen = 10_000
	// maxValues bounds the values of a message, those in lists and objects included: decoded, a value of two bytes takes a
	// hundred. Metadata of the largest legal size has half as many.
	maxValues = 16 << 10
)

var (
	errNotJSON = errors.New("the message is not valid JSON")
	errTooDeep = errors.New("the message is nested too deeply")
)

// jsonScanner reads a message in one pass and copies nothing of it: it finds out whether the message is JSON (RFC 8259),
// and the first flaw that JSON has no word against.
type jsonScanner struct {
	source []byte
	at     int
	// open are the objects and arrays around at, by their first character. The path leads through those that are not
	// nested too deeply.
	open []byte
	path []pathStep
	// names are those of the members of the objects of the path, unquoted.
	names  [][]byte
	values int
	// err ends the scan. A flaw does not: the id may come after it.
	err  error
	flaw *messageFlaw
}

// pathStep is a member of an object, or an element of an array.
type pathStep struct {
	// name is that of the member, unquoted, and index that of the element.
	name  []byte
	index int
	// firstName is where the names of the object begin; foldsCase says that none may differ from another by case alone.
	firstName int
	foldsCase bool
}

// jsonScanners keeps scanners with what they have grown to.
var jsonScanners = sync.Pool{New: func() any { return &jsonScanner{} }}

// release gives a scanner back, without anything of the message.
func (s *jsonScanner) release() {
	clear(s.path[:cap(s.path)])
	clear(s.names[:cap(s.names)])
	if cap(s.names) > 1024 || cap(s.open) > 1024 {
		return
	}
	*s = jsonScanner{open: s.open[:0], path: s.path[:0], names: s.names[:0]}
	jsonScanners.Put(s)
}

func (s *jsonScanner) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}

// peek returns the next character after blanks; zero at the end, and after an error.
func (s *jsonScanner) peek() byte {
	for ; s.err == nil && s.at < len(s.source); s.at++ {
		switch c := s.source[s.at]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// scanValue returns the next value as it is written; nil when it is no JSON.
func (s *jsonScanner) scanValue() []byte {
	s.peek()
	start, outside := s.at, len(s.open)
	for more := true; more; more = s.leaveValues(outside) {
		for s.enterValue() {
		}
	}
	if s.err != nil {
		return nil
	}
	return s.source[start:s.at]
}

// scanObject returns the next value as it is written, of which the members are read where it is an object.
func (s *jsonScanner) scanObject(foldsCase bool, read func(name []byte)) []byte {
	if s.peek() != '{' {
		return s.scanValue()
	}
	start := s.at
	s.scanMembers(foldsCase, read)
	if s.err != nil {
		return nil
	}
	return s.source[start:s.at]
}

// scanMembers has each member of the next value, which is an object, read: read scans its value.
func (s *jsonScanner) scanMembers(foldsCase bool, read func(name []byte)) {
	s.countValue()
	for more := s.enterContainer('{', foldsCase); more; more = s.scanNext() {
		read(s.path[len(s.path)-1].name)
	}
}

// enterValue scans a scalar or an empty container, or goes into one, and reports whether the next value is inside it.
func (s *jsonScanner) enterValue() (inside bool) {
	s.countValue()
	switch c := s.peek(); c {
	case '{', '[':
		return s.enterContainer(c, false)
	case '"':
		if problem := s.scanString(); problem != "" {
			s.noteFlaw(s.describePath() + problem)
		}
	case 't':
		s.scanLiteral("true")
	case 'f':
		s.scanLiteral("false")
	case 'n':
		s.scanLiteral("null")
	default:
		s.scanNumber()
	}
	return false
}

// enterContainer goes into an object or an array, and reports whether it has a value.
func (s *jsonScanner) enterContainer(first byte, foldsCase bool) bool {
	if len(s.open) == maxOpen {
		s.fail(errTooDeep)
		return false
	}
	s.peek()
	s.at++
	s.open = append(s.open, first)
	if s.isOnPath() {
		s.path = append(s.path, pathStep{firstName: len(s.names), foldsCase: foldsCase})
	} else if s.flaw == nil {
		s.noteFlaw(describeSteps(s.path[:min(2, len(s.path))]) + fmt.Sprintf(" is nested more than %d levels deep", maxDepth))
	}
	if s.peek() == first+2 { // the end of a container is two characters after its beginning: {} and []
		s.leaveContainer()
		return false
	}
	return first == '[' || s.scanName()
}

// isOnPath reports whether the innermost container is not nested too deeply: a member of the message may be, from its
// second level on for those of params.
func (s *jsonScanner) isOnPath() bool { return len(s.open) <= maxDepth+2 }

// leaveValues goes on after a value: to the next one, which it reports, or out of containers that end, but for those outside.
func (s *jsonScanner) leaveValues(outside int) (more bool) {
	for s.err == nil && len(s.open) > outside {
		if s.scanNext() {
			return true
		}
	}
	return false
}

// scanNext goes on after a value in the innermost container, and reports whether it has another one.
func (s *jsonScanner) scanNext() (more bool) {
	first := s.open[len(s.open)-1]
	switch s.peek() {
	case ',':
		s.at++
		if first == '{' {
			return s.scanName()
		}
		if s.isOnPath() {
			s.path[len(s.path)-1].index++
		}
		return true
	case first + 2:
		s.leaveContainer()
	default:
		s.fail(errNotJSON)
	}
	return false
}

// leaveContainer goes out of the innermost container.
func (s *jsonScanner) leaveContainer() {
	s.at++
	if s.isOnPath() {
		last := len(s.path) - 1
		step := s.path[last]
		s.path = s.path[:last]
		if s.flaw == nil {
			if problem := findDoubledName(s.names[step.firstName:], step.foldsCase); problem != "" {
				s.noteFlaw(s.describePath() + problem)
			}
			s.names = s.names[:step.firstName]
		}
	}
	s.open = s.open[:len(s.open)-1]
}

// scanName scans the name of a member and what is between it and the value.
func (s *jsonScanner) scanName() bool {
	if s.peek() != '"' {
		s.fail(errNotJSON)
		return false
	}
	start := s.at
	problem := s.scanString()
	quoted := s.source[start:s.at]
	if s.peek() != ':' {
		s.fail(errNotJSON)
		return false
	}
	s.at++
	if s.flaw != nil && len(s.open) > 3 { // beyond what is read of a message nobody asks for names any more
		return true
	}
	step := &s.path[len(s.path)-1]
	if step.name = nil; problem != "" {
		s.noteFlaw("a name in " + describeSteps(s.path[:len(s.path)-1]) + problem)
	}
	name := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		name = []byte(unquoteText(quoted))
	}
	step.name = name
	if s.flaw == nil {
		s.names = append(s.names, name)
	}
	return true
}

// countValue notes a flaw once there are too many values.
func (s *jsonScanner) countValue() {
	if s.values++; s.values == maxValues+1 {
		s.noteFlaw(s.describePath() + fmt.Sprintf(" brings the message to more than %d values; send fewer", maxValues))
	}
}

package manifest

import (
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// What is said of files at most: a file that is wrong all through drowns no other, and costs no more than it says.
const (
	maxFileProblems = 100  // made of one file; the rest is counted
	maxSetProblems  = 1000 // made of all files
	maxMessage      = 1024 // bytes of a message
	maxQuoted       = 60   // characters of a value that a message repeats
)

// problemList gathers problems. Beyond its room none are made: they are counted.
type problemList struct {
	room int
	made []Problem
	seen map[Problem]bool
	// unmade are those for which there was no room; unmadeErrors those of them that are no warnings.
	unmade, unmadeErrors int
	// errors are all that are no warnings. onServerSide are those of them that only server-side apply minds.
	errors, onServerSide int
}

func (l *problemList) add(p Problem) {
	l.report(p.Warning, p.ServerSide, func() Problem { return p })
}

// report adds a problem, which is made only when there is room for it.
func (l *problemList) report(warning, serverSide bool, makeProblem func() Problem) {
	if !warning {
		l.errors++
		if serverSide {
			l.onServerSide++
		}
	}
	if !l.hasRoom() {
		l.unmade++
		if !warning {
			l.unmadeErrors++
		}
		return
	}
	p := makeProblem().clipped()
	p.Warning, p.ServerSide = warning, serverSide
	if l.seen[p] {
		return
	}
	if l.seen == nil {
		l.seen = map[Problem]bool{}
	}
	l.seen[p] = true
	l.made = append(l.made, p)
}

// hasRoom says whether one more problem would be made.
func (l *problemList) hasRoom() bool { return len(l.made) < l.room }

// refusals counts what keeps a manifest from being taken at all.
func (l *problemList) refusals() int { return l.errors - l.onServerSide }

// list returns the problems in the order a reader meets them, and how many more there are in a file.
func (l *problemList) list(file string) []Problem {
	SortProblems(l.made)
	if l.unmade == 0 || len(l.made) == 0 {
		return l.made
	}
	more := Problem{
		Place:   l.made[len(l.made)-1].Place,
		Message: fmt.Sprintf("%d more problems in %s; mend these first", l.unmade, file),
		Warning: l.unmadeErrors == 0,
		rest:    true,
	}
	return append(l.made, more)
}

// clipped returns the problem with a message of bounded length: what a file holds may be long.
func (p Problem) clipped() Problem {
	if len(p.Message) <= maxMessage {
		return p
	}
	head, tail := maxMessage*3/4, len(p.Message)-maxMessage/4
	for !utf8.RuneStart(p.Message[head]) {
		head--
	}
	for !utf8.RuneStart(p.Message[tail]) {
		tail++
	}
	p.Message = fmt.Sprintf("%s … (%d bytes more) … %s", p.Message[:head], tail-head, p.Message[tail:])
	return p
}

// quoteShort quotes the beginning of a value.
func quoteShort(s string) string { return strconv.Quote(abbreviateText(s)) }

// abbreviateText returns the beginning of a value.
func abbreviateText(s string) string { return excerpt.Truncate(s, maxQuoted) }

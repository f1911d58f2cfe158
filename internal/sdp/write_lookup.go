package sdp

import (
	"context"
	"slices"
	"strings"
	"time"
)

// WriteOutcome is what a lookup says of a write of unknown outcome (KindIndeterminate).
type WriteOutcome string

// The outcomes.
const (
	WriteDone          WriteOutcome = "done"
	WriteNotDone       WriteOutcome = "not_done"
	WriteIndeterminate WriteOutcome = "indeterminate"
)

// WriteLookup is the outcome of a write, and the id of the record that was made or changed when it was done.
type WriteLookup struct {
	Outcome WriteOutcome
	ID      string
}

const (
	// LateWrite is how long SDP may take to carry out what it was sent: a lookup that finds nothing says "not done" afterwards
	// alone.
	LateWrite = time.Minute
	// clockDifference bounds by how much SDP's clock may be behind ours.
	clockDifference = time.Hour
	// minMark is how long a mark is at least, in bytes: shorter ones are in texts that bear none.
	minMark = 6
	// maxLookedUp bounds the rows that a lookup reads, and maxFetched the records that it gets one by one for their text.
	maxLookedUp, maxFetched = 300, 5
)

// madeRecord is what a lookup goes by: when a record was made, and the text that may bear a mark, if that was sent.
type madeRecord struct {
	id      string
	made    time.Time
	text    string
	hasText bool
}

// FindCreated looks up a Create whose outcome is unknown: whether SDP has made a record whose text bears a mark, which the
// caller had put into what was sent, and which is in no other text. It reads, and never writes. The outcome is indeterminate
// when nothing is found before LateWrite is over, or when there is more to read than a lookup does; with an error, when a read
// failed.
func (e Editor[T]) FindCreated(ctx context.Context, attempt *Attempt, mark string) (WriteLookup, error) {
	unknown := WriteLookup{Outcome: WriteIndeterminate}
	switch {
	case e.record.made == nil:
		return unknown, invalidInput("look up "+e.record.name, "no text of it bears a mark")
	case len(mark) < minMark:
		return unknown, invalidInput("look up "+e.record.name, "a mark has at least 6 characters")
	}
	begun, since := time.Now(), attempt.SentAt.Add(-clockDifference)
	o := ListOptions{Rows: MaxRows, Fields: e.record.madeFields}
	if e.record.madeField != "" {
		o.Where, o.Sort, o.Descending = Where(e.record.madeField, GreaterOrEqual, since), e.record.madeField, true
	}
	rows, complete, err := Collect(ctx, e.List, o, maxLookedUp)
	if err != nil {
		return unknown, err
	}
	var textless []madeRecord
	for _, row := range rows {
		found := e.record.made(row)
		switch {
		case strings.Contains(found.text, mark):
			return WriteLookup{WriteDone, found.id}, nil
		case !found.hasText && (found.made.IsZero() || !found.made.Before(since)):
			textless = append(textless, found)
		}
	}
	slices.SortStableFunc(textless, func(a, b madeRecord) int { return b.made.Compare(a.made) })
	for _, row := range textless[:min(len(textless), maxFetched)] {
		record, err := e.Get(ctx, row.id)
		if err != nil {
			return unknown, err
		}
		if strings.Contains(e.record.made(record).text, mark) {
			return WriteLookup{WriteDone, row.id}, nil
		}
	}
	return decideNotFound(complete && len(textless) <= maxFetched, begun.Sub(attempt.EndedAt)), nil
}

// FindUpdated looks up a change of a record whose outcome is unknown: whether the record is as it was to be, by a function of the
// caller's.
func (r Reader[T]) FindUpdated(ctx context.Context, attempt *Attempt, id string, isAsWanted func(T) bool) (WriteLookup, error) {
	begun := time.Now()
	record, err := r.Get(ctx, id)
	switch {
	case err != nil:
		return WriteLookup{Outcome: WriteIndeterminate}, err
	case isAsWanted(record):
		return WriteLookup{WriteDone, id}, nil
	}
	return decideNotFound(true, begun.Sub(attempt.EndedAt)), nil
}

// FindListed looks up a write that makes a row without a text of its own, such as who works on a project, and whose outcome is unknown:
// whether there is such a row, by a function of the caller's that returns its id, or nothing for others.
func (r Reader[T]) FindListed(ctx context.Context, attempt *Attempt, idOf func(T) string) (WriteLookup, error) {
	begun := time.Now()
	rows, complete, err := Collect(ctx, r.List, ListOptions{Rows: MaxRows}, maxLookedUp)
	if err != nil {
		return WriteLookup{Outcome: WriteIndeterminate}, err
	}
	for _, row := range rows {
		if id := idOf(row); id != "" {
			return WriteLookup{WriteDone, id}, nil
		}
	}
	return decideNotFound(complete, begun.Sub(attempt.EndedAt)), nil
}

// decideNotFound decides what it means that a lookup found nothing, some time after the write ended.
func decideNotFound(readAll bool, after time.Duration) WriteLookup {
	if readAll && after >= LateWrite {
		return WriteLookup{Outcome: WriteNotDone}
	}
	return WriteLookup{Outcome: WriteIndeterminate}
}

// markedLookup finds a record that bears a mark in a list, as FindCreated.
type markedLookup func(ctx context.Context, c *Client, at path, attempt *Attempt, mark string) (WriteLookup, error)

func lookupOf[T any](record *recordType[T]) markedLookup {
	return func(ctx context.Context, c *Client, at path, attempt *Attempt, mark string) (WriteLookup, error) {
		return newEditor(c, record, at).FindCreated(ctx, attempt, mark)
	}
}

// markedLookups are those of all kinds of records whose texts bear marks, by name.
var markedLookups = map[string]markedLookup{
	requestRecord.name: lookupOf(requestRecord), problemRecord.name: lookupOf(problemRecord), changeRecord.name: lookupOf(changeRecord),
	projectRecord.name: lookupOf(projectRecord), milestoneRecord.name: lookupOf(milestoneRecord), taskRecord.name: lookupOf(taskRecord),
	worklogRecord.name: lookupOf(worklogRecord), requestNoteRecord.name: lookupOf(requestNoteRecord), problemNoteRecord.name: lookupOf(problemNoteRecord),
	changeNoteRecord.name: lookupOf(changeNoteRecord), projectCommentRecord.name: lookupOf(projectCommentRecord),
	milestoneCommentRecord.name: lookupOf(milestoneCommentRecord), taskCommentRecord.name: lookupOf(taskCommentRecord),
}

// FindWrite looks up a write whose outcome is unknown by its trace, as FindCreated and FindUpdated do by what their callers know. The
// mark is that of its texts. It is indeterminate where nobody can look it up, and where a record has some of the wanted values only,
// or others and was updated since it was seen: somebody may have changed it after the write.
func (c *Client) FindWrite(ctx context.Context, attempt *Attempt, trace WriteTrace, mark string) (WriteLookup, error) {
	unknown := WriteLookup{Outcome: WriteIndeterminate}
	at, isPath := parsePath(trace.Path)
	if trace.Look == "" || !isPath {
		return unknown, nil
	}
	begun := time.Now()
	switch trace.Look {
	case lookMade:
		find, known := markedLookups[trace.Record]
		if !known {
			return unknown, nil
		}
		return find(ctx, c, at, attempt, mark)
	case lookListed:
		return c.findRows(ctx, at, &trace, begun.Sub(attempt.EndedAt))
	}
	record, err := newReader(c, &recordType[Raw]{name: trace.Record}, at).getObject(ctx, "get", at, trace.Record)
	switch {
	case KindOf(err) == KindNotFound && trace.Record == resolutionRecord.name: // nobody has said one
		return decideNotFound(true, begun.Sub(attempt.EndedAt)), nil
	case err != nil:
		return unknown, err
	}
	done := WriteLookup{Outcome: WriteDone, ID: record.Text("id")}
	switch trace.Look {
	case lookClosed:
		if isClosed, known := record.Status("status").IsTerminal(); !known || !isClosed {
			return decideNotFound(known && !trace.isUpdatedSince(record), begun.Sub(attempt.EndedAt)), nil
		}
		return done, nil
	case lookTrashed, lookRestored:
		isTrashed := record.Bool("is_trashed")
		if isTrashed == nil || *isTrashed != (trace.Look == lookTrashed) {
			return decideNotFound(isTrashed != nil, begun.Sub(attempt.EndedAt)), nil
		}
		return done, nil
	}
	var wanted map[string]string
	if len(trace.Wanted) > 0 {
		wanted = trace.Wanted[0]
	}
	same, other := trace.isAsWanted(record, wanted, mark)
	if same > 0 && other == 0 {
		return done, nil
	}
	return decideNotFound(same == 0 && other > 0 && !trace.isUpdatedSince(record), begun.Sub(attempt.EndedAt)), nil
}

// findRows looks for a row for each of what is wanted.
func (c *Client) findRows(ctx context.Context, at path, trace *WriteTrace, after time.Duration) (WriteLookup, error) {
	unknown := WriteLookup{Outcome: WriteIndeterminate}
	if len(trace.Wanted) == 0 {
		return unknown, nil
	}
	list := newReader(c, &recordType[Raw]{name: trace.Record, lists: rowLists, decode: func(r Raw) Raw { return r }}, at)
	rows, complete, err := Collect(ctx, list.List, ListOptions{Rows: MaxRows}, maxLookedUp)
	if err != nil {
		return unknown, err
	}
	found := 0
	for _, wanted := range trace.Wanted {
		if slices.ContainsFunc(rows, func(row Raw) bool {
			same, other := trace.isAsWanted(row, wanted, "")
			return same > 0 && other == 0
		}) {
			found++
		}
	}
	if found == len(trace.Wanted) {
		return WriteLookup{Outcome: WriteDone}, nil
	}
	return decideNotFound(complete && found == 0, after), nil
}

// rowLists are the names that lists of rows without a mark have.
var rowLists = slices.Concat(requestLinkRecord.lists, memberRecord.lists, dependencyRecord.lists)

// parsePath reads a path of ours.
func parsePath(text string) (at path, ok bool) {
	if !strings.HasPrefix(text, "/") {
		return at, false
	}
	for segment := range strings.SplitSeq(text[1:], "/") {
		switch {
		case idText.MatchString(segment):
			at = at.withID(segment)
		case segmentText.MatchString(segment):
			at = at.to(segment)
		default:
			return at, false
		}
	}
	return at, true
}

package writetally

import (
	"regexp"
	"time"
)

// Answer is what a client was told of a write by one call.
type Answer string

// The answers.
const (
	ToldDone    Answer = "done"
	ToldNotDone Answer = "not_done"
	// ToldUnknown is also no answer at all.
	ToldUnknown Answer = "unknown"
	// ToldRefused says that this call sent nothing. Of an earlier call of the same write it says nothing.
	ToldRefused Answer = "refused"
)

// Write is something that a client wanted written, however often they asked for it.
type Write struct {
	// Token is in what is written, and in nothing else.
	Token string
	Tool  string
	// Makes says that each time it is carried out something more is there. What only changes something may be carried out again.
	Makes bool
	Calls []Call
}

// Call is a call of a tool.
type Call struct {
	// Key is its idempotency key. Calls without one are one write: clients of these accounts make them within 120 s.
	Key   string
	Told  Answer
	Words string
	// Where is the process that was asked.
	Where        string
	Began, Ended time.Time
}

// Sent is a call of ServiceDesk Plus that writes, as that received it.
type Sent struct {
	Number int
	Op     string
	// Token and Mark are what its texts bear: of the write, and of the intent. Target is the record that it changes, where only equal
	// calls change that.
	Token, Mark, Target string
	At                  time.Time
	CarriedOut          bool
	// Fault is the name of the one that it met.
	Fault string
}

// Intent is a stored one.
type Intent struct {
	ID, Tool, Mark, Target string
	// HasText says that what is sent for it bears its mark.
	HasText bool
	// Outcome is done, not_done, indeterminate or nothing.
	Outcome         string
	Begun, Deadline time.Time
	// Ended is zero where there is no outcome.
	Ended time.Time
}

// Record is one that several writes changed, each begun after what became of the one before was known.
type Record struct {
	Name string
	// Token is the one that it bears now, Order those of the writes.
	Token string
	Order []string
}

// Disturbance is a time during which a process, or what all of them need, is away.
type Disturbance struct {
	Name string
	// Where is the process; empty is all of them.
	Where        string
	Began, Ended time.Time
}

// Account is all of it.
type Account struct {
	Writes       []Write
	Sent         []Sent
	Intents      []Intent
	Disturbances []Disturbance
	Records      []Record
	// IsDecided says that there was time for every intent to get an outcome.
	IsDecided bool
	// ClockSlack is how much later than its deadline a call may be received: it was sent before, and the machine is busy.
	ClockSlack time.Duration
}

var (
	tokenText = regexp.MustCompile(`\bwrite-[0-9]{6}[a-z]?\b`)
	markText  = regexp.MustCompile(`\[([a-z2-7]{6,16})\]`)
)

// ReadTexts returns the token and the mark that the input of a call bears; empty ones where it has none.
func ReadTexts(input string) (token, mark string) {
	token = tokenText.FindString(input)
	if found := markText.FindAllStringSubmatch(input, -1); found != nil {
		mark = found[len(found)-1][1]
	}
	return token, mark
}

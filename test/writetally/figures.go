package writetally

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Share is how many of all are so.
type Share struct{ Part, All int }

// Percent is 100 for a part of nothing.
func (s Share) Percent() float64 {
	if s.All == 0 {
		return 100
	}
	return 100 * float64(s.Part) / float64(s.All)
}

func (s Share) String() string { return fmt.Sprintf("%d of %d (%.2f %%)", s.Part, s.All, s.Percent()) }

// Figures are what an account comes to.
type Figures struct {
	Writes, Calls, Sent, CarriedOut int
	// Faults are the calls of ServiceDesk Plus that met one, by its name, and the writes that a disturbance met, by its.
	Faults map[string]int
	// Decided are the intents that met a fault or a disturbance and ended in done or not_done.
	Decided Share
	// Succeeded are the writes that met none and were told to be done.
	Succeeded Share
	// Failed are what those of them that were not were told last, one line each.
	Failed []string
	// ByTool are the writes of each.
	ByTool map[string]int
}

// Count returns the figures.
func (a *Account) Count() Figures {
	f := Figures{Writes: len(a.Writes), Sent: len(a.Sent), Faults: map[string]int{}, ByTool: map[string]int{}}
	faultyTokens, faultyMarks := map[string]bool{}, map[string]bool{}
	for _, s := range a.Sent {
		if s.CarriedOut {
			f.CarriedOut++
		}
		if s.Fault != "" {
			f.Faults[s.Fault]++
			faultyTokens[s.Token], faultyMarks[s.Mark] = true, true
		}
	}
	for i := range a.Writes {
		w := &a.Writes[i]
		f.Calls += len(w.Calls)
		f.ByTool[w.Tool]++
		if name := a.nameDisturbance(w); name != "" {
			f.Faults[name]++
			continue
		}
		if !faultyTokens[w.Token] {
			f.Succeeded.All++
			if w.wasToldDone() {
				f.Succeeded.Part++
			} else {
				f.Failed = append(f.Failed, w.describeEnd())
			}
		}
	}
	for _, intent := range a.Intents {
		if faultyMarks[intent.Mark] || a.metDisturbance(intent) {
			f.Decided.All++
			if intent.Outcome == "done" || intent.Outcome == "not_done" {
				f.Decided.Part++
			}
		}
	}
	return f
}

func (w *Write) wasToldDone() bool {
	return slices.ContainsFunc(w.Calls, func(c Call) bool { return c.Told == ToldDone })
}

// describeEnd returns what the last call of a write was told, and of how many it is the last.
func (w *Write) describeEnd() string {
	if len(w.Calls) == 0 {
		return fmt.Sprintf("%s %s was not asked for", w.Tool, w.Token)
	}
	last := w.Calls[len(w.Calls)-1]
	return fmt.Sprintf("%s %s was told last, by call %d: %s, %s", w.Tool, w.Token, len(w.Calls), last.Told, last.Words)
}

// nameDisturbance returns the name of a disturbance that a call of the write met; empty for none.
func (a *Account) nameDisturbance(w *Write) string {
	for _, d := range a.Disturbances {
		for _, c := range w.Calls {
			if (d.Where == "" || d.Where == c.Where) && c.Began.Before(d.Ended) && c.Ended.After(d.Began) {
				return d.Name
			}
		}
	}
	return ""
}

// metDisturbance reports whether an intent was open in a disturbance.
func (a *Account) metDisturbance(intent Intent) bool {
	return slices.ContainsFunc(a.Disturbances, func(d Disturbance) bool {
		return intent.Begun.Before(d.Ended) && (intent.Ended.IsZero() || intent.Ended.After(d.Began))
	})
}

// String writes the figures for reading.
func (f Figures) String() string {
	return fmt.Sprintf("%d writes (%s) in %d calls of tools; ServiceDesk Plus received %d calls that write and carried out %d; faults: %s; decided after a fault: %s; succeeded without one: %s",
		f.Writes, joinCounts(f.ByTool), f.Calls, f.Sent, f.CarriedOut, joinCounts(f.Faults), f.Decided, f.Succeeded)
}

func joinCounts(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}

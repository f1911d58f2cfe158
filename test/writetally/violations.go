package writetally

import (
	"fmt"
	"slices"
)

// FindViolations returns what must not be, a sentence each, sorted.
func (a *Account) FindViolations() []string {
	var found []string
	carriedByToken, carriedByMark, carriedByTarget := map[string]int{}, map[string]int{}, map[string]int{}
	for _, s := range a.Sent {
		if s.CarriedOut {
			carriedByToken[s.Token]++
			carriedByMark[s.Mark]++
			carriedByTarget[s.Target]++
		}
	}
	tokens := map[string]bool{}
	for i := range a.Writes {
		w := &a.Writes[i]
		tokens[w.Token] = true
		found = append(found, w.compareCarriedOut(carriedByToken[w.Token])...)
	}
	intents := map[string]*Intent{}
	for i := range a.Intents {
		intent := &a.Intents[i]
		if intent.HasText {
			intents[intent.Mark] = intent
			isSo := intent.Target != "" && carriedByTarget[intent.Target] > 0
			found = append(found, intent.compareCarriedOut(carriedByMark[intent.Mark], isSo)...)
		}
		if a.IsDecided && intent.Outcome == "" {
			found = append(found, fmt.Sprintf("intent %s of %s has no outcome", intent.ID, intent.Tool))
		}
	}
	for i := range a.Records {
		found = append(found, a.compareRecord(&a.Records[i])...)
	}
	for _, s := range a.Sent {
		found = append(found, a.compareSent(s, tokens[s.Token], intents[s.Mark])...)
	}
	slices.Sort(found)
	return found
}

// compareCarriedOut holds what was told of a write against how often it was carried out.
func (w *Write) compareCarriedOut(carried int) []string {
	var found []string
	say := func(format string, args ...any) {
		found = append(found, fmt.Sprintf("%s %s: ", w.Tool, w.Token)+fmt.Sprintf(format, args...))
	}
	byKey := map[string][]Call{}
	for _, c := range w.Calls {
		byKey[c.Key] = append(byKey[c.Key], c)
	}
	done, possible := 0, 0
	for _, calls := range byKey {
		switch decideAnswer(calls) {
		case ToldDone:
			done++
			possible++
		case ToldUnknown:
			possible++
		}
	}
	if w.Makes && carried > len(byKey) {
		say("was made %d times, and asked for %d", carried, len(byKey))
	}
	wanted := done
	if !w.Makes {
		wanted = min(done, 1)
	}
	if carried < wanted {
		say("was told to be done %d times, and carried out %d", done, carried)
	}
	switch {
	case w.Makes && carried > possible && carried <= len(byKey):
		say("was carried out %d times, and told not to be done but %d%s", carried, possible, w.lastWords())
	case !w.Makes && carried > 0 && w.wasAlwaysDenied():
		say("was told not to be done each time, and carried out %d times%s", carried, w.lastWords())
	}
	return found
}

// decideAnswer returns what calls of one key were told in the end: what is done stays done, and who was refused knows no more than before.
func decideAnswer(calls []Call) Answer {
	decided := ToldNotDone
	for _, c := range calls {
		switch c.Told {
		case ToldDone:
			return ToldDone
		case ToldNotDone, ToldUnknown:
			decided = c.Told
		}
	}
	return decided
}

// lastWords returns what the last call was told, for a sentence to end with.
func (w *Write) lastWords() string {
	words := w.Calls[len(w.Calls)-1].Words
	if words == "" {
		return ""
	}
	return fmt.Sprintf(": %q", words)
}

func (w *Write) wasAlwaysDenied() bool {
	return !slices.ContainsFunc(w.Calls, func(c Call) bool { return c.Told == ToldDone || c.Told == ToldUnknown })
}

// compareCarriedOut holds the outcome of an intent against how often what bears its mark was carried out. What an equal call did is so: a lookup
// cannot tell who changed a record to what was wanted.
func (i *Intent) compareCarriedOut(carried int, isSo bool) []string {
	switch {
	case carried > 1:
		return []string{fmt.Sprintf("intent %s of %s was carried out %d times", i.ID, i.Tool, carried)}
	case i.Outcome == "done" && carried == 0 && !isSo:
		return []string{fmt.Sprintf("intent %s of %s is done, and was not carried out", i.ID, i.Tool)}
	case i.Outcome == "not_done" && carried > 0:
		return []string{fmt.Sprintf("intent %s of %s is not_done, and was carried out", i.ID, i.Tool)}
	}
	return nil
}

func (a *Account) compareSent(s Sent, isKnown bool, intent *Intent) []string {
	var found []string
	if !isKnown {
		found = append(found, fmt.Sprintf("call %d, %s, is of no write that anybody asked for", s.Number, s.Op))
	}
	switch {
	case s.Mark != "" && intent == nil:
		found = append(found, fmt.Sprintf("call %d, %s, has no intent", s.Number, s.Op))
	case intent != nil && s.At.After(intent.Deadline.Add(a.ClockSlack)):
		found = append(found, fmt.Sprintf("call %d, %s, was sent %.1f s after the deadline of intent %s", s.Number, s.Op, s.At.Sub(intent.Deadline).Seconds(), intent.ID))
	}
	return found
}

// compareRecord holds what a record bears against the last write of it that was told to be done: only a later one may have replaced it.
func (a *Account) compareRecord(r *Record) []string {
	done := map[string]bool{}
	for i := range a.Writes {
		done[a.Writes[i].Token] = a.Writes[i].wasToldDone()
	}
	for _, token := range slices.Backward(r.Order) {
		switch {
		case token == r.Token:
			return nil
		case done[token]:
			return []string{fmt.Sprintf("%s bears %q, and %s was told to be done after it", r.Name, r.Token, token)}
		}
	}
	return nil
}

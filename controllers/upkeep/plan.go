package upkeep

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// object is what the comparison sees of a live object.
type object struct {
	owner  store.Owner
	digest prompt.Digest
	// left says that nothing is published of the object now: it is being deleted, or suspended.
	left bool
}

// plan is what a comparison comes to.
type plan struct {
	// sweep are rows without object.
	sweep []store.ComparedRow
	// drifted are objects without an equal row.
	drifted []store.Key
	// live is how many rows there are.
	live int
}

// compare holds rows against the objects listed after them. A row that changed lately is left
// alone: its object may be younger than the list.
func compare(rows []store.ComparedRow, objects map[store.Key]object) plan {
	p := plan{live: len(rows)}
	byKey := make(map[store.Key]store.ComparedRow, len(rows))
	for _, row := range rows {
		byKey[row.Key] = row
		if _, ok := objects[row.Key]; !ok && row.Quiescent {
			p.sweep = append(p.sweep, row)
		}
	}
	for key, obj := range objects {
		row, ok := byKey[key]
		same := ok && row.Fence.Owner == obj.owner && row.Digest == obj.digest
		if !same && !obj.left && (!ok || row.Quiescent) {
			p.drifted = append(p.drifted, key)
		}
	}
	return p
}

// refusal says why a sweep must not be carried out, or nothing. A list that comes back empty, or
// that would take more than a fifth of the rows, is more likely a fault than a wish. A person who
// wishes it raises allowed; zero leaves the judgement here.
func (p plan) refusal(objects, allowed int) (reason, message string) {
	limit := max(10, p.live/5, allowed)
	remedy := fmt.Sprintf("if they are meant to go, restart the controller with --sweep-limit=%d until they are gone", len(p.sweep))
	switch {
	case len(p.sweep) == 0, len(p.sweep) <= allowed:
		return "", ""
	case objects == 0 && p.live > 1:
		return "EmptyList", fmt.Sprintf(
			"the API server lists no Prompt, but %d are live in the database; none is removed; %s", p.live, remedy)
	case len(p.sweep) > limit:
		return "SweepLimit", fmt.Sprintf(
			"%d of %d live prompts have no object, more than the %d one comparison may remove; none is removed; %s",
			len(p.sweep), p.live, limit, remedy)
	}
	return "", ""
}

package upkeep

import (
	"fmt"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// liveObject is what the comparison sees of a live object.
type liveObject struct {
	owner  store.Owner
	digest prompt.Digest
	// unpublished says that nothing is published of the object now: it is being deleted, or suspended.
	unpublished bool
}

// comparison is the result of comparing rows with objects.
type comparison struct {
	// orphans are rows without object.
	orphans []store.ComparedRow
	// drifted are objects without an equal row.
	drifted []store.Key
	// liveRows is how many rows there are.
	liveRows int
}

// compareRowsWithObjects compares rows with the objects that were listed after them. A row that changed lately is left
// alone: its object may be younger than the list.
func compareRowsWithObjects(rows []store.ComparedRow, objects map[store.Key]liveObject) comparison {
	p := comparison{liveRows: len(rows)}
	byKey := make(map[store.Key]store.ComparedRow, len(rows))
	for _, row := range rows {
		byKey[row.Key] = row
		if _, ok := objects[row.Key]; !ok && row.Quiescent {
			p.orphans = append(p.orphans, row)
		}
	}
	for key, obj := range objects {
		row, ok := byKey[key]
		same := ok && row.Fence.Owner == obj.owner && row.Digest == obj.digest
		if !same && !obj.unpublished && (!ok || row.Quiescent) {
			p.drifted = append(p.drifted, key)
		}
	}
	return p
}

// reasonToStop says why the orphans must not be removed, or nothing. A list that comes back empty, or that would take
// more than a fifth of the rows, is more likely a mistake than a wish. A person who wishes it raises allowed (ADR 5); zero
// leaves the limit as it is.
func (p comparison) reasonToStop(objects, allowed int) (reason, message string) {
	limit := max(10, p.liveRows/5, allowed)
	remedy := fmt.Sprintf("if they are meant to go, restart the controller with --sweep-limit=%d until they are gone", len(p.orphans))
	switch {
	case len(p.orphans) == 0, len(p.orphans) <= allowed:
		return "", ""
	case objects == 0 && p.liveRows > 1:
		return "EmptyList", fmt.Sprintf(
			"the API server lists no Prompt, but %d are live in the database; none is removed; %s", p.liveRows, remedy)
	case len(p.orphans) > limit:
		return "SweepLimit", fmt.Sprintf(
			"%d of %d live prompts have no object, more than the %d one comparison may remove; none is removed; %s",
			len(p.orphans), p.liveRows, limit, remedy)
	}
	return "", ""
}

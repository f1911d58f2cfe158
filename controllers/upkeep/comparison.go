package upkeep

import (
	"cmp"
	"fmt"

	"github.com/lectern-dev/lectern/controllers/status"
	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// Why a comparison removes nothing.
const (
	reasonCRDMissing = "CRDMissing"
	reasonEmptyList  = "EmptyList"
	reasonSweepLimit = "SweepLimit"
)

// liveObject is what the comparison sees of a live object.
type liveObject struct {
	owner  store.Owner
	digest prompt.Digest
	// recorded says that the status tells of the object as it is, and that it is published.
	recorded bool
	// unpublished says that nothing is published of the object now: it is being deleted, suspended, or
	// another controller's.
	unpublished bool
	// outcome is that of its last reconcile; empty for what another controller reconciles.
	outcome status.Kind
}

// comparison is the result of comparing rows with objects.
type comparison struct {
	// noun is what the rows are of, in messages; empty is prompts.
	noun string
	// orphans are rows without object.
	orphans []store.ComparedRow
	// drifted are objects without an equal row, unsettled those whose row changed lately and is not what their status told of.
	drifted, unsettled []store.Key
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
		switch {
		case obj.unpublished, ok && obj.isStoredAs(row):
		case !ok, row.Quiescent:
			p.drifted = append(p.drifted, key)
		case obj.recorded:
			p.unsettled = append(p.unsettled, key)
		}
	}
	return p
}

// isStoredAs reports whether a row has what was published of the object as it is.
func (o liveObject) isStoredAs(row store.ComparedRow) bool {
	return row.Fence.Owner == o.owner && row.Digest == o.digest
}

// findLost returns which unsettled objects have lost what was published of them, by rows that were read after the objects. A
// status is written after the row is committed; so a row that is read after it and still has something older is not late: the
// database went back, as where an asynchronous standby took over. No grace is needed for that.
func findLost(unsettled []store.Key, objects map[store.Key]liveObject, rows []store.ComparedRow) (lost []store.Key) {
	byKey := make(map[store.Key]store.ComparedRow, len(rows))
	for _, row := range rows {
		byKey[row.Key] = row
	}
	for _, key := range unsettled {
		obj, row := objects[key], byKey[key]
		if row.Fence.UID == obj.owner.UID && row.Fence.Generation <= obj.owner.Generation && !obj.isStoredAs(row) {
			lost = append(lost, key)
		}
	}
	return lost
}

// reasonToStop says why the orphans must not be removed, or nothing. A list that comes back empty, or that would take
// more than a fifth of the rows, is more likely a mistake than a wish. A person who wishes it raises allowed (ADR 5); zero
// leaves the limit as it is.
func (p comparison) reasonToStop(objects, allowed int) (reason, message string) {
	limit := max(10, p.liveRows/5, allowed)
	noun := cmp.Or(p.noun, "prompts")
	remedy := fmt.Sprintf("if they are meant to go, restart the controller with --sweep-limit=%d until they are gone", len(p.orphans))
	switch {
	case len(p.orphans) == 0, len(p.orphans) <= allowed:
		return "", ""
	case objects == 0 && p.liveRows > 1:
		return reasonEmptyList, fmt.Sprintf(
			"the API server lists no %s, but %d are live in the database; none is removed; %s", noun, p.liveRows, remedy)
	case len(p.orphans) > limit:
		return reasonSweepLimit, fmt.Sprintf(
			"%d of %d live %s have no object, more than the %d one comparison may remove; none is removed; %s",
			len(p.orphans), p.liveRows, noun, limit, remedy)
	}
	return "", ""
}

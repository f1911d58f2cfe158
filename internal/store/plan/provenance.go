package plan

import (
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/prompt"
	"github.com/lectern-dev/lectern/internal/store"
)

// maxCauses bounds the fragments a provenance names.
const maxCauses = 3

// ProvenanceOf returns where the version a publication makes comes from. When the row is of the same object at the same
// generation, nobody wrote anything since the version before: what made another version is what the object includes, and who
// changed the object last, and with what message, has no part in it. A folder of files knows no generations; its publications
// name no manager and are left as they are.
func ProvenanceOf(r *Row, p *store.Publication) store.Provenance {
	if r.Revision == 0 || r.Deleted || r.Owner != p.Owner || p.Provenance.Manager == "" {
		return p.Provenance
	}
	causes := changedIncludes(r.NewestIncludes, p.Compiled.Includes)
	if len(causes) == 0 {
		return p.Provenance
	}
	cause := strings.Join(causes[:min(len(causes), maxCauses)], ", ")
	if more := len(causes) - maxCauses; more > 0 {
		cause += fmt.Sprintf(" and %d more", more)
	}
	return store.Provenance{
		Tracking: p.Provenance.Tracking, SourceRevision: p.Provenance.SourceRevision,
		Cause: "included prompts changed: " + cause,
	}
}

// changedIncludes lists the includes that stand for another version now, in order.
func changedIncludes(before, now []prompt.Included) []string {
	type include struct{ name, selector string }
	versions := make(map[include]int64, len(before))
	for _, b := range before {
		versions[include{b.Name, b.Selector}] = b.Version
	}
	var changed []string
	for _, n := range now {
		switch was, known := versions[include{n.Name, n.Selector}]; {
		case !known: // through a fragment that has changed itself
			changed = append(changed, fmt.Sprintf("%s%s is new", n.Name, n.Selector))
		case was != n.Version:
			changed = append(changed, fmt.Sprintf("%s%s from version %d to %d", n.Name, n.Selector, was, n.Version))
		}
	}
	return changed
}

package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// resolveEntry returns the one entry of a list that a caller means by a name or an id, of those of a parent where there is one. Where a
// site has no such list it is the name as it is written.
func (d *desk) resolveEntry(ctx context.Context, argument string, of sdp.LookupType, text, parent string) (entry, error) {
	found, err := d.resolve(ctx, argument, of, text)
	if isNoList(err) {
		return entry{name: joinLines(text)}, nil
	}
	if err != nil {
		return entry{}, err
	}
	usable := slices.DeleteFunc(slices.Clone(found), func(e entry) bool { return e.flags.Deleted || !e.isWithin(parent) })
	switch len(usable) {
	case 1:
		return usable[0], nil
	case 0:
		list, err := d.lookups.read(ctx, of)
		if err != nil {
			return entry{}, err
		}
		return entry{}, sayUnknownName(argument, of, text, slices.DeleteFunc(slices.Clone(list.entries), func(e entry) bool { return !e.isWithin(parent) }))
	}
	return entry{}, sayAmbiguous(argument, text, usable)
}

// isWithin reports whether an entry belongs to a parent, or may.
func (e entry) isWithin(parent string) bool {
	return parent == "" || e.parentID == "" || e.parentID == parent
}

// ref returns what a write refers to an entry by.
func (e entry) ref() sdp.Ref {
	if e.id != "" {
		return sdp.Ref{ID: e.id, Name: e.name}
	}
	return sdp.ByName(e.name)
}

// sayAmbiguous refuses a name that several entries have, with their ids.
func sayAmbiguous(argument, text string, entries []entry) *tool.Error {
	var ids []string
	for _, e := range entries[:min(len(entries), listedNames)] {
		ids = append(ids, e.id)
	}
	refused := tool.NewInvalid("argument %q: %d entries are called %q; give the id, one of %s (list_lookup says which is where)",
		argument, len(entries), excerpt.Truncate(oneLine(text), 80), strings.Join(ids, ", "))
	refused.Details = errorDetails{Kind: refused.Kind, Fields: []string{argument}, Allowed: ids}
	return refused
}

// namedPerson is somebody whom a write refers to.
type namedPerson struct {
	ref sdp.Ref
	// shown is the name and the address, as far as they are known.
	shown string
}

// resolvePerson returns whom a caller means by an address, by me, or by a name, which costs a call of SDP.
func (d *desk) resolvePerson(
	ctx context.Context, argument, text string, list func(context.Context, sdp.ListOptions) (sdp.Page[sdp.Person], error),
) (namedPerson, error) {
	text = joinLines(text)
	if strings.EqualFold(text, "me") {
		me, err := d.requirePerson()
		return namedPerson{sdp.ByEmail(me.Email), me.Email}, err
	}
	if strings.Contains(text, "@") {
		return namedPerson{sdp.ByEmail(text), text}, nil
	}
	page, err := list(ctx, sdp.ListOptions{Rows: 10, Where: sdp.Where("name", sdp.Is, text), Fields: []string{"id", "name", "email_id"}})
	if err != nil {
		return namedPerson{}, needScope(usersScope, err)
	}
	var found []sdp.Person
	for _, p := range page.Items {
		if strings.EqualFold(strings.TrimSpace(p.Name), text) && p.ID != "" {
			found = append(found, p)
		}
	}
	if len(found) == 1 {
		ref := sdp.Ref{ID: found[0].ID, Name: found[0].Name, Email: found[0].Email}
		return namedPerson{ref, describePerson(ref)}, nil
	}
	return namedPerson{}, sayWhichPerson(argument, text, found)
}

// sayWhichPerson refuses a name that nobody has, or several people.
func sayWhichPerson(argument, text string, found []sdp.Person) *tool.Error {
	var addresses []string
	for _, p := range found {
		addresses = append(addresses, shortenLine(p.Email))
	}
	said := fmt.Sprintf("argument %q: nobody is called %q; give an e-mail address, which find_people has, or me", argument, excerpt.Truncate(oneLine(text), 80))
	if len(found) > 0 {
		said = fmt.Sprintf("argument %q: %d people are called %q; give the e-mail address, one of\n%s",
			argument, len(found), excerpt.Truncate(oneLine(text), 80), richtext.FrameUntrusted(strings.Join(addresses, "\n")))
	}
	return &tool.Error{Kind: tool.Validation, Text: said, Details: errorDetails{Kind: tool.Validation, Fields: []string{argument}, Allowed: addresses}}
}

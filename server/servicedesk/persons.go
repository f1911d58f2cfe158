package servicedesk

import (
	"context"
	"fmt"
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/sdp/richtext"
	"github.com/lectern-dev/lectern/server/tool"
)

// personFields are what is asked for of people.
var personFields = []string{"id", "name", "email_id", "department", "is_technician"}

// findPerson returns whom a caller means by an e-mail address, a name, an id or me, with one call of SDP. A write names people by their
// ids: on premises an address is not found reliably.
func (d *desk) findPerson(ctx context.Context, argument, text string) (sdp.Person, error) {
	text = strings.TrimSpace(text)
	if id := strings.TrimPrefix(text, "id:"); isDigits(id) {
		found, err := d.client.Users().Get(ctx, id)
		if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) {
			return sdp.Person{}, sayNoPerson(argument, text)
		}
		return found, needScope(usersScope, err)
	}
	field := "name"
	if strings.EqualFold(text, "me") {
		me, err := d.requirePerson()
		if err != nil {
			return sdp.Person{}, err
		}
		text = me.Email
	}
	if strings.Contains(text, "@") {
		field = "email_id"
	}
	page, err := d.client.Users().List(ctx, sdp.ListOptions{Rows: 5, Where: sdp.Where(field, sdp.Is, text), Fields: personFields})
	if err != nil {
		return sdp.Person{}, needScope(usersScope, err)
	}
	var found []sdp.Person
	for _, p := range page.Items {
		if strings.EqualFold(p.Name, text) || strings.EqualFold(p.Email, text) {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return sdp.Person{}, sayNoPerson(argument, text)
	case 1:
		return found[0], nil
	}
	return sdp.Person{}, sayManyPersons(argument, text, found)
}

func sayNoPerson(argument, text string) *tool.Error {
	return &tool.Error{
		Kind: tool.Validation, Text: fmt.Sprintf("argument %q: there is nobody called %q; find_people finds people by a part of the name", argument, excerpt.Truncate(text, 80)),
		Details: errorDetails{Kind: tool.Validation, Fields: []string{argument}},
	}
}

func sayManyPersons(argument, text string, found []sdp.Person) *tool.Error {
	lines, ids := make([]string, len(found)), make([]string, len(found))
	for i, p := range found {
		ids[i] = "id:" + p.ID
		lines[i] = ids[i] + " " + shortenLine(p.Name) + " " + shortenLine(p.Email)
	}
	return &tool.Error{
		Kind: tool.Validation,
		Text: fmt.Sprintf("argument %q: several people are called %q; give the e-mail address, or one of these ids\n", argument, excerpt.Truncate(text, 80)) +
			richtext.FrameUntrusted(strings.Join(lines, "\n")),
		Details: errorDetails{Kind: tool.Validation, Fields: []string{argument}, Allowed: ids},
	}
}

package servicedesk

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
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
			return sdp.Person{}, sayWhichPerson(argument, text, nil)
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
	if len(found) != 1 {
		return sdp.Person{}, sayWhichPerson(argument, text, found)
	}
	return found[0], nil
}

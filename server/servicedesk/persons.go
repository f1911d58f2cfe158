package servicedesk

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
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

// checkTold refuses to have a requester be told of something, as who owns it or works on it is, where agents write nothing that they
// read. What says what would be done: "give tasks of tickets to".
func (d *desk) checkTold(who *sdp.Person, what string) error {
	me, known := d.person()
	isMe := known && me.Email != "" && strings.EqualFold(me.Email, who.Email)
	if isMe || d.Access.RequesterVisible == visibleAllowed || who.IsTechnician != nil && *who.IsTechnician {
		return nil
	}
	return tool.NewForbidden("connection %s lets agents %s technicians alone: others are requesters, who are told of it (spec.access.requesterVisible)", d.key, what)
}

// findWorker is findPerson for who is to read what is in a project.
func (d *desk) findWorker(ctx context.Context, argument, text string) (sdp.Person, error) {
	found, err := d.findPerson(ctx, argument, text)
	if err == nil {
		err = d.checkTold(&found, "give projects to, and have work on them,")
	}
	return found, err
}

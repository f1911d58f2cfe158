package servicedesk

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/audit"
)

// leastInternalDigits is how many digits an internal id has at least where it is written without id: before it.
const leastInternalDigits = 15

// parseRequestID returns the number of a ticket, or the internal id: one has at least 15 digits or stands after id:.
func parseRequestID(text string) (number, id string, ok bool) {
	text = strings.TrimSpace(text)
	if internal, is := strings.CutPrefix(text, "id:"); is {
		return "", internal, isDigits(internal) && len(internal) <= 25
	}
	if isDigits(text) && len(text) >= leastInternalDigits && len(text) <= 25 {
		return "", text, true
	}
	number, ok = sdp.ParseDisplayID(text)
	return number, "", ok
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}

// readTicket returns a ticket that is inside the ceilings, and has the audit name it by its number; or errNoTicket.
func (d *desk) readTicket(ctx context.Context, text string) (sdp.Request, error) {
	found, err := d.findTicket(ctx, text)
	if err == nil {
		audit.FromContext(ctx).UseTicket(found.DisplayID)
	}
	return found, err
}

// findTicket is readTicket: one call of SDP, and one more for a number of which the id is not known. A ticket outside costs what an unknown
// one costs.
func (d *desk) findTicket(ctx context.Context, text string) (sdp.Request, error) {
	number, id, ok := parseRequestID(text)
	if !ok || d.ceiling.isClosed() {
		return sdp.Request{}, errNoTicket
	}
	if number == "" {
		return d.readByID(ctx, id)
	}
	if known, is := d.numbers.find(number); is {
		found, err := d.readByID(ctx, known)
		if err == nil && found.DisplayID == number {
			return found, nil
		}
		if err != nil && !isNoTicket(err) {
			return sdp.Request{}, err
		}
		d.numbers.remove(number)
		if err != nil { // it is gone or outside, and not another one
			return sdp.Request{}, errNoTicket
		}
	}
	row, err := d.client.Requests().FindByDisplayID(ctx, number, d.ceiling.criteria(), rowFields...)
	if err != nil {
		return sdp.Request{}, d.sayNoTicket(err)
	}
	if !d.admits(&row) {
		return sdp.Request{}, errNoTicket
	}
	d.numbers.add(row.DisplayID, row.ID)
	return d.readByID(ctx, row.ID)
}

func (d *desk) readByID(ctx context.Context, id string) (sdp.Request, error) {
	found, err := d.client.Requests().Get(ctx, id)
	if err != nil {
		return sdp.Request{}, d.sayNoTicket(err)
	}
	if !d.admits(&found) {
		return sdp.Request{}, errNoTicket
	}
	d.numbers.add(found.DisplayID, found.ID)
	return found, nil
}

// sayNoTicket has what SDP does not know be no ticket. It says of an id that it cannot read that there is no such value, too.
func (d *desk) sayNoTicket(err error) error {
	if sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err) {
		return errNoTicket
	}
	return needScope(requestsScope, err)
}

func isNoTicket(err error) bool { return err == errNoTicket } //nolint:errorlint // it is never wrapped

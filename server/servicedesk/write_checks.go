package servicedesk

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// isOwn reports whether the caller is the requester of a ticket.
func (d *desk) isOwn(found *sdp.Request) bool {
	me, known := d.person()
	return known && me.Email != "" && strings.EqualFold(me.Email, found.Requester.Email)
}

// checkOwnText refuses what the requester of a ticket of somebody else reads, where agents may write none of that.
func (d *desk) checkOwnText(found *sdp.Request, what string) error {
	if d.Access.RequesterVisible == visibleAllowed || d.isOwn(found) {
		return nil
	}
	return tool.NewForbidden("connection %s does not let agents write %s of tickets of others, which their requesters may read (spec.access.requesterVisible)", d.key, what)
}

// riskOfReason returns the risk of a change with a text that says why: requesters may be sent it, as ServiceDesk Plus does not say who reads it.
func (d *desk) riskOfReason(found *sdp.Request, reason string, of risk) risk {
	if reason == "" || d.isOwn(found) {
		return of
	}
	return reachesRequester
}

// checkSigned refuses a text that is too long for SDP once it is signed.
func (d *desk) checkSigned(argument, text string) error {
	if signed := utf8.RuneCountInString(d.makeSignature(newMark()).of(text)); signed > maxShortText {
		own := utf8.RuneCountInString(text)
		return tool.NewInvalid("argument %q: has %d characters, which is more than %d: the rest of the %d is who wrote it",
			argument, own, max(0, maxShortText-(signed-own)), maxShortText)
	}
	return nil
}

// checkUpdatedAt refuses to write a ticket that somebody else changed since the caller read it. Times are shown to the second.
func (d *desk) checkUpdatedAt(found *sdp.Request, expected *string) error {
	if expected == nil {
		return nil
	}
	at, err := parseTime("expected_updated_at", *expected, d.zone)
	if err != nil {
		return err
	}
	now := found.LastUpdatedTime
	if now.IsZero() {
		now = found.CreatedTime
	}
	if now.At.Truncate(time.Second).Equal(at.Truncate(time.Second)) {
		return nil
	}
	return tool.NewConflict("request %s was updated at %s, not at %s; read it again, and give that time if you still want to",
		numberOf(found), formatTime(now, d.zone), formatTime(sdp.At(at), d.zone))
}

// trimTitle returns what people know a record by, in one line and without what nobody sees. There has to be something.
func trimTitle(argument, text, of string) (string, error) {
	if text = joinLines(text); text == "" {
		return "", tool.NewInvalid("argument %q is empty; the %s needs one", argument, of)
	}
	return text, nil
}

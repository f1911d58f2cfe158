package servicedesk

import (
	"context"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type assignRequestInput struct {
	target
	RequestID  string                `json:"request_id" description:"Ticket number"`
	Technician tool.Optional[string] `json:"technician,omitzero" description:"E-mail address, name or me; null for nobody" bounds:"..250"`
	Group      tool.Optional[string] `json:"group,omitzero" description:"null for none" bounds:"..250"`
	dryRun
}

// assignRequest answers assign_request: a call of SDP to read the ticket, one more for a number that was not met and for a technician
// who is named by name, one to assign, and one to read it back.
func (s *Service) assignRequest(ctx context.Context, in assignRequestInput) (*tool.Result[requestUpdate], error) {
	d, err := s.openDeskToWrite(ctx, in.target, requestsToolset)
	if err != nil {
		return nil, err
	}
	given := givenNames(map[string]bool{"technician": in.Technician.Given, "group": in.Group.Given})
	if len(given) == 0 {
		return nil, tool.NewInvalid("give a technician, a group, or both; null takes the ticket from who has it")
	}
	if err := d.checkFields(requestKind, given...); err != nil {
		return nil, err
	}
	found, err := d.readTicket(ctx, in.RequestID)
	if err != nil {
		return nil, err
	}
	change, err := d.planAssignment(ctx, &in, &found)
	if err != nil {
		return nil, err
	}
	asked := in
	asked.dryRun = dryRun{}
	return d.updateTicket(ctx, &found, change, nil, writeRequest{tool: "assign_request", arguments: asked, dryRun: in.DryRun})
}

// planAssignment makes the change of the arguments. SDP wants the group of a technician, too, so that it is sent with one.
func (d *desk) planAssignment(ctx context.Context, in *assignRequestInput, found *sdp.Request) (requestChange, error) {
	change, err := d.planEntries(ctx, map[string]tool.Optional[string]{"group": in.Group}, found)
	if err != nil {
		return nil, err
	}
	if in.Group.Given {
		if err := d.checkTarget("group", d.ceiling.groups, change.nameIn("group")); err != nil {
			return nil, err
		}
	}
	technician := fieldChange{name: "technician", path: "technician"}
	if in.Technician.Value != nil {
		person, err := d.resolvePerson(ctx, "technician", *in.Technician.Value, d.client.ListTechnicians)
		if err != nil {
			return nil, err
		}
		technician = changePerson(technician, person)
	}
	if in.Technician.Given {
		change = append(change, technician)
	}
	change, err = change.ofAssignment(found, d.requestValues(found))
	if err != nil || in.Group.Given || in.Technician.Value == nil || found.Group.IsZero() {
		return change, err
	}
	group := fieldChange{name: "group", path: "group", value: found.Group, after: shortenLine(found.Group.Name)}
	return append(change, group), nil
}

// nameIn returns the whole name of the entry that a change sets a field to; nothing where it sets none.
func (c requestChange) nameIn(field string) string {
	for _, one := range c {
		if to, is := one.value.(sdp.Ref); is && one.name == field {
			return to.Name
		}
	}
	return ""
}

// changePerson makes the change of a reference to somebody: whom it is of, SDP says by name and address.
func changePerson(change fieldChange, person namedPerson) fieldChange {
	change.value, change.after = person.ref, person.shown
	change.isDone = func(r *sdp.Request, _ signature) bool { return isSamePerson(r.Raw.Ref(change.path), person.ref) }
	return change
}

// isSamePerson reports whether two references are to one person.
func isSamePerson(a, b sdp.Ref) bool {
	if a.ID != "" && b.ID != "" {
		return a.ID == b.ID
	}
	return a.Email != "" && strings.EqualFold(a.Email, b.Email)
}

// ofAssignment is ofTicket, by who is who.
func (c requestChange) ofAssignment(found *sdp.Request, before map[string]string) (requestChange, error) {
	var left requestChange
	for _, one := range c {
		if one.isDone == nil || !one.isDone(found, signature{}) {
			left = append(left, one)
		}
	}
	return left.ofTicket(before)
}

// checkTarget refuses to give a ticket to a group or a site that is outside of the ceilings: nobody who calls would see it any more.
func (d *desk) checkTarget(field string, of bound, name string) error {
	if of.admits(sdp.ByName(name)) {
		return nil
	}
	what := "without a " + field
	if name != "" {
		what = "of the " + field + " " + name
	}
	refused := tool.NewForbidden("connection %s lets agents write no ticket %s (spec.access.%ss); the %ss are %s", d.key, what, field, field, strings.Join(of.entries(), ", "))
	refused.Details = errorDetails{Kind: refused.Kind, Fields: []string{field}, Allowed: of.entries()}
	return refused
}

// entries are the values there may be, as a connection lists them.
func (b bound) entries() []string {
	names := append([]string{}, b.names...)
	if b.isEmptyAllowed {
		names = append(names, withoutEntry)
	}
	return names
}

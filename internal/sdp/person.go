package sdp

import (
	"context"
	"net/http"
)

// Person is a user of SDP: a requester, and maybe a technician.
type Person struct {
	ID, Name, FirstName, LastName string
	Email, Phone, Mobile          string
	JobTitle, EmployeeID          string
	// IsTechnician is nil where SDP does not say.
	IsTechnician *bool
	IsVIP        bool
	Department   Ref
	Site         Ref
	ReportingTo  Ref
	Status       Ref
	Raw          Raw
}

// personRecord returns the kind of person of a list: "user", "requester" or "technician".
func personRecord(name string) *recordType[Person] {
	return &recordType[Person]{
		name: name, root: name, roots: []string{name, "user"}, lists: []string{name + "s", "users"},
		decode: func(r Raw) Person {
			return Person{
				ID: r.Text("id"), Name: r.Text("name"), FirstName: r.Text("first_name"), LastName: r.Text("last_name"), Email: r.Text("email_id", "email"),
				Phone: r.Text("phone"), Mobile: r.Text("mobile"), JobTitle: r.Text("job_title", "jobtitle"), EmployeeID: r.Text("employee_id"),
				IsTechnician: r.Bool("is_technician"), IsVIP: r.IsTrue("is_vip_user", "is_vipuser"), Department: r.Ref("department"), Site: r.Ref("site"),
				ReportingTo: r.Ref("reporting_to"), Status: r.Ref("status", "org_user_status"), Raw: r,
			}
		},
	}
}

var (
	userRecord       = personRecord("user")
	requesterRecord  = personRecord("requester")
	technicianRecord = personRecord("technician")
)

// Users returns all people.
func (c *Client) Users() Reader[Person] { return newReader(c, userRecord, pathOf("users")) }

// Requesters returns those who ask.
func (c *Client) Requesters() Reader[Person] {
	return newReader(c, requesterRecord, pathOf("requesters"))
}

// ListTechnicians returns a page of those who answer. Not every cloud has a list of them: where it answers 401 (not for the token)
// or 404, all users are asked for who is one, from then on at once.
func (c *Client) ListTechnicians(ctx context.Context, o ListOptions) (Page[Person], error) {
	if !c.withoutTechnicians.Load() {
		page, err := newReader(c, technicianRecord, pathOf("technicians")).List(ctx, o)
		if err == nil || !isEndpointAbsent(err) {
			return page, err
		}
	}
	o.Where = All(o.Where, Where("is_technician", Is, true))
	page, err := c.Users().List(ctx, o)
	if err == nil {
		c.withoutTechnicians.Store(true)
	}
	return page, err
}

// isEndpointAbsent reports whether a failure says that the site has no such list: HTTP 404, and 401 that does not speak of the token.
func isEndpointAbsent(err error) bool {
	failed, is := asError(err)
	if !is {
		return false
	}
	switch failed.Kind {
	case KindNotFound:
		return true
	case KindForbidden, KindNotSDP:
		return failed.Status == http.StatusUnauthorized || failed.Status == http.StatusNotFound
	}
	return false
}

// Unavailability returns when technicians are absent.
func (c *Client) Unavailability() Reader[Raw] {
	return newReader(c, unavailabilityRecord, pathOf("unavailability"))
}

var unavailabilityRecord = &recordType[Raw]{
	name: "unavailability", root: "unavailability", roots: []string{"unavailability"}, lists: []string{"unavailability", "unavailabilities"},
	decode: func(r Raw) Raw { return r },
}

package sdp

import (
	"encoding/json"
	"strconv"
	"time"
)

// Time is a point in time as SDP has it. In a write it is {"value": "<ms>"}, and null, which clears a field, when it is zero.
type Time struct {
	// At is in UTC, to the millisecond; zero where there is none.
	At time.Time
	// Display is how SDP shows it to the owner of the token: for people, in an unknown format and zone, never to be parsed.
	Display string
}

// At returns a Time for a write. A field that is a date holds local midnight (23:59:59.999 for ends).
func At(at time.Time) Time { return Time{At: at.UTC()} }

// IsZero reports whether there is none.
func (t Time) IsZero() bool { return t.At.IsZero() }

// MarshalJSON writes what SDP takes.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	return json.Marshal(map[string]string{"value": strconv.FormatInt(t.At.UnixMilli(), 10)})
}

// Ref refers to a record or to an entry of a lookup. In a write the id is sent, without one the e-mail address, else the
// name; the zero value is null, which clears a field.
type Ref struct {
	ID, Name, Email string
}

// ByID refers to a record by its internal id.
func ByID(id string) Ref { return Ref{ID: id} }

// ByName refers to a lookup's entry by the exact name of that site.
func ByName(name string) Ref { return Ref{Name: name} }

// ByEmail refers to a person.
func ByEmail(email string) Ref { return Ref{Email: email} }

// IsZero reports whether it refers to nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// MarshalJSON writes what SDP takes: an object with one key, since a bare string is refused (4001, 4021).
func (r Ref) MarshalJSON() ([]byte, error) {
	switch {
	case r.ID != "":
		return json.Marshal(map[string]string{"id": r.ID})
	case r.Email != "":
		return json.Marshal(map[string]string{"email_id": r.Email})
	case r.Name != "":
		return json.Marshal(map[string]string{"name": r.Name})
	}
	return []byte("null"), nil
}

// Ref returns a reference: an object with id and name (or title), or a bare name, as on premises for a few fields.
func (r Raw) Ref(names ...string) Ref {
	if object := r.Object(names...); !object.IsZero() {
		return Ref{ID: object.Text("id"), Name: object.Text("name", "title"), Email: object.Text("email_id")}
	}
	return Ref{Name: r.Text(names...)}
}

// Refs returns the references of an array.
func (r Raw) Refs(names ...string) []Ref {
	var refs []Ref
	for _, object := range r.Objects(names...) {
		refs = append(refs, Ref{ID: object.Text("id"), Name: object.Text("name", "title"), Email: object.Text("email_id")})
	}
	return refs
}

// Status is the state of a record. Names are a site's own; InProgress decides whether work goes on.
type Status struct {
	Ref
	// InternalName is the same at every site, such as Onhold; often it is not sent.
	InternalName string
	// InProgress is nil where SDP does not say.
	InProgress *bool
	StopTimer  bool
}

// IsTerminal reports whether nothing is left to do; known is false where SDP does not say.
func (s Status) IsTerminal() (terminal, known bool) {
	return s.InProgress != nil && !*s.InProgress, s.InProgress != nil
}

// Status returns a status.
func (r Raw) Status(names ...string) Status {
	object := r.Object(names...)
	return Status{
		Ref: r.Ref(names...), InternalName: object.Text("internal_name"), InProgress: object.Bool("in_progress"), StopTimer: object.IsTrue("stop_timer"),
	}
}

// Effort is a span of work in whole minutes. In a write it is {"hours", "minutes"}, as strings.
type Effort time.Duration

// parts returns days, hours and minutes of an estimate, as SDP has them: a day is 24 hours.
func (e Effort) parts() (days, hours, minutes string) {
	all := int(time.Duration(e) / time.Minute)
	return strconv.Itoa(all / (24 * 60)), strconv.Itoa(all / 60 % 24), strconv.Itoa(all % 60)
}

// MarshalJSON writes hours, which may be more than a day, and minutes.
func (e Effort) MarshalJSON() ([]byte, error) {
	all := int(time.Duration(e) / time.Minute)
	return json.Marshal(map[string]string{"hours": strconv.Itoa(all / 60), "minutes": strconv.Itoa(all % 60)})
}

// maxEffort bounds what is taken for a span of work, in minutes: a century.
const maxEffort = 100 * 366 * 24 * 60

// Effort returns a span: {"value": ms}, or days, hours and minutes in an object or in fields of the name and a suffix.
func (r Raw) Effort(name string) Effort {
	object, prefix := r.Object(name), ""
	if object.IsZero() {
		object, prefix = r, name+"_"
	}
	var minutes int64
	found := false
	for unit, size := range map[string]int64{"days": 24 * 60, "hours": 60, "minutes": 1} {
		if n, ok := object.Int(prefix + unit); ok && n >= 0 && n <= maxEffort {
			minutes, found = minutes+n*size, true
		}
	}
	if ms, ok := object.Int("value"); !found && prefix == "" && ok && ms >= 0 {
		minutes = ms / int64(time.Minute/time.Millisecond)
	}
	return Effort(time.Duration(min(minutes, maxEffort)) * time.Minute)
}

// Fields are what a write sets, by name, only what changes; nil clears a field. Names are those of edition.go; values are what
// JSON has, Ref, Time, Effort and Fields. Names that SDP does not know are refused by it (4001, EXTRA_KEY_FOUND_IN_JSON).
type Fields map[string]any

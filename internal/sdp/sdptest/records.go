package sdptest

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Add makes a record of a table ("requests", "users", "priorities", "solutions" …) as somebody else than
// the API would, and returns its id. Fields have the names of the cloud; references are given by id,
// name, title or e-mail address, moments as time.Time or RFC 3339. A mistake in them panics.
func (s *Server) Add(table string, fields Record) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(table, "", fields).id
}

// AddTo makes a record under another one: AddTo("requests", id, "notes", …).
func (s *Server) AddTo(parent, parentID, table string, fields Record) (id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.insert(table, key(parent, parentID), fields).id
}

// Set changes a record as somebody else would.
func (s *Server) Set(table, id string, fields Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.mustFind(table, id)
	s.fill(table, r, fields)
	if s.anyDialect().entities[table].fields.byName("last_updated_time") != nil && fields["last_updated_time"] == nil {
		r.fields["last_updated_time"] = s.now()
	}
}

// Remove deletes a record without a trace.
func (s *Server) Remove(table, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.table(table).remove(s.mustFind(table, id).id)
}

// Record returns what a table has of an id, as the vendor's media type shows it; nil when it has nothing.
func (s *Server) Record(table, id string) Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.table(table).byID[id]
	if r == nil {
		return nil
	}
	c := &call{server: s, dialect: s.anyDialect(), now: s.now()}
	return c.render(c.dialect.entities[table], r)
}

// IDs returns the ids of a table in the order the records were made.
func (s *Server) IDs(table string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ids []string
	for _, r := range s.table(table).rows {
		ids = append(ids, r.id)
	}
	return ids
}

// IDOf returns the id of the record with a name, title, subject or e-mail address; empty when there is none.
func (s *Server) IDOf(table, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.lookUp(table, name); r != nil {
		return r.id
	}
	return ""
}

// SetGroupMembers says who belongs to a group; of a group without members anybody may be assigned.
func (s *Server) SetGroupMembers(group string, emails ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setMembers(s.lookUp("groups", group), emails)
}

// SetMandatory says what a template marks as mandatory.
func (s *Server) SetMandatory(template string, fields ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookUp("request_templates", template).fields["mandatory"] = slices.Clone(fields)
}

// SetTemplateValues says what a template sets in requests that are created with it and name no value for it, null being one.
func (s *Server) SetTemplateValues(template string, values Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookUp("request_templates", template).fields["values"] = maps.Clone(values)
}

// AdvanceIDs leaves out the next ids.
func (s *Server) AdvanceIDs(by int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ids.last += by
}

func (s *Server) setMembers(group *row, emails []string) {
	members := []reference{}
	for _, email := range emails {
		members = append(members, reference{"users", s.lookUp("users", email).id})
	}
	group.fields["members"] = members
}

// anyDialect returns the newest shape of the edition.
func (s *Server) anyDialect() *dialect {
	if d := s.dialects[shapeCloud]; d != nil {
		return d
	}
	return s.dialects[shapeNew]
}

func (s *Server) mustFind(table, id string) *row {
	r := s.table(table).byID[id]
	if r == nil {
		panic(fmt.Sprintf("sdptest: no record %s in %s", id, table))
	}
	return r
}

// lookUp finds a record by id or by what people call it.
func (s *Server) lookUp(table, name string) *row {
	if r := s.table(table).byID[name]; r != nil {
		return r
	}
	for _, r := range s.table(table).rows {
		for _, by := range []string{"name", "title", "subject", "email_id", "display_id"} {
			if name != "" && r.fields.text(by) == name {
				return r
			}
		}
	}
	return nil
}

// insert makes a record without the rules of the API.
func (s *Server) insert(table, parent string, fields Record) *row {
	e := s.anyDialect().entities[table]
	if e == nil {
		panic("sdptest: no table " + table)
	}
	r := &row{id: s.nextID(), parent: parent, fields: Record{}}
	if e.defaults != nil {
		c := &call{server: s, dialect: s.anyDialect(), now: s.now(), user: s.apiUser}
		e.defaults(c, r)
	}
	s.fill(table, r, fields)
	s.table(table).add(r)
	return r
}

func (s *Server) fill(table string, r *row, given Record) {
	e := s.anyDialect().entities[table]
	for i := range e.fields { // in the order of the description: a category before its subcategory
		f := &e.fields[i]
		value, is := given[f.name]
		if !is {
			value, is = given[f.wire]
		}
		if is {
			r.fields.set(f.name, s.stored(f, value, r))
		}
	}
	for name := range given {
		if e.fields.byName(name) == nil && e.fields.byWire(name) == nil {
			panic(fmt.Sprintf("sdptest: %s has no field %s", table, name))
		}
	}
}

// stored turns what a test wrote into what is kept.
func (s *Server) stored(f *field, value any, r *row) any {
	switch f.kind {
	case kindReference:
		if name, is := value.(string); is {
			return reference{f.table, s.referredTo(f, name, r).id}
		}
	case kindReferences:
		if names, is := value.([]string); is {
			refs := make([]reference, len(names))
			for i, name := range names {
				refs[i] = reference{f.table, s.referredTo(f, name, r).id}
			}
			return refs
		}
	case kindTime, kindDate:
		if text, is := value.(string); is {
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				return at
			}
		}
		if _, is := value.(time.Time); value != nil && !is {
			panic(fmt.Sprintf("sdptest: %s takes a time.Time, not %v", f.name, value))
		}
	case kindObject:
		if parts, is := value.(Record); is {
			out := Record{}
			for name, part := range parts {
				p := f.parts.byName(name)
				if p == nil {
					panic("sdptest: no part " + name + " of " + f.name)
				}
				out[name] = s.stored(p, part, r)
			}
			return out
		}
	case kindText, kindHTML, kindNumber, kindBoolean, kindFree, kindDuration, kindDisplayID, kindSize:
	}
	return value
}

func (s *Server) referredTo(f *field, name string, r *row) *row {
	if f.within != "" {
		for _, candidate := range s.table(f.table).rows {
			if candidate.fields.text("name") == name && candidate.fields.refersTo(f.within) == r.fields.refersTo(f.within) {
				return candidate
			}
		}
	}
	found := s.lookUp(f.table, name)
	if found == nil {
		panic(fmt.Sprintf("sdptest: no %q in %s", name, f.table))
	}
	return found
}

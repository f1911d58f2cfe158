package sdptest

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Record holds the fields of a record, or of a part of one, by name.
type Record map[string]any

// reference points to a record of a table.
type reference struct{ table, id string }

// row is a stored record.
type row struct {
	id      string
	parent  string // key of the record it belongs to; empty at the top
	fields  Record
	trashed bool
}

// key names a record among those of all tables.
func key(table, id string) string { return table + "/" + id }

func (r *row) copy() *row {
	c := *r
	c.fields = copyRecord(r.fields)
	return &c
}

// copyRecord copies a record and the objects in it; what objects hold otherwise is never changed in place.
func copyRecord(of Record) Record {
	c := maps.Clone(of)
	for k, v := range c {
		if inner, is := v.(Record); is {
			c[k] = copyRecord(inner)
		}
	}
	return c
}

// get returns a stored value; a dotted name reaches into objects.
func (r Record) get(name string) any {
	first, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		return r[name]
	}
	inner, _ := r[first].(Record)
	return inner.get(rest)
}

func (r Record) set(name string, value any) {
	first, rest, dotted := strings.Cut(name, ".")
	if !dotted {
		r[name] = value
		return
	}
	inner, is := r[first].(Record)
	if !is {
		inner = Record{}
		r[first] = inner
	}
	inner.set(rest, value)
}

func (r Record) text(name string) string {
	s, _ := r.get(name).(string)
	return s
}

func (r Record) flag(name string) bool {
	b, _ := r.get(name).(bool)
	return b
}

// refersTo returns the id that a reference holds, or nothing.
func (r Record) refersTo(name string) string {
	ref, _ := r.get(name).(reference)
	return ref.id
}

// table keeps rows in the order they were made.
type table struct {
	rows []*row
	byID map[string]*row
}

func (t *table) add(r *row) {
	t.rows = append(t.rows, r)
	t.byID[r.id] = r
}

func (t *table) remove(id string) {
	delete(t.byID, id)
	t.rows = slices.DeleteFunc(t.rows, func(r *row) bool { return r.id == id })
}

// replace stores a changed copy of a row in its place.
func (t *table) replace(r *row) {
	old := t.byID[r.id]
	*old = *r
}

func (s *Server) table(name string) *table {
	t := s.tables[name]
	if t == nil {
		t = &table{byID: map[string]*row{}}
		s.tables[name] = t
	}
	return t
}

func (s *Server) follow(to reference) *row { return s.table(to.table).byID[to.id] }

// rowOfKey returns the record that a key names.
func (s *Server) rowOfKey(of string) *row {
	name, id, _ := strings.Cut(of, "/")
	return s.table(name).byID[id]
}

// children returns the rows of a table that belong to a record.
func (s *Server) children(name, parent string) []*row {
	var found []*row
	for _, r := range s.table(name).rows {
		if r.parent == parent {
			found = append(found, r)
		}
	}
	return found
}

// named returns the first row of a table with a name, in any case.
func (s *Server) named(tableName, name string) *row {
	for _, r := range s.table(tableName).rows {
		if strings.EqualFold(r.fields.text("name"), name) {
			return r
		}
	}
	return nil
}

// ids makes rising ids: of 18 digits in the cloud, small on-premises.
type ids struct{ last, display, project int64 }

func (s *Server) nextID() string {
	s.ids.last++
	return strconv.FormatInt(s.ids.last, 10)
}

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(s string) (int, error) { return strconv.Atoi(s) }

func asMoment(v any) (time.Time, bool) {
	at, is := v.(time.Time)
	return at, is
}

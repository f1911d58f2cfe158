package sdptest

import "slices"

// kind is how a field is stored, read and written.
type kind int

const (
	kindText       kind = iota // string
	kindHTML                   // string; left out of list rows
	kindNumber                 // stored and answered as a string of digits
	kindBoolean                // bool
	kindTime                   // time.Time, answered as {value, display_value}
	kindDate                   // the same at midnight of the user's zone, shown without time
	kindReference              // reference into a table
	kindReferences             // several of them
	kindObject                 // Record of the field's parts
	kindFree                   // whatever JSON was written
	kindDuration               // time.Duration
	kindDisplayID              // string, answered as {display_value, value}
	kindSize                   // int64 of bytes
)

type access int

const (
	readWrite  access = iota
	readOnly          // answered, never taken
	writeOnly         // taken, never answered
	createOnly        // taken by a create, 4009 in an update
)

// field is one field of an entity. A dotted name is stored inside another one.
type field struct {
	name        string // as stored
	wire        string // as the dialect calls it
	kind        kind
	table       string // what references point to
	within      string // a reference of the same record that the target must share: an item's subcategory
	technicians bool   // references users that are technicians
	parts       fields // of an object
	limit       int    // characters
	access      access
	only        []shape // in which shapes it exists; all when empty
	unlisted    bool    // not in list rows unless asked for
	// derived computes what is never stored.
	derived func(c *call, r *row) any
}

type fields []field

func makeFields(k kind, names []string) fields {
	made := make(fields, len(names))
	for i, name := range names {
		made[i] = field{name: name, kind: k}
	}
	return made
}

func textFields(names ...string) fields { return makeFields(kindText, names) }
func htmlText(names ...string) fields {
	return makeFields(kindHTML, names).with(func(f *field) { f.unlisted = true })
}
func numberFields(names ...string) fields   { return makeFields(kindNumber, names) }
func booleanFields(names ...string) fields  { return makeFields(kindBoolean, names) }
func timeFields(names ...string) fields     { return makeFields(kindTime, names) }
func dateFields(names ...string) fields     { return makeFields(kindDate, names) }
func freeFields(names ...string) fields     { return makeFields(kindFree, names) }
func durationFields(names ...string) fields { return makeFields(kindDuration, names) }
func sizeFields(names ...string) fields     { return makeFields(kindSize, names) }
func displayID(names ...string) fields      { return makeFields(kindDisplayID, names) }

func referenceTo(table string, names ...string) fields {
	return makeFields(kindReference, names).with(func(f *field) { f.table = table })
}

func referencesTo(table string, names ...string) fields {
	return makeFields(kindReferences, names).with(func(f *field) { f.table = table })
}

func technicianFields(names ...string) fields {
	return referenceTo("users", names...).with(func(f *field) { f.technicians = true })
}

func objectField(name string, parts ...fields) fields {
	return fields{{name: name, kind: kindObject, parts: slices.Concat(parts...)}}
}

func joinFields(all ...fields) fields { return slices.Concat(all...) }

func (f fields) with(change func(*field)) fields {
	for i := range f {
		change(&f[i])
	}
	return f
}

func (f fields) atMost(characters int) fields {
	return f.with(func(f *field) { f.limit = characters })
}
func (f fields) readOnly() fields   { return f.with(func(f *field) { f.access = readOnly }) }
func (f fields) writeOnly() fields  { return f.with(func(f *field) { f.access = writeOnly }) }
func (f fields) createOnly() fields { return f.with(func(f *field) { f.access = createOnly }) }
func (f fields) listed() fields     { return f.with(func(f *field) { f.unlisted = false }) }
func (f fields) in(shapes ...shape) fields {
	return f.with(func(f *field) { f.only = shapes })
}
func (f fields) inside(parent string) fields { return f.with(func(f *field) { f.within = parent }) }

// entity describes the records of one table: what they hold, what they are called, and the rules of a write.
type entity struct {
	table       string
	one, many   string // roots of an answer
	fields      fields
	brief       []string // fields of a reference to such a record; id and name when nil
	row         []string // default fields of a list row; all but unlisted ones when nil
	mandatory   []string
	unique      string // a field whose value no two records share
	sortable    []string
	newestFirst bool
	// defaults fills a new record before the input is applied.
	defaults func(c *call, r *row)
	// check refuses a write; before is nil on a create, after is what would be stored.
	check func(c *call, before, after *row, input Record) error
	// saved does what follows from a write.
	saved func(c *call, before, after *row, input Record)
	// views are the saved views that filter_by names.
	views func(name string) func(c *call, r *row) bool
}

// compile gives an entity the names of a dialect and drops what that does not have.
func (e *entity) compile(d *dialect) *entity {
	e.fields = compileFields(d, e.table, e.fields)
	if e.one == "" {
		e.one, e.many = d.roots(e.table)
	}
	if e.brief == nil {
		e.brief = []string{"id", "name"}
	}
	return e
}

func compileFields(d *dialect, table string, from fields) fields {
	var kept fields
	for _, f := range from {
		if len(f.only) > 0 && !slices.Contains(f.only, d.shape) {
			continue
		}
		f.wire = d.fieldName(table, f.name)
		f.parts = compileFields(d, table+"."+f.name, f.parts)
		kept = append(kept, f)
	}
	return kept
}

func (f fields) byWire(wire string) *field {
	for i := range f {
		if f[i].wire == wire {
			return &f[i]
		}
	}
	return nil
}

func (f fields) byName(name string) *field {
	for i := range f {
		if f[i].name == name {
			return &f[i]
		}
	}
	return nil
}

// wireNames translates stored names, for messages.
func (e *entity) wireNames(names []string) []string {
	wires := make([]string, len(names))
	for i, name := range names {
		wires[i] = name
		if f := e.fields.byName(name); f != nil {
			wires[i] = f.wire
		}
	}
	return wires
}

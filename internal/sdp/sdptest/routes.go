package sdptest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// answer is what a call is answered with when it is not refused.
type answer struct {
	status      int // 200 when zero
	body        any
	contentType string // of content, when it is no JSON
	content     []byte
	wrote       bool
}

// call is one request on its way through the fake, with the server's lock held.
type call struct {
	*request
	server  *Server
	dialect *dialect
	input   Record // decoded input_data; nil when there was none
	user    string // id of whom the credentials belong to
	ids     []string
	now     time.Time
}

type handler func(*call) (*answer, error)

// route is a method and a pattern; a "{}" stands for an id.
type route struct {
	method  string
	pattern []string
	handle  handler
}

type routes struct{ all []route }

// add registers a handler at "GET /requests/{}".
func (rs *routes) add(pattern string, handle handler) {
	method, path, _ := strings.Cut(pattern, " ")
	rs.all = append(rs.all, route{method, splitPath(path), handle})
}

func splitPath(path string) []string { return strings.Split(strings.Trim(path, "/"), "/") }

// matches compares a pattern with a path. Literals come before ids, as they are registered first.
func (r *route) matches(segments []string) (ids []string, ok bool) {
	if len(segments) != len(r.pattern) {
		return nil, false
	}
	for i, want := range r.pattern {
		switch {
		case want == "{}" && isID(segments[i]):
			ids = append(ids, segments[i])
		case want != segments[i]:
			return nil, false
		}
	}
	return ids, true
}

func isID(segment string) bool {
	return segment != "" && strings.Trim(segment, "0123456789") == ""
}

// find returns the handler of a call. A path that is known with another method answers 4021, any other
// 4007.
func (rs *routes) find(method string, segments []string) (handler, []string, error) {
	known := false
	for i := range rs.all {
		if ids, ok := rs.all[i].matches(segments); ok {
			if rs.all[i].method == method {
				return rs.all[i].handle, ids, nil
			}
			known = true
		}
	}
	if known {
		return nil, nil, refuse(message{code: codeType, text: "Invalid HTTP method"})
	}
	return nil, nil, refuseNotFound()
}

// resource is a table at a path: "/requests/{}/notes". The tables name what the ids in the path are.
type resource struct {
	path    string
	table   string
	parents []string
	verbs   string // of list create get update delete
	// one and many replace the roots of the table.
	one, many string
	// within says whether a row belongs under the parents; by default its parent is the last of them.
	within func(c *call, parents []*row, r *row) bool
	// place puts a new row under the parents.
	place func(c *call, parents []*row, r *row)
}

func (d *dialect) resource(res resource) {
	e := d.entities[res.table]
	if res.one != "" {
		renamed := *e
		renamed.one, renamed.many = res.one, res.many
		e = &renamed
	}
	for verb := range strings.FieldsSeq(res.verbs) {
		switch verb {
		case "list":
			d.routes.add("GET "+res.path, func(c *call) (*answer, error) { return c.listResource(&res, e) })
		case "create":
			d.routes.add("POST "+res.path, func(c *call) (*answer, error) { return c.createResource(&res, e) })
		case "get":
			d.routes.add("GET "+res.path+"/{}", func(c *call) (*answer, error) { return c.getResource(&res, e) })
		case "update":
			d.routes.add("PUT "+res.path+"/{}", func(c *call) (*answer, error) { return c.updateResource(&res, e) })
		case "delete":
			d.routes.add("DELETE "+res.path+"/{}", func(c *call) (*answer, error) { return c.deleteResource(&res, e) })
		}
	}
}

const allVerbs = "list create get update delete"

// contains says whether a row is at the resource's path.
func (res *resource) contains(c *call, parents []*row, r *row) bool {
	if res.within != nil {
		return res.within(c, parents, r)
	}
	return r.parent == res.parentKey(parents)
}

func (res *resource) put(c *call, parents []*row, r *row) {
	if res.place != nil {
		res.place(c, parents, r)
		return
	}
	r.parent = res.parentKey(parents)
}

func (res *resource) parentKey(parents []*row) string {
	if len(parents) == 0 {
		return ""
	}
	return key(res.parents[len(parents)-1], parents[len(parents)-1].id)
}

// ancestors finds the records that the path names, each of which has to belong to the one before it.
func (c *call) ancestors(tables []string) ([]*row, error) {
	var found []*row
	for i, name := range tables {
		r := c.server.table(name).byID[c.ids[i]]
		if r == nil || r.trashed || i > 0 && !c.belongs(r, tables[i-1], found[i-1]) {
			return nil, refuseNotFound()
		}
		found = append(found, r)
	}
	return found, nil
}

// belongs says whether a record is under another; tasks of a milestone are kept under their project.
func (c *call) belongs(r *row, parentTable string, parent *row) bool {
	return r.parent == key(parentTable, parent.id) || parentTable == "milestones" && r.fields.refersTo("milestone") == parent.id
}

func (c *call) listResource(res *resource, e *entity) (*answer, error) {
	parents, err := c.ancestors(res.parents)
	if err != nil {
		return nil, err
	}
	var rows []*row
	for _, r := range c.server.table(res.table).rows {
		if !r.trashed && res.contains(c, parents, r) {
			rows = append(rows, r)
		}
	}
	return c.list(e, rows)
}

// member finds the record that a path ends in.
func (c *call) member(res *resource) (*row, []*row, error) {
	parents, err := c.ancestors(res.parents)
	if err != nil {
		return nil, nil, err
	}
	r := c.server.table(res.table).byID[c.ids[len(res.parents)]]
	if r == nil || !res.contains(c, parents, r) || r.trashed && c.Method != http.MethodGet {
		return nil, nil, refuseNotFound()
	}
	return r, parents, nil
}

func (c *call) getResource(res *resource, e *entity) (*answer, error) {
	r, _, err := c.member(res)
	if err != nil {
		return nil, err
	}
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	return c.single(e, r), nil
}

func (c *call) createResource(res *resource, e *entity) (*answer, error) {
	parents, err := c.ancestors(res.parents)
	if err != nil {
		return nil, err
	}
	r, err := c.create(e, e.one, func(r *row) { res.put(c, parents, r) })
	if err != nil {
		return nil, err
	}
	made := c.single(e, r)
	made.status, made.wrote = c.server.options.Guesses.CreatedStatus, true
	return made, nil
}

func (c *call) updateResource(res *resource, e *entity) (*answer, error) {
	r, _, err := c.member(res)
	if err != nil {
		return nil, err
	}
	if err := c.update(e, e.one, r); err != nil {
		return nil, err
	}
	changed := c.single(e, r)
	changed.wrote = true
	return changed, nil
}

func (c *call) deleteResource(res *resource, e *entity) (*answer, error) {
	r, _, err := c.member(res)
	if err != nil {
		return nil, err
	}
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	if err := c.checkUnused(e, r); err != nil {
		return nil, err
	}
	c.server.table(res.table).remove(r.id)
	return succeedWithText(singularOf(e.table) + " deleted"), nil
}

// create makes a record of the object under a root.
func (c *call) create(e *entity, root string, place func(*row)) (*row, error) {
	if err := c.checkParameters(); err != nil {
		return nil, err
	}
	input, err := c.root(root)
	if err != nil {
		return nil, err
	}
	return c.createFrom(e, input, place)
}

func (c *call) createFrom(e *entity, input Record, place func(*row)) (*row, error) {
	after, counters := &row{fields: Record{}}, c.server.ids
	if place != nil {
		place(after)
	}
	if e.defaults != nil {
		e.defaults(c, after)
	}
	if err := c.fillFrom(e, after, input); err != nil {
		c.server.ids = counters // a refused record takes no number
		return nil, err
	}
	after.id = c.server.nextID()
	c.server.table(e.table).add(after)
	if e.saved != nil {
		e.saved(c, nil, after, input)
	}
	return after, nil
}

func (c *call) fillFrom(e *entity, after *row, input Record) error {
	if err := c.apply(e, after, input, true); err != nil {
		return err
	}
	if err := c.checkMandatory(e, after, e.mandatory); err != nil {
		return err
	}
	return c.checkRecord(e, nil, after, input)
}

// update changes a record by the object under a root; a refused one changes nothing.
func (c *call) update(e *entity, root string, r *row) error {
	if err := c.checkParameters(); err != nil {
		return err
	}
	input, err := c.root(root)
	if err != nil {
		return err
	}
	return c.updateFrom(e, input, r)
}

func (c *call) updateFrom(e *entity, input Record, r *row) error {
	before, after := r.copy(), r.copy()
	if err := c.apply(e, after, input, false); err != nil {
		return err
	}
	if err := c.checkMandatory(e, after, e.mandatory); err != nil {
		return err
	}
	if err := c.checkRecord(e, before, after, input); err != nil {
		return err
	}
	c.server.table(e.table).replace(after)
	if e.saved != nil {
		e.saved(c, before, r, input)
	}
	return nil
}

func (c *call) checkRecord(e *entity, before, after *row, input Record) error {
	if e.unique != "" {
		for _, other := range c.server.table(e.table).rows {
			if other.id != after.id && strings.EqualFold(other.fields.text(e.unique), after.fields.text(e.unique)) {
				return refuseField(codeNotUnique, e.unique, "Value must be unique")
			}
		}
	}
	if err := checkTimes(e, after); err != nil {
		return err
	}
	if e.check != nil {
		return e.check(c, before, after, input)
	}
	return nil
}

func (c *call) checkMandatory(e *entity, r *row, names []string) error {
	var missing []string
	for _, name := range names {
		if v := r.fields.get(name); v == nil || v == "" {
			missing = append(missing, name)
		}
	}
	if missing == nil {
		return nil
	}
	return refuseMissing(e.wireNames(missing)...)
}

// checkTimes refuses an end before its start (4016).
func checkTimes(e *entity, r *row) error {
	for _, pair := range [][2]string{{"scheduled_start_time", "scheduled_end_time"}, {"actual_start_time", "actual_end_time"}, {"start_time", "end_time"}} {
		start, isStart := r.fields[pair[0]].(time.Time)
		end, isEnd := r.fields[pair[1]].(time.Time)
		if isStart && isEnd && end.Before(start) {
			return refuseField(codeTimes, e.wireNames(pair[1:])[0], "End is before start")
		}
	}
	return nil
}

// checkUnused refuses to delete what another record refers to (4005).
func (c *call) checkUnused(e *entity, r *row) error {
	to := reference{e.table, r.id}
	for _, t := range c.server.tables {
		for _, other := range t.rows {
			for _, v := range other.fields {
				refs, _ := v.([]reference)
				if v == to || slices.Contains(refs, to) {
					return refuse(message{code: codeInUse, text: "In use elsewhere"})
				}
			}
		}
	}
	return nil
}

func successStatus() Record { return Record{"status_code": codeSuccess, "status": "success"} }

// single answers with one record.
func (c *call) single(e *entity, r *row) *answer {
	return &answer{body: Record{e.one: c.render(e, r), "response_status": successStatus()}}
}

// succeedWithText answers an action or a deletion.
func succeedWithText(text string) *answer {
	status := successStatus()
	status["messages"] = []any{message{code: codeSuccess, text: text}.body()}
	return &answer{status: http.StatusOK, wrote: true, body: Record{"response_status": status}}
}

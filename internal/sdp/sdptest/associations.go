package sdptest

import (
	"maps"
	"slices"
)

// association ties a request to a record of another module.
type association struct {
	path  string // under the request
	table string
	flag  string // of the request
}

func listAssociations() []association {
	return []association{
		{"problem", "problems", "has_problem"},
		{"request_initiated_change", "changes", "has_request_initiated_change"},
		{"request_caused_by_change", "changes", "has_request_caused_by_change"},
		{"project", "projects", "has_project"},
	}
}

func associationEntities() []*entity {
	var all []*entity
	for _, a := range listAssociations() {
		all = append(all, &entity{table: "request_" + a.path, one: "request_" + a.path, many: "request_" + a.path, fields: referenceTo(a.table, singularOf(a.table))})
	}
	return all
}

// addAssociationRoutes: {"request_problem_association":{"problem":{"id":…}}}; a DELETE needs it, too.
func addAssociationRoutes(d *dialect) {
	for _, a := range listAssociations() {
		path := "/requests/{}/" + a.path
		d.routes.add("GET "+path, func(c *call) (*answer, error) { return c.showAssociation(a) })
		d.routes.add("POST "+path, func(c *call) (*answer, error) { return c.associate(a) })
		d.routes.add("DELETE "+path, func(c *call) (*answer, error) { return c.dissociate(a) })
	}
}

// associated reads which record is meant; the root repeats the path, which is documented of problems.
func (c *call) associated(a association) (request *row, target reference, err error) {
	if request, err = c.requestOfPath(); err != nil {
		return nil, target, err
	}
	root := a.path + "_association"
	switch {
	case a.path == "problem" || a.path == "project":
		root = "request_" + root
	case c.server.options.Guesses.BareAssociations:
		root = a.path
	}
	input, err := c.root(root)
	if err != nil {
		return nil, target, err
	}
	one := singularOf(a.table)
	for _, name := range slices.Sorted(maps.Keys(input)) {
		if name != one {
			return nil, target, refuseExtraKey(name)
		}
	}
	found, err := c.resolve(&field{wire: one, table: a.table}, input[one], nil)
	if err != nil {
		return nil, target, err
	}
	return request, found.(reference), nil
}

func (c *call) associate(a association) (*answer, error) {
	request, target, err := c.associated(a)
	if err != nil {
		return nil, err
	}
	made := &row{id: c.server.nextID(), parent: key("requests", request.id), fields: Record{singularOf(a.table): target}}
	if len(c.associationsTo(a, request, target)) == 0 {
		c.server.table("request_" + a.path).add(made)
	}
	request.fields[a.flag] = true
	return succeedWithText("Association made"), nil
}

func (c *call) dissociate(a association) (*answer, error) {
	request, target, err := c.associated(a)
	if err != nil {
		return nil, err
	}
	for _, r := range c.associationsTo(a, request, target) {
		c.server.table("request_" + a.path).remove(r.id)
	}
	request.fields[a.flag] = len(c.server.children("request_"+a.path, key("requests", request.id))) > 0
	return succeedWithText("Association removed"), nil
}

func (c *call) associationsTo(a association, request *row, target reference) []*row {
	return slices.DeleteFunc(c.server.children("request_"+a.path, key("requests", request.id)), func(r *row) bool {
		return r.fields[singularOf(a.table)] != target
	})
}

func (c *call) showAssociation(a association) (*answer, error) {
	request, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	out := Record{"response_status": successStatus(), singularOf(a.table): nil}
	if all := c.server.children("request_"+a.path, key("requests", request.id)); len(all) > 0 {
		out[singularOf(a.table)] = c.renderReference(all[0].fields[singularOf(a.table)].(reference))
	}
	return &answer{body: out}, nil
}

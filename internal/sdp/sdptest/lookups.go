package sdptest

import "slices"

// lookup is a reference list: its path is its table.
type lookup struct {
	name   string
	extra  fields
	brief  []string
	parent string // a reference of each row, under which GET /<parents>/{id}/<name> lists
}

func listLookups() []lookup {
	color := func() fields { return textFields("color") }
	inactive := func() fields { return booleanFields("inactive") }
	statuses := func() fields {
		return joinFields(textFields("internal_name", "color"), booleanFields("in_progress", "stop_timer"))
	}
	projectStatuses := func() fields {
		return joinFields(textFields("internal_name", "color", "index"), booleanFields("in_progress"))
	}
	statusBrief := []string{"id", "name", "internal_name", "color", "in_progress", "stop_timer"}
	site := func() fields { return referenceTo("sites", "site") }
	return []lookup{
		{name: "priorities", extra: color(), brief: []string{"id", "name", "color"}},
		{name: "statuses", extra: statuses(), brief: statusBrief},
		{name: "categories"},
		{name: "subcategories", extra: referenceTo("categories", "category"), parent: "categories"},
		{name: "items", extra: referenceTo("subcategories", "subcategory"), parent: "subcategories"},
		{name: "urgencies"}, {name: "impacts"}, {name: "levels"}, {name: "modes"}, {name: "request_types"},
		{name: "request_templates", extra: joinFields(inactive(), booleanFields("is_service_template"), referenceTo("service_categories", "service_category"))},
		{name: "groups", extra: site(), brief: []string{"id", "name", "site", "deleted"}},
		{name: "sites"}, {name: "regions"}, {name: "departments", extra: site()},
		{name: "service_categories"}, {name: "closure_codes"},
		{name: "project_statuses", extra: projectStatuses(), brief: []string{"id", "name", "color", "in_progress"}},
		{name: "project_types", extra: textFields("color", "index")}, {name: "project_roles"}, {name: "project_templates"},
		{name: "task_statuses", extra: projectStatuses(), brief: []string{"id", "name", "color", "in_progress"}},
		{name: "task_types"}, {name: "task_templates"}, {name: "worklog_types"},
		{name: "change_types", extra: color()}, {name: "change_stages", extra: textFields("index")},
		{name: "change_statuses", extra: referenceTo("change_stages", "stage"), parent: "change_stages"},
		{name: "release_types"}, {name: "release_stages"}, {name: "release_statuses"},
		{name: "risks"}, {name: "reasons_for_change"}, {name: "workflows"},
		{name: "products", extra: referenceTo("product_types", "product_type")}, {name: "product_types"},
		{name: "asset_states"}, {name: "vendors"}, {name: "locations"},
	}
}

func lookupEntities() []*entity {
	var all []*entity
	for _, l := range listLookups() {
		e := &entity{
			table: l.name, brief: l.brief, mandatory: []string{"name"},
			fields: joinFields(textFields("name"), l.extra, textFields("description"), booleanFields("deleted")),
		}
		// Names of subcategories and items are those of their parent.
		if l.parent == "" {
			e.unique = "name"
		}
		all = append(all, e)
	}
	return append(all, &entity{table: "list_views", fields: textFields("name", "module")})
}

func addLookupRoutes(d *dialect) {
	for _, l := range listLookups() {
		if l.name == "request_templates" {
			d.routes.add("GET /request_templates/{}", requestTemplate)
		}
		d.resource(resource{path: "/" + l.name, table: l.name, verbs: allVerbs})
		if l.name == "groups" && !d.cloud() {
			d.resource(resource{path: "/support_groups", table: l.name, verbs: allVerbs, one: "support_group", many: "support_groups"})
		}
		if l.parent == "" {
			continue
		}
		reference := singularOf(l.parent)
		if l.name == "change_statuses" {
			reference = "stage"
		}
		d.resource(resource{
			path: "/" + l.parent + "/{}/" + l.name, table: l.name, parents: []string{l.parent}, verbs: "list",
			within: func(_ *call, parents []*row, r *row) bool { return r.fields.refersTo(reference) == parents[0].id },
		})
	}
}

// requestTemplate answers a template with its layout, which says what is mandatory; the keys of the
// layout are a guess.
func requestTemplate(c *call) (*answer, error) {
	r := c.server.table("request_templates").byID[c.ids[0]]
	if r == nil {
		return nil, refuseNotFound()
	}
	mandatory := c.server.mandatoryOf(r)
	var laidOut []any
	for _, f := range writableRequestFields() {
		if f.access == readWrite {
			laidOut = append(laidOut, Record{"name": f.name, "mandatory": f.name == "subject" || slices.Contains(mandatory, f.name)})
		}
	}
	out := c.single(c.dialect.entities["request_templates"], r)
	shown, _ := out.body.(Record)["request_template"].(Record)
	shown["layouts"] = []any{Record{"name": "Default", "sections": []any{Record{"name": "Request details", "fields": laidOut}}}}
	return out, nil
}

// requestMetainfo answers the types of fields; user-defined ones are found there.
func requestMetainfo(c *call) (*answer, error) {
	described := Record{}
	for _, f := range c.dialect.entities["requests"].fields {
		entry := Record{"type": f.kind.String(), "read_only": f.access == readOnly}
		if f.table != "" {
			entry["lookup_entity"] = f.table
		}
		if f.limit > 0 {
			entry["constraints"] = Record{"max_length": f.limit}
		}
		described[f.wire] = entry
	}
	udf := Record{}
	for name, label := range map[string]string{"udf_sline_101": "Room", "udf_pick_102": "Building", "udf_date_103": "Needed by"} {
		udf[name] = Record{"type": "string", "display_name": label}
	}
	described["udf_fields"] = Record{"type": "object", "fields": udf}
	return &answer{body: Record{"metainfo": Record{"entity": "request", "fields": described}, "response_status": successStatus()}}, nil
}

// String returns what metainfo calls a kind.
func (k kind) String() string {
	switch k {
	case kindHTML:
		return "html"
	case kindNumber, kindSize:
		return "long"
	case kindBoolean:
		return "boolean"
	case kindTime:
		return "datetime"
	case kindDate:
		return "date"
	case kindReference:
		return "lookup"
	case kindReferences:
		return "multi_lookup"
	case kindObject, kindFree, kindDisplayID:
		return "object"
	case kindDuration:
		return "duration"
	case kindText:
	}
	return "string"
}

package sdp

import (
	"context"
	"errors"
	"slices"
)

// LookupType is a reference list of SDP; its value is the path of the list.
type LookupType string

// The reference lists.
const (
	Priorities        LookupType = "priorities"
	Statuses          LookupType = "statuses"
	Categories        LookupType = "categories"
	Subcategories     LookupType = "subcategories"
	Items             LookupType = "items"
	Urgencies         LookupType = "urgencies"
	Impacts           LookupType = "impacts"
	Levels            LookupType = "levels"
	Modes             LookupType = "modes"
	RequestTypes      LookupType = "request_types"
	RequestTemplates  LookupType = "request_templates"
	Groups            LookupType = "groups"
	Sites             LookupType = "sites"
	Departments       LookupType = "departments"
	Regions           LookupType = "regions"
	ServiceCategories LookupType = "service_categories"
	ClosureCodes      LookupType = "closure_codes"
	ProjectStatuses   LookupType = "project_statuses"
	ProjectTypes      LookupType = "project_types"
	ProjectRoles      LookupType = "project_roles"
	TaskStatuses      LookupType = "task_statuses"
	TaskTypes         LookupType = "task_types"
	WorklogTypes      LookupType = "worklog_types"
	ChangeTypes       LookupType = "change_types"
	ChangeStages      LookupType = "change_stages"
	ChangeStatuses    LookupType = "change_statuses"
	Risks             LookupType = "risks"
	ReasonsForChange  LookupType = "reasons_for_change"
	Products          LookupType = "products"
	ProductTypes      LookupType = "product_types"
	AssetStates       LookupType = "asset_states"
	Vendors           LookupType = "vendors"
	Locations         LookupType = "locations"
)

// LookupTypes returns all types, the lists of requests first.
func LookupTypes() []LookupType {
	return []LookupType{
		Priorities, Statuses, Categories, Subcategories, Items, Urgencies, Impacts, Levels, Modes, RequestTypes, RequestTemplates, Groups, Sites,
		Departments, Regions, ServiceCategories, ClosureCodes, ProjectStatuses, ProjectTypes, ProjectRoles, TaskStatuses, TaskTypes, WorklogTypes,
		ChangeTypes, ChangeStages, ChangeStatuses, Risks, ReasonsForChange, Products, ProductTypes, AssetStates, Vendors, Locations,
	}
}

// lookupAlternatives are other paths of a list at sites that do not have the first, and the names of its rows there.
var lookupAlternatives = map[LookupType][]string{Groups: {"support_groups"}, TaskStatuses: {"statuses"}}

// LookupEntry is an entry of a reference list.
type LookupEntry struct {
	ID, Name string
	// InternalName is a status's name that is the same everywhere.
	InternalName string
	Description  string
	Color        string
	// Parent is the category of a subcategory, the subcategory of an item, the site of a department or a group.
	Parent Ref
	// InProgress is of statuses, nil where SDP does not say.
	InProgress *bool
	StopTimer  bool
	// IsDeleted entries are listed, and cannot be used.
	IsDeleted bool
	Index     string
	Raw       Raw
}

func decodeLookupEntry(r Raw) LookupEntry {
	return LookupEntry{
		ID: r.Text("id"), Name: r.Text("name"), InternalName: r.Text("internal_name"), Description: r.Text("description"), Color: r.Text("color"),
		Parent: r.Ref("category", "subcategory", "site", "parent"), InProgress: r.Bool("in_progress"), StopTimer: r.IsTrue("stop_timer"),
		IsDeleted: r.IsTrue("deleted") || r.IsTrue("inactive"), Index: r.Text("index"), Raw: r,
	}
}

// lookupReader returns the list at a path, whose rows are called as the type.
func (c *Client) lookupReader(of LookupType, at path) Reader[LookupEntry] {
	record := &recordType[LookupEntry]{name: string(of), lists: []string{string(of)}, decode: decodeLookupEntry}
	return newReader(c, record, at)
}

// ListLookup returns a page of a reference list. The cloud wants the scope setup.READ for it, and answers KindForbidden without.
// A site may lack a list (KindNotFound).
func (c *Client) ListLookup(ctx context.Context, of LookupType, o ListOptions) (Page[LookupEntry], error) {
	if !slices.Contains(LookupTypes(), of) {
		return Page[LookupEntry]{}, invalidInput("list lookup", "there is no such lookup")
	}
	reader := c.lookupReader(of, pathOf(string(of)))
	for _, other := range lookupAlternatives[of] {
		reader.others = append(reader.others, pathOf(other))
		reader.record.lists = append(reader.record.lists, other)
	}
	return reader.List(ctx, o)
}

// ListChildren returns a page of the subcategories of a category, or of the items of a subcategory.
func (c *Client) ListChildren(ctx context.Context, of LookupType, parent string, o ListOptions) (Page[LookupEntry], error) {
	above, known := map[LookupType]string{Subcategories: "categories", Items: "subcategories"}[of]
	if !known {
		return Page[LookupEntry]{}, invalidInput("list lookup", "subcategories and items have parents, other lists have none")
	}
	return c.lookupReader(of, pathOf(above).withID(parent).to(string(of))).List(ctx, o)
}

// ReadTemplate returns the layout of a request template, with its mandatory fields.
func (c *Client) ReadTemplate(ctx context.Context, id string) (Raw, error) {
	reader := newReader(c, rawTemplateRecord, pathOf("request_templates"))
	return reader.Get(ctx, id)
}

var rawTemplateRecord = &recordType[Raw]{
	name: "request template", root: "request_template", roots: []string{"request_template", "template"}, lists: []string{"request_templates"},
	decode: func(r Raw) Raw { return r },
}

func asError(err error) (*Error, bool) { return errors.AsType[*Error](err) }

package servicedesk

import (
	"context"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// The kinds of records that search_records and get_record are for.
const (
	problemModule = "problem"
	changeModule  = "change"
	assetModule   = "asset"
)

// recordModules are what the argument module may be, by toolset.
var recordModules = map[string][]string{recordsToolset: {problemModule, changeModule}, assetsToolset: {assetModule}}

// recordModule is a kind of records: how they are asked for, and what is shown of them.
type recordModule struct {
	name, toolset string
	// scope is the OAuth scope that reading them needs.
	scope string
	// statusField and ownerField are what SDP calls their status and their owner, of which statuses is the list.
	statusField, ownerField string
	statuses                sdp.LookupType
	// words are the fields that a query is looked for in, and fields those of rows.
	words, fields []string
	// newestFirst is the field they are sorted by, empty where SDP sorts by none.
	newestFirst string
	// hasGroups says that they belong to a group, as all belong to a site.
	hasGroups bool
	list      func(context.Context, *sdp.Client, sdp.ListOptions) (sdp.Page[record], error)
	get       func(context.Context, *sdp.Client, string) (record, error)
	// parts are what else may be read of one; nil where there is nothing.
	parts func(c *sdp.Client, id string) recordParts
}

// recordParts are what can be read of a problem or a change beside itself.
type recordParts struct {
	notes     sdp.Reader[sdp.Note]
	tasks     sdp.Reader[sdp.Task]
	worklogs  sdp.Reader[sdp.Worklog]
	approvals sdp.Reader[sdp.ApprovalLevel]
}

// record is a problem, a change or an asset as tools show it.
type record struct {
	id, title     string
	status, owner sdp.Ref
	group, site   sdp.Ref
	due           sdp.Time
	isTrashed     bool
	raw           sdp.Raw
	// details are what else is said of it, texts its texts in HTML.
	details []recordDetail
	texts   []recordText
}

// recordDetail is a field that is shown: a text, or a time.
type recordDetail struct {
	name, value string
	at          sdp.Time
}

type recordText struct{ name, html string }

var modules = map[string]*recordModule{
	problemModule: {
		name: problemModule, toolset: recordsToolset, scope: "SDPOnDemand.problems.READ", statusField: "status", ownerField: "technician",
		statuses: sdp.Statuses, words: []string{"title", "description"}, newestFirst: "created_time", hasGroups: true,
		fields: []string{"id", "title", "status", "technician", "group", "site", "due_by_time"},
		list:   listRecords(func(c *sdp.Client) sdp.Reader[sdp.Problem] { return c.Problems().Reader }, newProblemRecord),
		get:    getRecord(func(c *sdp.Client) sdp.Reader[sdp.Problem] { return c.Problems().Reader }, newProblemRecord),
		parts: func(c *sdp.Client, id string) recordParts {
			of := c.Problems()
			return recordParts{of.Notes(id).Reader, of.Tasks(id).Reader, of.Worklogs(id).Reader, of.ApprovalLevels(id).Reader}
		},
	},
	changeModule: {
		name: changeModule, toolset: recordsToolset, scope: "SDPOnDemand.changes.READ", statusField: "status", ownerField: "change_owner",
		statuses: sdp.ChangeStatuses, words: []string{"title", "description"}, newestFirst: "created_time", hasGroups: true,
		fields: []string{"id", "title", "status", "change_owner", "group", "site", "scheduled_end_time", "is_trashed"},
		list:   listRecords(func(c *sdp.Client) sdp.Reader[sdp.Change] { return c.Changes().Reader }, newChangeRecord),
		get:    getRecord(func(c *sdp.Client) sdp.Reader[sdp.Change] { return c.Changes().Reader }, newChangeRecord),
		parts: func(c *sdp.Client, id string) recordParts {
			of := c.Changes()
			return recordParts{of.Notes(id).Reader, of.Tasks(id).Reader, of.Worklogs(id).Reader, of.ApprovalLevels(id).Reader}
		},
	},
	assetModule: {
		name: assetModule, toolset: assetsToolset, scope: "SDPOnDemand.assets.READ", statusField: "asset_state", ownerField: "user",
		statuses: sdp.AssetStates, words: []string{"name", "asset_tag", "serial_number"},
		fields: []string{"id", "name", "asset_tag", "serial_number", "asset_state", "user", "site", "warranty_expiry"},
		list:   listRecords(func(c *sdp.Client) sdp.Reader[sdp.Asset] { return c.Assets().Reader }, newAssetRecord),
		get:    getRecord(func(c *sdp.Client) sdp.Reader[sdp.Asset] { return c.Assets().Reader }, newAssetRecord),
	},
}

// listRecords makes recordModule.list, getRecord recordModule.get, of what reads a kind of records and what is shown of one.
func listRecords[T any](of func(*sdp.Client) sdp.Reader[T], show func(*T) record) func(context.Context, *sdp.Client, sdp.ListOptions) (sdp.Page[record], error) {
	return func(ctx context.Context, c *sdp.Client, o sdp.ListOptions) (sdp.Page[record], error) {
		found, err := of(c).List(ctx, o)
		page := sdp.Page[record]{Next: found.Next, Total: found.Total}
		for i := range found.Items {
			page.Items = append(page.Items, show(&found.Items[i]))
		}
		return page, err
	}
}

func getRecord[T any](of func(*sdp.Client) sdp.Reader[T], show func(*T) record) func(context.Context, *sdp.Client, string) (record, error) {
	return func(ctx context.Context, c *sdp.Client, id string) (record, error) {
		found, err := of(c).Get(ctx, id)
		if err != nil {
			return record{}, err
		}
		return show(&found), nil
	}
}

func newProblemRecord(p *sdp.Problem) record {
	knownError := ""
	if p.IsKnownError {
		knownError = "yes"
	}
	return record{
		id: p.ID, title: p.Title, status: p.Status.Ref, owner: p.Technician, group: p.Group, site: p.Site, due: p.DueByTime, raw: p.Raw,
		details: []recordDetail{
			{name: "priority", value: p.Priority.Name}, {name: "urgency", value: p.Urgency.Name}, {name: "impact", value: p.Impact.Name},
			{name: "category", value: joinPath(p.Category.Name, p.Subcategory.Name, p.Item.Name)}, {name: "known_error", value: knownError},
			{name: "reported_by", value: describePerson(p.ReportedBy)}, {name: "reported", at: p.ReportedTime}, {name: "closed", at: p.ClosedTime},
		},
		texts: []recordText{
			{"description", p.DescriptionHTML}, {"symptoms", p.SymptomsHTML}, {"root cause", p.RootCauseHTML}, {"impact details", p.ImpactHTML},
			{"workaround", p.WorkaroundHTML}, {"resolution", p.ResolutionHTML},
		},
	}
}

func newChangeRecord(c *sdp.Change) record {
	return record{
		id: c.ID, title: c.Title, status: c.Status.Ref, owner: c.Owner, group: c.Group, site: c.Site, due: c.ScheduledEnd, raw: c.Raw,
		isTrashed: c.Raw.IsTrue("is_trashed"),
		details: []recordDetail{
			{name: "stage", value: c.Stage.Name}, {name: "type", value: c.Type.Name}, {name: "risk", value: c.Risk.Name}, {name: "reason", value: c.Reason.Name},
			{name: "priority", value: c.Priority.Name}, {name: "impact", value: c.Impact.Name},
			{name: "category", value: joinPath(c.Category.Name, c.Subcategory.Name, c.Item.Name)},
			{name: "requester", value: describePerson(c.Requester)}, {name: "manager", value: describePerson(c.Manager)},
			{name: "start", at: c.ScheduledStart}, {name: "created", at: c.CreatedTime}, {name: "completed", at: c.CompletedTime},
		},
		texts: []recordText{{"description", c.DescriptionHTML}, {"roll-out plan", c.RollOutHTML}, {"back-out plan", c.BackOutHTML}},
	}
}

func newAssetRecord(a *sdp.Asset) record {
	return record{
		id: a.ID, title: a.Name, status: a.State, owner: a.User, site: a.Site, due: a.WarrantyExpiry, raw: a.Raw,
		details: []recordDetail{
			{name: "tag", value: a.Tag}, {name: "serial_number", value: a.SerialNumber}, {name: "product", value: a.Product.Name},
			{name: "type", value: a.ProductType.Name}, {name: "department", value: a.Department.Name}, {name: "location", value: a.Location},
			{name: "vendor", value: a.Vendor.Name}, {name: "acquired", at: a.AcquisitionDate},
		},
	}
}

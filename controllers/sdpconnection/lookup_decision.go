package sdpconnection

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/lectern-dev/lectern/api/v1alpha1"
	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
)

// The lists of requests, the small ones first, and what the other toolsets need beside them.
var (
	requestLookups = []sdp.LookupType{
		sdp.Priorities, sdp.Statuses, sdp.Urgencies, sdp.Impacts, sdp.Levels, sdp.Modes, sdp.RequestTypes, sdp.TaskStatuses, sdp.TaskTypes,
		sdp.WorklogTypes, sdp.ClosureCodes, sdp.Sites, sdp.Groups, sdp.Departments, sdp.RequestTemplates, sdp.ServiceCategories, sdp.Categories,
		sdp.Subcategories, sdp.Items,
	}
	toolsetLookups = map[v1alpha1.Toolset][]sdp.LookupType{
		v1alpha1.ToolsetRequests:           requestLookups,
		v1alpha1.ToolsetLookups:            requestLookups,
		v1alpha1.ToolsetProjects:           {sdp.ProjectStatuses, sdp.ProjectTypes, sdp.ProjectRoles, sdp.TaskStatuses, sdp.TaskTypes},
		v1alpha1.ToolsetProblemsAndChanges: {sdp.ChangeTypes, sdp.ChangeStages, sdp.ChangeStatuses, sdp.Risks, sdp.ReasonsForChange},
		v1alpha1.ToolsetAssets:             {sdp.ProductTypes, sdp.AssetStates, sdp.Products, sdp.Vendors, sdp.Locations},
	}
)

// lookupsOf returns the lists that the tools of a connection need, in the order in which they are read first.
func lookupsOf(toolsets []v1alpha1.Toolset) []sdp.LookupType {
	var lists []sdp.LookupType
	for _, toolset := range toolsets {
		for _, list := range toolsetLookups[toolset] {
			if !slices.Contains(lists, list) {
				lists = append(lists, list)
			}
		}
	}
	return lists
}

// dueLookups returns the lists that were never read, in their order, and then those that are as old as they may become, the oldest
// first. skipped are not among them.
func dueLookups(
	wanted []sdp.LookupType, states []store.LookupState, interval time.Duration, now time.Time, skipped func(sdp.LookupType) bool,
) []sdp.LookupType {
	readAt := map[sdp.LookupType]time.Time{}
	for _, s := range states {
		readAt[sdp.LookupType(s.Type)] = s.RefreshedAt
	}
	var due []sdp.LookupType
	for _, list := range wanted {
		at, isRead := readAt[list]
		if (!isRead || !now.Before(at.Add(interval))) && !skipped(list) {
			due = append(due, list)
		}
	}
	slices.SortStableFunc(due, func(a, b sdp.LookupType) int { return readAt[a].Compare(readAt[b]) })
	return due
}

// lookupFlags are what else is kept of an entry.
type lookupFlags struct {
	InternalName string `json:"internal_name,omitempty"`
	InProgress   *bool  `json:"in_progress,omitempty"`
	StopTimer    bool   `json:"stop_timer,omitempty"`
	Deleted      bool   `json:"deleted,omitempty"`
}

// entriesOf returns the entries of a list as they are stored. One without an id or a name names nothing.
func entriesOf(read []sdp.LookupEntry) ([]store.LookupEntry, error) {
	var entries []store.LookupEntry
	for _, e := range read {
		if e.ID == "" || e.Name == "" {
			continue
		}
		entry := store.LookupEntry{ParentID: e.Parent.ID, ID: e.ID, Name: e.Name}
		if flags := (lookupFlags{e.InternalName, e.InProgress, e.StopTimer, e.IsDeleted}); flags != (lookupFlags{}) {
			text, err := json.Marshal(flags)
			if err != nil {
				return nil, err
			}
			entry.Flags = text
		}
		entries = append(entries, entry)
	}
	return entries, nil
}

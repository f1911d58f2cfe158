package servicedesk

import (
	"context"
	"fmt"
	"reflect"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

type listLookupInput struct {
	target
	Type   string  `json:"type" enum:"priorities,statuses,categories,subcategories,items,urgencies,impacts,levels,modes,request_types,request_templates,groups,sites,departments,service_categories,closure_codes,project_statuses,project_types,project_roles,task_statuses,task_types,worklog_types"`
	Parent *string `json:"parent,omitempty" description:"Name or id of the category, subcategory or site that it is below" bounds:"..250"`
	Query  *string `json:"query,omitempty" description:"Part of the name" bounds:"..250"`
	paging
}

// offeredLookups are the lists that callers read, by tool or resource: those of toolsets that are not offered are not among them.
var offeredLookups = func() []string {
	argument, _ := reflect.TypeFor[listLookupInput]().FieldByName("Type")
	return strings.Split(argument.Tag.Get("enum"), ",")
}()

// lookupRow is an entry of a list.
type lookupRow struct {
	Name   string `json:"name"`
	ID     string `json:"id"`
	Parent string `json:"parent_id,omitempty"`
	Flags  string `json:"flags,omitempty"`
}

type lookupResult struct {
	Entries    []lookupRow `json:"entries"`
	Total      int         `json:"total"`
	NextCursor string      `json:"next_cursor,omitempty"`
	ReadAt     string      `json:"read_at"`
	Trust      string      `json:"trust"`
}

// parentLists are the lists that the entries of others belong to.
var parentLists = map[sdp.LookupType]sdp.LookupType{
	sdp.Subcategories: sdp.Categories, sdp.Items: sdp.Subcategories, sdp.Groups: sdp.Sites, sdp.Departments: sdp.Sites,
}

// listLookup answers list_lookup without a call of SDP, unless the list was never read.
func (s *Service) listLookup(ctx context.Context, in listLookupInput) (*tool.Result[lookupResult], error) {
	d, err := s.openDesk(ctx, in.target, lookupsToolset)
	if err != nil {
		return nil, err
	}
	of := sdp.LookupType(in.Type)
	asked := in
	asked.paging = paging{}
	fingerprint := tool.Fingerprint("list_lookup", d.uid, asked)
	start, err := in.start(fingerprint)
	if err != nil {
		return nil, err
	}
	parents, err := d.resolveParents(ctx, of, in.Parent)
	if err != nil {
		return nil, err
	}
	list, err := d.lookups.read(ctx, of)
	if err != nil {
		return nil, err
	}
	query := strings.ToLower(valueOr(in.Query, ""))
	var chosen []entry
	for _, e := range list.entries {
		if strings.Contains(strings.ToLower(e.name), query) && (in.Parent == nil || parents[e.parentID]) {
			chosen = append(chosen, e)
		}
	}
	return d.lookupResult(&list, chosen, start, in.rows(), fingerprint), nil
}

// resolveParents returns the ids of what a caller means by a parent: nil without one.
func (d *desk) resolveParents(ctx context.Context, of sdp.LookupType, parent *string) (map[string]bool, error) {
	if parent == nil {
		return nil, nil
	}
	above, has := parentLists[of]
	if !has {
		return nil, tool.NewInvalid("argument %q: entries of %s belong to nothing; leave it out", "parent", of)
	}
	found, err := d.resolve(ctx, "parent", above, *parent)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, e := range found {
		ids[e.id] = true
	}
	return ids, nil
}

func (d *desk) lookupResult(list *lookupList, chosen []entry, start, limit int, fingerprint string) *tool.Result[lookupResult] {
	result := lookupResult{Entries: []lookupRow{}, Total: len(chosen), ReadAt: formatTime(sdp.At(list.readAt), d.zone), Trust: untrusted}
	shown := newTable("name", "id", "parent_id", "flags")
	next := min(start-1, len(chosen))
	for next < len(chosen) && len(result.Entries) < limit {
		e := chosen[next]
		row := lookupRow{Name: oneLine(e.name), ID: e.id, Parent: e.parentID, Flags: e.flags.inWords()}
		if !shown.append([]string{row.Name, row.ID, row.Parent, row.Flags}) {
			break
		}
		result.Entries = append(result.Entries, row)
		next++
	}
	said := fmt.Sprintf("%d of %d entries, as read at %s.", len(result.Entries), len(chosen), result.ReadAt)
	if next < len(chosen) {
		result.NextCursor = tool.EncodeCursor(fingerprint, fmt.Sprint(next+1))
		said += " More: cursor=" + result.NextCursor
	}
	return tool.NewResult(said+"\n"+shown.text(), result)
}

// inWords returns what the flags of an entry say, in words.
func (f entryFlags) inWords() string {
	var said []string
	if f.InternalName != "" {
		said = append(said, "internal_name "+oneLine(f.InternalName))
	}
	if f.InProgress != nil && *f.InProgress {
		said = append(said, "in progress")
	} else if f.InProgress != nil {
		said = append(said, "ends work")
	}
	if f.StopTimer {
		said = append(said, "stops the timer")
	}
	if f.Deleted {
		said = append(said, "deleted")
	}
	return strings.Join(said, ", ")
}

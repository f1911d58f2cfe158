package servicedesk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

type listProjectsInput struct {
	target
	Query  *string `json:"query,omitempty" description:"Part of a title: the most alike first, without cursor" bounds:"2..250"`
	Status *string `json:"status,omitempty" description:"Name of a status"`
	Owner  *string `json:"owner,omitempty" description:"E-mail address, name, or me"`
	paging
}

// projectFilter is a condition on projects: as SDP is asked, and as rows are checked again.
type projectFilter struct {
	criteria sdp.Criteria
	holds    func(*sdp.Project) bool
}

// projectPage is a part of a list of projects.
type projectPage = rowPage[sdp.Project]

// listProjects answers list_projects with one call of SDP, and one for a status that no list has.
func (s *Service) listProjects(ctx context.Context, in listProjectsInput) (*tool.Result[projectList], error) {
	d, err := s.openDesk(ctx, in.target, projectsToolset)
	if err != nil {
		return nil, err
	}
	selected, err := d.selectProjects(ctx, &in)
	if err != nil {
		return nil, err
	}
	if in.Query != nil {
		if in.Cursor != nil {
			return nil, tool.NewInvalid("argument %q: a list by query has no pages; give more of the title", "cursor")
		}
		return d.searchProjects(ctx, *in.Query, selected, in.rows())
	}
	asked := in
	asked.paging = paging{}
	fingerprint := tool.Fingerprint("list_projects", d.uid, asked)
	o := sdp.ListOptions{Rows: in.rows(), CountAll: true, Sort: "created_time", Descending: true}
	if o.Start, err = s.openPlace(fingerprint, in.Cursor); err != nil {
		return nil, err
	}
	page, err := d.listProjectPage(ctx, selected, o)
	if err != nil {
		return nil, err
	}
	return d.projectPageResult(&page, fingerprint)
}

// selectProjects makes the conditions of the arguments.
func (d *desk) selectProjects(ctx context.Context, in *listProjectsInput) (projectFilter, error) {
	var byStatus, byOwner sdp.Criteria
	hasStatus, isOwner := func(sdp.Ref) bool { return true }, func(sdp.Ref) bool { return true }
	if in.Status != nil {
		chosen, err := d.resolveEntry(ctx, "status", sdp.ProjectStatuses, *in.Status, "")
		if err != nil {
			return projectFilter{}, err
		}
		status := chosen.ref()
		byStatus = sdp.Where("status.name", sdp.Is, status.Name)
		if status.ID != "" {
			byStatus = sdp.Where("status.id", sdp.Is, status.ID)
		}
		hasStatus = func(of sdp.Ref) bool { return refersTo(of, status) }
	}
	if in.Owner != nil {
		var err error
		if byOwner, isOwner, err = d.personCondition("owner", *in.Owner); err != nil {
			return projectFilter{}, err
		}
	}
	return projectFilter{
		criteria: sdp.All(byStatus, byOwner),
		holds:    func(p *sdp.Project) bool { return hasStatus(p.Status.Ref) && isOwner(p.Owner) },
	}, nil
}

// listProjectPage returns projects that are inside the ceilings, which the caller's conditions cannot widen. A site that takes no
// condition on numbers, or no such order, is asked without: rows are checked.
func (d *desk) listProjectPage(ctx context.Context, selected projectFilter, o sdp.ListOptions) (projectPage, error) {
	if d.projectCeiling.isClosed() {
		return projectPage{}, nil
	}
	o.Fields = projectFields
	o.Where = sdp.All(d.projectCeiling.criteria(), selected.criteria)
	found, err := d.client.Projects().List(ctx, o)
	if isUnknownValue(err) {
		o.Where, o.Sort, o.Descending = selected.criteria, "", false
		found, err = d.client.Projects().List(ctx, o)
	}
	if err != nil {
		return projectPage{}, needScope(projectsScope, err)
	}
	page := newRowPage(found, o.Start, d.projectCeiling.isBounded, func(p *sdp.Project) bool { return d.projectCeiling.admits(p) && selected.holds(p) })
	for i := range page.rows {
		d.projectNumbers.add(page.rows[i].Number, page.rows[i].ID)
	}
	d.tellProjects(ctx, page.rows...)
	return page, nil
}

// projectPageResult makes the result of a page in SDP's order.
func (d *desk) projectPageResult(page *projectPage, fingerprint string) (*tool.Result[projectList], error) {
	result := projectList{Projects: []projectRow{}, Total: knownTotal(page.total), TimeZone: d.zone.String(), Trust: untrusted}
	shown := newTable("number", "id", "subject", "status", "percent", "owner", "end")
	for i := range page.rows {
		row := d.newProjectRow(&page.rows[i])
		if !shown.append(row.cells()) {
			break
		}
		result.Projects = append(result.Projects, row)
	}
	var err error
	if result.NextCursor, err = d.service.sealPlace(fingerprint, page.placeAfter(len(result.Projects))); err != nil {
		return nil, err
	}
	said := d.describeShown(len(result.Projects), page.total, "projects of connection "+d.key.String()) + sayCursor(result.NextCursor)
	return tool.NewResult(said+"\n"+shown.text(), result), nil
}

const (
	// alikeTitle is how much a title has in common with a query at least that is not part of it.
	alikeTitle = 0.4
	// askedSimilar is how many projects ServiceDesk Plus is asked for by their ids: those that are known and the most alike.
	askedSimilar = 50
)

// rememberScores has a title scored once, however often it is compared.
func rememberScores(score func(title string) float64) func(title string) float64 {
	known := map[string]float64{}
	return func(title string) float64 {
		found, is := known[title]
		if !is {
			found = score(title)
			known[title] = found
		}
		return found
	}
}

// searchProjects returns the projects whose titles are the most alike to a query: those that have it in their titles, and those that are
// known and alike, as they are now.
func (d *desk) searchProjects(ctx context.Context, query string, selected projectFilter, limit int) (*tool.Result[projectList], error) {
	cached, err := d.knownProjects(ctx)
	if err != nil {
		return nil, err
	}
	score := rememberScores(titleScore(query))
	slices.SortStableFunc(cached, func(a, b store.CachedProject) int { return cmp.Compare(score(b.Title), score(a.Title)) })
	var ids []string
	for _, p := range cached[:min(len(cached), askedSimilar)] {
		if score(p.Title) >= alikeTitle {
			ids = append(ids, p.ID)
		}
	}
	named := sdp.Where("title", sdp.Contains, strings.TrimSpace(query))
	if len(ids) > 0 {
		named = sdp.Any(named, sdp.Where("id", sdp.Is, anyOf(ids)...))
	}
	page, err := d.listProjectPage(ctx, projectFilter{
		criteria: sdp.All(named, selected.criteria),
		holds:    func(p *sdp.Project) bool { return selected.holds(p) && score(p.Title) >= alikeTitle },
	}, sdp.ListOptions{Rows: sdp.MaxRows})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(page.rows, func(a, b sdp.Project) int { return cmp.Compare(score(b.Title), score(a.Title)) })
	result := projectList{Projects: []projectRow{}, More: page.next != 0, TimeZone: d.zone.String(), Trust: untrusted}
	shown := newTable("number", "id", "subject", "status", "percent", "owner", "end", "similarity")
	for i := range page.rows {
		row := d.newProjectRow(&page.rows[i])
		similarity := roundLikeness(score(page.rows[i].Title))
		row.Similarity = &similarity
		if len(result.Projects) == limit || !shown.append(row.cells()) {
			result.More = true
			break
		}
		result.Projects = append(result.Projects, row)
	}
	said := fmt.Sprintf("%d projects of connection %s, the most alike first. Times are in %s.", len(result.Projects), d.key, result.TimeZone)
	if result.More {
		said += " There are more; give more of the title."
	}
	return tool.NewResult(said+"\n"+shown.text(), result), nil
}

// titleScore returns how well a title fits a query, from 0 to 1: one that has all its words in a row fits well.
func titleScore(query string) func(title string) float64 {
	folded, likeness := foldTitle(query), titleLikeness(query)
	return func(title string) float64 {
		alike := likeness(title)
		if strings.Contains(foldTitle(title), folded) {
			return max(alike, 0.9)
		}
		return alike
	}
}

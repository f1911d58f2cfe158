package servicedesk

import (
	"cmp"
	"context"
	"crypto/sha256"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/internal/store"
	"github.com/lectern-dev/lectern/server/tool"
)

const (
	// nearTitle is how much two titles have in common that may be of one project.
	nearTitle = 0.8
	// shownSimilar is how many projects are shown instead of one that is made.
	shownSimilar = 10
	// lately is for how long a project may be there before it is known, with what clocks may differ by.
	lately = time.Hour
	// titleTurn is how long a call waits for another one that makes a project of the title, and titlePoll how often it looks.
	titleTurn = 5 * time.Second
	titlePoll = 200 * time.Millisecond
)

// foldTitle returns a title as titles are compared: letters and digits, without case and accents, with one blank between words.
func foldTitle(title string) string {
	folded := foldText(title)
	words := strings.FieldsFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 { // of signs alone
		words = strings.Fields(folded)
	}
	return strings.Join(words, " ")
}

// titleLikeness returns how alike a title is to one, from 0 to 1.
func titleLikeness(to string) func(title string) float64 {
	folded := foldTitle(to)
	likeness := likenessTo(folded)
	return func(title string) float64 {
		other := foldTitle(title)
		if other == folded {
			return 1
		}
		return min(likeness(other), 0.99)
	}
}

// similarProject is a project of a title that is alike.
type similarProject struct {
	store.CachedProject
	similarity float64
}

// listSameTitles returns the projects that ServiceDesk Plus has of that very title, and those that were made lately, which others may
// know in a while only; a build that takes no condition on times beside others is asked for the former alone.
func (d *desk) listSameTitles(ctx context.Context, title string) (sdp.Page[sdp.Project], error) {
	same := sdp.Where("title", sdp.Is, title)
	o := sdp.ListOptions{Rows: sdp.MaxRows, Fields: projectFields}
	if !d.refusesMixedDates.Load() {
		o.Where = sdp.Any(same, sdp.Where("created_time", sdp.GreaterThan, time.Now().Add(-lately)))
		page, err := d.client.Projects().List(ctx, o)
		if !isUnknownValue(err) {
			return page, needScope(projectsScope, err)
		}
	}
	o.Where = same
	page, err := d.client.Projects().List(ctx, o)
	if err == nil {
		d.refusesMixedDates.Store(true)
	}
	return page, needScope(projectsScope, err)
}

// findSimilarTitles returns the projects whose titles are as good as a title, the most alike first: of those that ServiceDesk Plus is
// asked for, one call, and of those that are known.
func (d *desk) findSimilarTitles(ctx context.Context, title string) ([]similarProject, error) {
	page, err := d.listSameTitles(ctx, title)
	if err != nil {
		return nil, err
	}
	likeness := titleLikeness(title)
	byID := map[string]similarProject{}
	consider := func(p store.CachedProject) {
		_, known := byID[p.ID]
		if s := likeness(p.Title); s >= nearTitle && !known {
			byID[p.ID] = similarProject{p, s}
		}
	}
	for i := range page.Items {
		p := &page.Items[i]
		consider(store.CachedProject{ID: p.ID, Number: projectNumber(p), Title: p.Title, Status: p.Status.Name})
	}
	cached, err := d.knownProjects(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range cached {
		consider(p)
	}
	var found []similarProject
	for _, p := range byID {
		found = append(found, p)
	}
	slices.SortFunc(found, func(a, b similarProject) int {
		return cmp.Or(cmp.Compare(b.similarity, a.similarity), cmp.Compare(b.ID, a.ID))
	})
	return found[:min(len(found), shownSimilar)], nil
}

// knownProjects returns the projects that are known; none where that is switched off. What a process remembers alone is filled by the
// newest hundred first, one call, where that is due.
func (d *desk) knownProjects(ctx context.Context) ([]store.CachedProject, error) {
	known := d.service.projects
	if known == nil {
		return nil, nil
	}
	if own, is := known.(*ProjectMemory); is {
		if err := d.fillProjectMemory(ctx, own); err != nil {
			return nil, err
		}
	}
	return known.CachedProjects(ctx, d.id)
}

// fillProjectMemory reads the newest projects where nobody else does.
func (d *desk) fillProjectMemory(ctx context.Context, own *ProjectMemory) error {
	address := d.Address()
	source := strings.Join([]string{address.Edition, address.APIURL, address.Portal}, " ")
	state, err := own.ReadProjectCache(ctx, d.id)
	if err != nil || state.Source == source && time.Since(state.ReadAt) < d.LookupInterval {
		return err
	}
	read := store.ProjectRead{Source: source, ReadAt: time.Now()}
	page, err := d.client.Projects().List(ctx, sdp.ListOptions{Rows: sdp.MaxRows, Sort: "created_time", Descending: true, Fields: projectFields})
	if err != nil {
		return needScope(projectsScope, err)
	}
	for i := range page.Items {
		p := &page.Items[i]
		read.Projects = append(read.Projects, store.CachedProject{ID: p.ID, Number: projectNumber(p), Title: p.Title, Status: p.Status.Name})
	}
	read.IsWhole = page.Next == 0
	own.ReplaceProjects(d.id, read)
	return nil
}

// claimTitle waits until nobody else makes a project of a title, and returns what ends the claim.
func (d *desk) claimTitle(ctx context.Context, title string) (release func(), err error) {
	digest, claim := sha256.Sum256([]byte(foldTitle(title))), uuid.New()
	ends := time.Now().Add(titleTurn)
	for {
		claimed, err := d.service.titles.ClaimProjectTitle(ctx, d.id, digest, claim)
		if err != nil {
			return nil, err
		}
		if claimed {
			return func() {
				if err := d.service.titles.ReleaseProjectTitle(context.WithoutCancel(ctx), d.id, digest, claim); err != nil {
					d.service.log.InfoContext(ctx, "A title of a project stays claimed for two minutes", "connection", d.key, "err", err)
				}
			}, nil
		}
		if time.Now().After(ends) {
			return nil, tool.NewConflict("another call makes a project of this title just now; ask list_projects with query in a minute whether it is there")
		}
		turn := time.NewTimer(titlePoll)
		select {
		case <-ctx.Done():
			turn.Stop()
			return nil, ctx.Err()
		case <-turn.C:
		}
	}
}

// roundLikeness returns a likeness as it is shown.
func roundLikeness(of float64) float64 { return math.Round(of*100) / 100 }

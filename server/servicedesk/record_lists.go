package servicedesk

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// recordFilter is a condition on records: as SDP is asked, and as rows are checked again, since a site may ignore what it is asked.
type recordFilter struct {
	criteria sdp.Criteria
	holds    func(*record) bool
	// fields are what rows are asked for more, for holds.
	fields []string
}

// isClosed reports whether no record of a kind is inside the ceilings.
func (m *recordModule) isClosed(of *ceiling) bool {
	return of.sites.isClosed() || m.hasGroups && of.groups.isClosed()
}

// ceilingCriteria selects what is inside the ceilings: by group and site, or by site alone what belongs to no group.
func (m *recordModule) ceilingCriteria(of *ceiling) sdp.Criteria {
	if m.hasGroups {
		return of.criteria()
	}
	return of.sites.criteria()
}

// admits reports whether a record is there for callers. What is in the trash is not.
func (m *recordModule) admits(of *ceiling, r *record) bool {
	return !r.isTrashed && of.sites.admits(r.site) && (!m.hasGroups || of.groups.admits(r.group))
}

// isBounded reports whether any record of a kind is outside of the ceilings.
func (m *recordModule) isBounded(of *ceiling) bool {
	return of.sites.isBounded || m.hasGroups && of.groups.isBounded
}

// selectByWords selects records with each word of a query in one of their texts.
func (m *recordModule) selectByWords(query *string) (recordFilter, error) {
	if query == nil {
		return recordFilter{}, nil
	}
	words := strings.Fields(strings.ToLower(*query))
	slices.Sort(words)
	words = slices.Compact(words)
	if len(words) == 0 || len(words) > maxWords {
		return recordFilter{}, tool.NewInvalid("argument %q: give one to %d words", "query", maxWords)
	}
	var each []sdp.Criteria
	for _, word := range words {
		var alternatives []sdp.Criteria
		for _, field := range m.words {
			alternatives = append(alternatives, sdp.Where(field, sdp.Contains, word))
		}
		each = append(each, sdp.Any(alternatives...))
	}
	return recordFilter{criteria: sdp.All(each...), fields: m.words, holds: func(r *record) bool {
		var text strings.Builder
		for _, field := range m.words {
			if !r.raw.Has(field) {
				return true // the row cannot tell
			}
			text.WriteString(r.raw.Text(field) + "\n")
		}
		return countIn(text.String(), words) == len(words)
	}}, nil
}

// selectRecords makes the conditions of the arguments.
func (d *desk) selectRecords(ctx context.Context, m *recordModule, in *searchRecordsInput) (recordFilter, error) {
	selected, err := m.selectByWords(in.Query)
	if err != nil {
		return recordFilter{}, err
	}
	all := []sdp.Criteria{selected.criteria}
	holds := []func(*record) bool{selected.holds}
	if in.Status != nil {
		names := []string{strings.TrimSpace(*in.Status)}
		found, err := d.resolve(ctx, "status", m.statuses, *in.Status)
		switch {
		case err == nil:
			names = nil
			for _, e := range found {
				names = append(names, e.name)
			}
		case !isNoList(err):
			return recordFilter{}, err
		}
		all = append(all, sdp.Where(m.statusField+".name", sdp.Is, anyOf(names)...))
		holds = append(holds, func(r *record) bool {
			return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, r.status.Name) })
		})
	}
	person, err := d.personFilter(m.ownerField, in.Owner, func(r *sdp.Request) sdp.Ref { return r.Technician })
	if err != nil {
		return recordFilter{}, err
	}
	if in.Owner != nil {
		all = append(all, person.criteria)
		holds = append(holds, func(r *record) bool { return person.holds(&sdp.Request{Technician: r.owner}) })
	}
	selected.criteria = sdp.All(all...)
	selected.holds = func(r *record) bool {
		return !slices.ContainsFunc(holds, func(one func(*record) bool) bool { return one != nil && !one(r) })
	}
	return selected, nil
}

// recordPage is a part of a list of records of a kind.
type recordPage = rowPage[record]

// listRecordPage returns records that are inside the ceilings with one call of SDP, and none where nothing is inside.
func (d *desk) listRecordPage(ctx context.Context, m *recordModule, selected recordFilter, o sdp.ListOptions) (recordPage, error) {
	if m.isClosed(&d.ceiling) {
		return recordPage{}, nil
	}
	o.Where = sdp.All(m.ceilingCriteria(&d.ceiling), selected.criteria)
	o.Fields = slices.Clone(m.fields)
	for _, field := range selected.fields {
		if !slices.Contains(o.Fields, field) {
			o.Fields = append(o.Fields, field)
		}
	}
	found, err := m.list(ctx, d.client, o)
	if err != nil {
		return recordPage{}, needScope(m.scope, err)
	}
	return newRowPage(found, o.Start, m.isBounded(&d.ceiling), func(r *record) bool { return m.admits(&d.ceiling, r) && selected.holds(r) }), nil
}

// findRecord returns a record that is inside the ceilings with one call of SDP. One that is outside is none.
func (d *desk) findRecord(ctx context.Context, m *recordModule, text string) (record, error) {
	none := &tool.Error{Kind: tool.NotFound, Text: fmt.Sprintf("no such %s; search_records says which there are", m.name), Details: errorDetails{Kind: tool.NotFound}}
	id := strings.TrimPrefix(strings.TrimSpace(text), "id:")
	if !isDigits(id) || len(id) > 25 || m.isClosed(&d.ceiling) {
		return record{}, none
	}
	found, err := m.get(ctx, d.client, id)
	switch {
	case sdp.KindOf(err) == sdp.KindNotFound || isUnknownValue(err):
		return record{}, none
	case err != nil:
		return record{}, needScope(m.scope, err)
	case !m.admits(&d.ceiling, &found):
		return record{}, none
	}
	return found, nil
}

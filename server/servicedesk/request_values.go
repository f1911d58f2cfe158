package servicedesk

import (
	"strings"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp"
)

// shownText is how many characters of a description are shown where it is compared.
const shownText = 200

// entryFields are the lists that fields of tickets refer to, by the names of arguments, which are those of SDP.
var entryFields = map[string]sdp.LookupType{
	"status": sdp.Statuses, "priority": sdp.Priorities, "urgency": sdp.Urgencies, "impact": sdp.Impacts, "category": sdp.Categories,
	"subcategory": sdp.Subcategories, "item": sdp.Items, "group": sdp.Groups, "template": sdp.RequestTemplates, "request_type": sdp.RequestTypes,
	"mode": sdp.Modes, "level": sdp.Levels, "site": sdp.Sites, "service_category": sdp.ServiceCategories, "closure_code": sdp.ClosureCodes,
}

// parentFields are the fields whose entries those of others belong to.
var parentFields = map[string]string{"subcategory": "category", "item": "subcategory"}

// comparedFields are the references of a ticket of which a write says before and after.
var comparedFields = []string{"status", "priority", "urgency", "impact", "category", "subcategory", "item", "group", "site"}

// requestValues returns what a ticket has in its fields, by the names of arguments, as it is shown.
func (d *desk) requestValues(r *sdp.Request) map[string]string {
	text, _ := readMarkdown(r.DescriptionHTML, shownText)
	values := map[string]string{
		"subject": excerpt.Truncate(oneLine(r.Subject), longSubject), "description": oneLine(text), "technician": describePerson(r.Technician),
		"requester": describePerson(r.Requester), "due_by": formatTime(r.DueByTime, d.zone),
	}
	for _, name := range comparedFields {
		values[name] = shortenLine(r.Raw.Ref(name).Name)
	}
	for _, name := range r.UDF.Names() {
		values["udf."+name] = excerpt.Truncate(oneLine(udfText(r.UDF, name, d.zone)), shownText)
	}
	return values
}

// compareValues returns before and after of the values that differ.
func compareValues(before, after map[string]string) map[string][]string {
	changed := map[string][]string{}
	for name, value := range after {
		if value != before[name] {
			changed[name] = []string{before[name], value}
		}
	}
	for name, value := range before {
		if _, has := after[name]; !has && value != "" {
			changed[name] = []string{value, ""}
		}
	}
	return changed
}

// changeLines writes before and after, a line a field: it is a stranger's text.
func changeLines(changed map[string][]string) string {
	var lines []string
	for _, name := range sortedKeys(changed) {
		pair := changed[name]
		lines = append(lines, oneLine(name)+": "+showEmpty(pair[0])+" → "+showEmpty(pair[1]))
	}
	return strings.Join(lines, "\n")
}

func showEmpty(value string) string {
	if value == "" {
		return "(nothing)"
	}
	return value
}

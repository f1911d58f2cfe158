package servicedesk

import (
	"context"
	"slices"

	"github.com/lectern-dev/lectern/internal/sdp"
)

// readMandatory returns the fields that a template wants, with the values that they may have.
func (d *desk) readMandatory(ctx context.Context, p *plannedRequest) (map[string][]string, error) {
	template := p.template
	if template == "" {
		found, err := d.resolve(ctx, "template", sdp.RequestTemplates, "Default Request")
		if err != nil || len(found) != 1 {
			return map[string][]string{"subject": {}}, nil //nolint:nilerr // which template it would be nobody knows
		}
		template = found[0].id
	}
	layout, err := d.client.ReadTemplate(ctx, template)
	if err != nil && sdp.KindOf(err) != sdp.KindNotFound {
		return nil, needScope(setupScope, err)
	}
	mandatory := map[string][]string{"subject": {}}
	for _, name := range findMandatory(layout) {
		parent := ""
		for _, one := range p.change {
			if ref, is := one.value.(sdp.Ref); is && one.name == parentFields[name] {
				parent = ref.ID
			}
		}
		mandatory[name] = append([]string{}, d.allowedNames(ctx, name, parent)...)
	}
	return mandatory, nil
}

// findMandatory returns the names of the fields that a layout marks as mandatory, wherever in it they are: no public text says.
func findMandatory(layout sdp.Raw) []string {
	var names []string
	if name := layout.Text("name", "field_name"); name != "" && layout.IsTrue("mandatory", "is_mandatory", "required") {
		names = append(names, name)
	}
	for _, member := range layout.Names() {
		for _, inner := range layout.Objects(member) {
			names = append(names, findMandatory(inner)...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

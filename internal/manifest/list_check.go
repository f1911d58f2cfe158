package manifest

import (
	"unicode/utf8"

	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// listCheck looks at the lists of an object before the validators do, which compare each error with each.
type listCheck struct {
	// tooMany are lists with more items than the schema allows. Those beyond are taken out of the object.
	tooMany field.ErrorList
	// wrongItems are items that are no text, or too long a one, where the schema wants texts. The validators find them, too.
	wrongItems field.ErrorList
}

func (c *listCheck) checkFields(fields map[string]any, schema *structuralschema.Structural, path *field.Path) {
	for key, value := range fields {
		property, known := schema.Properties[key]
		if !known {
			continue
		}
		at := path.Child(key)
		switch value := value.(type) {
		case map[string]any:
			c.checkFields(value, &property, at)
		case []any:
			fields[key] = c.checkList(value, &property, at)
		}
	}
}

// checkList returns the items of a list that are allowed.
func (c *listCheck) checkList(items []any, schema *structuralschema.Structural, at *field.Path) []any {
	if limits := schema.ValueValidation; limits != nil && limits.MaxItems != nil && int64(len(items)) > *limits.MaxItems {
		c.tooMany = append(c.tooMany, field.TooMany(at, len(items), int(*limits.MaxItems)))
		items = items[:*limits.MaxItems]
	}
	if schema.Items == nil {
		return items
	}
	for i, item := range items {
		switch item := item.(type) {
		case map[string]any:
			c.checkFields(item, schema.Items, at.Index(i))
		default:
			c.checkText(item, schema.Items, at.Index(i))
		}
	}
	return items
}

func (c *listCheck) checkText(item any, schema *structuralschema.Structural, at *field.Path) {
	if schema.Type != "string" {
		return
	}
	text, isText := item.(string)
	limits := schema.ValueValidation
	switch {
	case !isText:
		c.wrongItems = append(c.wrongItems, typeError(at, schema.Type, item))
	case limits != nil && limits.MaxLength != nil && int64(utf8.RuneCountInString(text)) > *limits.MaxLength:
		c.wrongItems = append(c.wrongItems, field.TooLong(at, "", int(*limits.MaxLength)))
	}
}

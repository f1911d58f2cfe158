package sdptest

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

const (
	displayTime = "Jan 2, 2006 03:04 PM"
	displayDate = "Jan 2, 2006"
)

// render returns a record as a single answer shows it.
func (c *call) render(e *entity, r *row) Record {
	out := Record{"id": r.id}
	for i := range e.fields {
		if f := &e.fields[i]; f.access != writeOnly {
			c.renderField(out, f, r)
		}
	}
	return out
}

// renderRow returns a record as a list shows it: the default fields, or those asked for.
func (c *call) renderRow(e *entity, r *row, asked []string) Record {
	out := Record{"id": r.id}
	for i := range e.fields {
		f := &e.fields[i]
		var shown bool
		switch {
		case f.access == writeOnly:
		case asked != nil:
			shown = slices.Contains(asked, f.wire)
		case e.row != nil:
			shown = slices.Contains(e.row, f.name)
		default:
			shown = !f.unlisted
		}
		if shown {
			c.renderField(out, f, r)
		}
	}
	return out
}

// stored returns what a row has in a field, or what is computed.
func (c *call) stored(f *field, r *row) any {
	if f.derived != nil {
		return f.derived(c, r)
	}
	return r.fields.get(f.name)
}

func (c *call) renderField(out Record, f *field, r *row) {
	out[f.wire] = c.renderValue(f, c.stored(f, r))
}

func (c *call) renderValue(f *field, value any) any {
	switch f.kind {
	case kindReferences:
		refs, _ := value.([]reference)
		list := make([]any, len(refs))
		for i, ref := range refs {
			list[i] = c.renderReference(ref)
		}
		return list
	case kindBoolean:
		b, _ := value.(bool)
		return b
	case kindFree:
		if value == nil && f.derived == nil {
			return Record{}
		}
		return value
	}
	if value == nil {
		return nil
	}
	switch f.kind {
	case kindHTML:
		if s, is := value.(string); is && c.server.options.Site.CDATA {
			return "<![CDATA[" + s + "]]>"
		}
	case kindTime:
		return c.renderTime(value.(time.Time), displayTime)
	case kindDate:
		return c.renderTime(value.(time.Time), displayDate)
	case kindReference:
		return c.renderReference(value.(reference))
	case kindObject:
		parts, out := value.(Record), Record{}
		for i := range f.parts {
			if p := &f.parts[i]; p.access != writeOnly {
				out[p.wire] = c.renderValue(p, parts[p.name])
			}
		}
		return out
	case kindDuration:
		return c.renderDuration(value.(time.Duration))
	case kindDisplayID:
		return Record{"display_value": "PJT-" + value.(string), "value": value}
	case kindSize:
		return c.renderSize(value.(int64))
	}
	return value
}

func (c *call) renderTime(at time.Time, layout string) Record {
	return Record{
		"value":         strconv.FormatInt(at.UnixMilli(), 10),
		"display_value": at.In(c.server.options.Zone).Format(layout),
	}
}

// renderReference returns the few fields that a reference shows; nil for a record that is gone.
func (c *call) renderReference(to reference) any {
	r := c.server.follow(to)
	if r == nil {
		return nil
	}
	e, out := c.dialect.entities[to.table], Record{}
	for _, name := range e.brief {
		if name == "id" {
			out["id"] = r.id
		} else if f := e.fields.byName(name); f != nil {
			c.renderField(out, f, r)
		}
	}
	return out
}

func (c *call) renderDuration(d time.Duration) Record {
	out := Record{}
	if c.dialect.cloud() {
		out["value"] = strconv.FormatInt(d.Milliseconds(), 10)
	}
	if !c.dialect.cloud() || !c.server.options.Guesses.DurationValueOnly {
		out["hours"] = strconv.Itoa(int(d.Hours()))
		out["minutes"] = strconv.Itoa(int(d.Minutes()) % 60)
	}
	return out
}

func (c *call) renderSize(bytes int64) any {
	readable := fmt.Sprintf("%.2fKB", float64(bytes)/1024)
	switch {
	case c.dialect.shape == shapeOld:
		return readable
	case c.dialect.shape == shapeNew || c.server.options.Guesses.SizeObject:
		return Record{"value": strconv.FormatInt(bytes, 10), "display_value": readable}
	}
	return strconv.FormatInt(bytes, 10)
}

package prompts

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"

	"github.com/lectern-dev/lectern/server/tool"
)

// promptRow is a prompt that writes itself. It is no method of promptJSON to do so: what embeds one would write no more than
// that.
type promptRow struct{ shown promptJSON }

// AppendIndented writes the prompt as tool.IndentJSON would.
func (r promptRow) AppendIndented(b []byte, prefix string) []byte {
	return r.shown.appendLines(b, prefix)
}

// AppendJSON writes the prompt as encoding/json would.
func (r promptRow) AppendJSON(b []byte) []byte {
	return append(r.shown.appendMembers(append(b, '{')), '}')
}

// MarshalJSON is for whoever asks reflection.
func (r promptRow) MarshalJSON() ([]byte, error) { return r.AppendJSON(nil), nil }

// likelySize is about how long the prompt is as JSON: a text has a line break here and there, which is two bytes.
func (p *promptJSON) likelySize() int {
	const others = 512
	return len(p.Content) + len(p.Content)/16 + len(p.Description) + len(p.Metadata) + others
}

// appendLines writes a line for each member.
func (p *promptJSON) appendLines(b []byte, prefix string) []byte {
	b = slices.Grow(b, p.likelySize())
	next := "\n" + prefix + "  "
	text := func(name, value string) {
		b = append(append(append(b, '"'), name...), `": `...)
		b = append(append(tool.AppendString(b, value, tool.JavaScript), ','), next...)
	}
	list := func(name string, values []string) {
		b = append(append(append(b, '"'), name...), `": [`...)
		for i, value := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(b, next...), "  "...)
			b = tool.AppendString(b, value, tool.JavaScript)
		}
		if len(values) > 0 {
			b = append(b, next...)
		}
		b = append(append(b, "],"...), next...)
	}
	b = append(append(b, '{'), next...)
	text("name", p.Name)
	text("content", p.Content)
	if p.Description != "" {
		text("description", p.Description)
	}
	b = append(strconv.AppendBool(append(b, `"isTemplate": `...), p.IsTemplate), ',')
	b = append(b, next...)
	list("variables", p.Variables)
	list("tags", p.Tags)
	if p.Category != "" {
		text("category", p.Category)
	}
	if len(p.Metadata) > 0 {
		b = tool.AppendIndented(append(b, `"metadata": `...), p.Metadata, prefix+"  ")
		b = append(append(b, ','), next...)
	}
	text("id", p.ID)
	text("createdAt", p.CreatedAt)
	text("updatedAt", p.UpdatedAt)
	b = strconv.AppendInt(append(b, `"version": `...), p.Version, 10)
	return append(append(append(b, '\n'), prefix...), '}')
}

// appendMembers writes what stands between the braces.
func (p *promptJSON) appendMembers(b []byte) []byte {
	b = appendMember(slices.Grow(b, p.likelySize()), `"name":`, p.Name)
	b = appendMember(b, `,"content":`, p.Content)
	if p.Description != "" {
		b = appendMember(b, `,"description":`, p.Description)
	}
	b = strconv.AppendBool(append(b, `,"isTemplate":`...), p.IsTemplate)
	b = appendStrings(append(b, `,"variables":`...), p.Variables)
	b = appendStrings(append(b, `,"tags":`...), p.Tags)
	if p.Category != "" {
		b = appendMember(b, `,"category":`, p.Category)
	}
	if len(p.Metadata) > 0 {
		b = appendMetadata(append(b, `,"metadata":`...), p.Metadata)
	}
	b = appendMember(b, `,"id":`, p.ID)
	b = appendMember(b, `,"createdAt":`, p.CreatedAt)
	b = appendMember(b, `,"updatedAt":`, p.UpdatedAt)
	return strconv.AppendInt(append(b, `,"version":`...), p.Version, 10)
}

func appendMember(b []byte, name, value string) []byte {
	return tool.AppendString(append(b, name...), value, tool.HTML)
}

func appendStrings(b []byte, values []string) []byte {
	b = append(b, '[')
	for i, value := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = tool.AppendString(b, value, tool.HTML)
	}
	return append(b, ']')
}

// appendMetadata writes canonical JSON, which is compact, with escapes for HTML.
func appendMetadata(b []byte, metadata json.RawMessage) []byte {
	if !bytes.ContainsAny(metadata, "<>&\u2028\u2029") {
		return append(b, metadata...)
	}
	var escaped bytes.Buffer
	json.HTMLEscape(&escaped, metadata)
	return append(b, escaped.Bytes()...)
}

// AppendJSON writes the result as encoding/json would.
func (r getPromptResult) AppendJSON(b []byte) []byte {
	b = r.appendMembers(append(b, '{'))
	b = strconv.AppendInt(append(b, `,"latestVersion":`...), r.LatestVersion, 10)
	if r.Channel != "" {
		b = appendMember(b, `,"channel":`, r.Channel)
	}
	return append(appendMember(b, `,"digest":`, string(r.Digest)), '}')
}

// AppendJSON writes the result as encoding/json would.
func (r listResult) AppendJSON(b []byte) []byte {
	b = append(b, `{"prompts":[`...)
	for i, row := range r.Prompts {
		if i > 0 {
			b = append(b, ',')
		}
		if own, is := row.(tool.SelfWriter); is {
			b = own.AppendJSON(b)
			continue
		}
		text, err := json.Marshal(row)
		if err != nil { // rows are texts and numbers, which have no way to fail
			text = []byte("null")
		}
		b = append(b, text...)
	}
	b = strconv.AppendInt(append(b, `],"total":`...), r.Total, 10)
	if r.NextCursor != "" {
		b = appendMember(b, `,"nextCursor":`, r.NextCursor)
	}
	return append(b, '}')
}

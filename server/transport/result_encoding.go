package transport

import "github.com/mark3labs/mcp-go/mcp"

// selfWriter is a structured result that writes itself to the byte as encoding/json would, with its escapes for HTML.
type selfWriter interface{ AppendJSON(b []byte) []byte }

// appendToolResult writes a tool's result as its encoding would be, but for the structured part, which writes itself. It
// reports false, and writes nothing, for a result of another shape.
func (p *responseBuffer) appendToolResult(r *toolResult) (done bool, err error) {
	structured, is := r.StructuredContent.(selfWriter)
	texts, only := onlyTexts(r.Content)
	if !is || !only || r.IsError || len(r.InputRequests) > 0 || r.RequestState != "" {
		return false, nil
	}
	p.WriteByte('{')
	if own, is := r.Meta.(*serverMeta); is && own.encoded != nil {
		p.WriteString(`"_meta":`)
		p.Write(own.encoded)
		p.WriteByte(',')
	} else if r.Meta != nil {
		if err := p.appendMember(`"_meta":`, r.Meta); err != nil {
			return false, err
		}
		p.WriteByte(',')
	}
	p.WriteString(`"content":[`)
	for i, text := range texts {
		if i > 0 {
			p.WriteByte(',')
		}
		if err := p.appendMember(`{"type":"text","text":`, text); err != nil {
			return false, err
		}
		p.WriteByte('}')
	}
	p.WriteByte(']')
	if r.ResultType != "" {
		if err := p.appendMember(`,"resultType":`, string(r.ResultType)); err != nil {
			return false, err
		}
	}
	p.WriteString(`,"structuredContent":`)
	p.Write(structured.AppendJSON(p.AvailableBuffer()))
	p.WriteByte('}')
	return true, nil
}

// appendMember writes what stands before a value, and the value with escapes for HTML.
func (p *responseBuffer) appendMember(before string, value any) error {
	p.WriteString(before)
	if err := p.escaping.Encode(value); err != nil {
		return err
	}
	p.Truncate(p.Len() - 1) // the encoder ends with a newline
	return nil
}

// onlyTexts returns the texts of content that is nothing else.
func onlyTexts(content []mcp.Content) (texts []string, only bool) {
	texts = make([]string, len(content))
	for i, item := range content {
		text, is := item.(mcp.TextContent)
		if !is || text.Type != mcp.ContentTypeText || text.Meta != nil || text.Annotations != nil {
			return nil, false
		}
		texts[i] = text.Text
	}
	return texts, true
}

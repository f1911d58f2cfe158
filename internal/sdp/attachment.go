package sdp

import (
	"context"
	"net/http"
	"strings"
)

// Attachment is a file.
type Attachment struct {
	ID, Name, ContentType string
	// Size is in bytes, -1 where SDP gives it in words.
	Size int64
	Raw  Raw
}

var attachmentRecord = &recordType[Attachment]{
	name: "attachment", root: "attachment", roots: []string{"attachment", "attachments"}, lists: []string{"attachments"}, decode: decodeAttachment,
}

func decodeAttachment(r Raw) Attachment {
	a := Attachment{ID: r.Text("id"), Name: r.Text("name", "file_name"), ContentType: r.Text("content_type"), Size: -1, Raw: r}
	if size, ok := r.Int("size"); ok && size >= 0 {
		a.Size = size
	}
	return a
}

// Attachments are the files of one record.
type Attachments struct {
	Reader[Attachment]
	record path
}

func newAttachments(c *Client, record path) Attachments {
	return Attachments{newReader(c, attachmentRecord, record.to("attachments")), record}
}

// Attachments returns the files of a request.
func (s Requests) Attachments(id string) Attachments {
	return newAttachments(s.client, s.path.withID(id))
}

// maxUpload bounds a file to attach, in bytes.
const maxUpload = 10 << 20

// Upload attaches a file.
func (a Attachments) Upload(ctx context.Context, name string, content []byte) (Attachment, error) {
	if name == "" || strings.ContainsAny(name, "/\\\"\r\n\x00") || len(content) > maxUpload {
		return Attachment{}, invalidInput("upload attachment", "a file has a plain name and at most 10 MiB")
	}
	v := variants{name: "upload attachment", isUnknown: isPathUnknown}
	for _, form := range a.client.config.Edition.uploadForms() {
		spec := a.call("upload", form.method, a.record.to(form.segment))
		spec.file = &formFile{field: form.file, name: name, content: content, values: form.values}
		v.calls = append(v.calls, spec)
	}
	got, err := a.client.doVariants(ctx, v)
	if err != nil {
		return Attachment{}, err
	}
	files := got.body.Objects("attachments", "attachment", "files")
	if len(files) == 0 {
		return Attachment{}, missingRecord(got)
	}
	return decodeAttachment(files[0]), nil
}

// Download returns the content of a file, at most 16 MiB, and what SDP says its type is.
func (a Attachments) Download(ctx context.Context, id string) (content []byte, contentType string, err error) {
	spec := a.call("download", http.MethodGet, a.path.withID(id).to(a.client.config.Edition.actionName("download")))
	spec.wantsBytes = true
	got, err := a.client.do(ctx, spec)
	if err != nil {
		return nil, "", err
	}
	if got.file == nil {
		return nil, "", missingRecord(got)
	}
	return got.file, got.header.Get("Content-Type"), nil
}

// Delete deletes a file.
func (a Attachments) Delete(ctx context.Context, id string) error {
	return a.act(ctx, "delete", http.MethodDelete, a.path.withID(id), nil)
}

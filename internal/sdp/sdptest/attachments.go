package sdptest

import (
	"net/http"
	"slices"
)

// attachmentEntity describes files; content is kept beside the fields.
func attachmentEntity() *entity {
	return &entity{
		table: "attachments", brief: []string{"id", "name", "size", "content_type", "content_url"},
		fields: joinFields(
			textFields("name", "file_id", "content_url", "description"), textFields("content_type").in(shapeCloud, shapeNew), sizeFields("size"),
			freeFields("module").in(shapeNew), referenceTo("users", "attached_by"), timeFields("attached_on"),
		).readOnly(),
	}
}

// addAttachmentRoutes registers files under a path whose ids are of the parents.
func addAttachmentRoutes(d *dialect, path string, parents []string) {
	download, methods := "download", []string{http.MethodPut}
	if d.cloud() {
		download, methods = "_download", []string{http.MethodPut, http.MethodPost}
	}
	for _, name := range d.uploads() {
		for _, method := range methods {
			d.routes.add(method+" "+path+"/"+name, func(c *call) (*answer, error) { return c.uploadTo(parents) })
		}
	}
	files := resource{path: path + "/attachments", table: "attachments", parents: parents, verbs: "list get"}
	d.resource(files)
	d.routes.add("DELETE "+path+"/attachments/{}", func(c *call) (*answer, error) { return c.removeAttachment(&files) })
	d.routes.add("GET "+path+"/attachments/{}/"+download, func(c *call) (*answer, error) { return c.downloadFrom(&files) })
	// content_url of the cloud.
	d.routes.add("GET "+path+"/_uploads/{}", func(c *call) (*answer, error) { return c.downloadFrom(&files) })
}

func (c *call) uploadTo(tables []string) (*answer, error) {
	parents, err := c.ancestors(tables)
	if err != nil {
		return nil, err
	}
	if err := c.checkParameters("description", "addtoattachment"); err != nil {
		return nil, err
	}
	if len(c.uploads) != 1 || !slices.Contains([]string{"filename", "input_file"}, c.uploads[0].field) ||
		!c.dialect.cloud() && c.uploads[0].field != "input_file" {
		return nil, refuseMissing("input_file")
	}
	file, parent := c.uploads[0], parents[len(parents)-1]
	id := c.server.nextID()
	made := &row{id: id, parent: key(tables[len(tables)-1], parent.id), fields: Record{
		"name": file.name, "file_id": id, "content_type": file.contentType, "size": int64(len(file.content)), "content": file.content,
		"content_url": c.URL.Path[:len(c.URL.Path)-len(lastElement(splitPath(c.URL.Path)))] + "_uploads/" + id, "description": c.parameter("description"),
		"attached_by": reference{"users", c.user}, "attached_on": c.now, "module": tables[len(tables)-1],
	}}
	if !c.dialect.cloud() {
		made.fields["content_url"] = c.URL.Path[:len(c.URL.Path)-len(lastElement(splitPath(c.URL.Path)))] + "attachments/" + id + "/download"
	}
	c.server.table("attachments").add(made)
	attached, _ := parent.fields["attachments"].([]reference)
	parent.fields["attachments"] = append(slices.Clone(attached), reference{"attachments", id})
	parent.fields["has_attachments"] = true
	out := c.single(c.dialect.entities["attachments"], made)
	out.wrote = true
	return out, nil
}

func (c *call) removeAttachment(files *resource) (*answer, error) {
	r, parents, err := c.member(files)
	if err != nil {
		return nil, err
	}
	parent := parents[len(parents)-1]
	attached, _ := parent.fields["attachments"].([]reference)
	attached = slices.DeleteFunc(slices.Clone(attached), func(ref reference) bool { return ref.id == r.id })
	parent.fields["attachments"], parent.fields["has_attachments"] = attached, len(attached) > 0
	c.server.table("attachments").remove(r.id)
	return succeedWithText("Attachment deleted"), nil
}

func (c *call) downloadFrom(files *resource) (*answer, error) {
	r, _, err := c.member(files)
	if err != nil {
		return nil, err
	}
	content, _ := r.fields["content"].([]byte)
	kind := r.fields.text("content_type")
	if kind == "" {
		kind = "application/octet-stream"
	}
	return &answer{contentType: kind, content: append([]byte{}, content...)}, nil
}

func lastElement(of []string) string { return of[len(of)-1] }

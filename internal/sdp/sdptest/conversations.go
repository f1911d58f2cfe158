package sdptest

import "fmt"

// conversationEntity describes mails of a request. Keys besides id and content_url are inferred.
func conversationEntity() *entity {
	return &entity{
		table: "conversations", newestFirst: true,
		fields: joinFields(
			textFields("type", "subject"), referenceTo("users", "from"), referencesTo("users", "to"), timeFields("sent_time"),
			booleanFields("has_attachments"), textFields("content_url"), htmlText("content"),
		).readOnly(),
	}
}

func addConversationRoutes(d *dialect) {
	d.resource(resource{path: "/requests/{}/conversations", table: "conversations", parents: []string{"requests"}, verbs: "list"})
	d.routes.add("GET /requests/{}/notifications/{}", conversationContent)
	d.routes.add("GET /requests/{}/drafts", func(c *call) (*answer, error) {
		if _, err := c.requestOfPath(); err != nil {
			return nil, err
		}
		return &answer{body: Record{"response_status": []any{successStatus()}, "drafts": []any{}, "list_info": Record{"has_more_rows": false, "start_index": 1, "row_count": 0}}}, nil
	})
}

// conversationContent is the second call, which has the text.
func conversationContent(c *call) (*answer, error) {
	request, err := c.requestOfPath()
	if err != nil {
		return nil, err
	}
	r := c.server.table("conversations").byID[c.ids[1]]
	if r == nil || r.parent != key("requests", request.id) {
		return nil, refuseNotFound()
	}
	shown := c.render(c.dialect.entities["conversations"], r)
	shown["description"] = shown["content"]
	delete(shown, "content")
	return &answer{body: Record{"notification": shown, "response_status": successStatus()}}, nil
}

func (c *call) addConversation(request *row, content string) *row {
	to, _ := request.fields["requester"].(reference)
	id := c.server.nextID()
	made := &row{id: id, parent: key("requests", request.id), fields: Record{
		"type": "REQREPLY", "subject": "Re: " + request.fields.text("subject"), "from": reference{"users", c.user}, "to": []reference{to},
		"sent_time": c.now, "content": content, "content_url": fmt.Sprintf("/api/v3/requests/%s/notifications/%s", request.id, id),
	}}
	c.server.table("conversations").add(made)
	return made
}

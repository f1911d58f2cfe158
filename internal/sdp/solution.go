package sdp

import (
	"context"
	"net/http"
)

// Solution is an article of the knowledge base.
type Solution struct {
	ID, DisplayID, Title string
	// TextHTML is untrusted HTML; lists leave it out.
	TextHTML        string
	Topic           Ref
	Keywords        string
	IsPublic        bool
	ApprovalStatus  Ref
	Owner           Ref
	CreatedBy       Ref
	CreatedTime     Time
	LastUpdatedTime Time
	ReviewDate      Time
	ExpiryDate      Time
	Raw             Raw
}

var solutionRecord = &recordType[Solution]{
	name: "solution", root: "solution", roots: []string{"solution"}, lists: []string{"solutions"},
	decode: func(r Raw) Solution {
		return Solution{
			ID: r.Text("id"), DisplayID: r.Text("display_id"), Title: r.Text("title"), TextHTML: r.Text("description"), Topic: r.Ref("topic"),
			Keywords: r.Text("keywords", "key_words"), IsPublic: r.IsTrue("is_public"), ApprovalStatus: r.Ref("approval_status"), Owner: r.Ref("owner"),
			CreatedBy: r.Ref("created_by"), CreatedTime: r.Time("created_time"), LastUpdatedTime: r.Time("last_updated_time"),
			ReviewDate: r.Time("review_date"), ExpiryDate: r.Time("expiry_date"), Raw: r,
		}
	},
}

// Solutions are the knowledge base.
type Solutions struct{ Editor[Solution] }

// Solutions returns the knowledge base.
func (c *Client) Solutions() Solutions {
	return Solutions{newEditor(c, solutionRecord, pathOf("solutions"))}
}

// Trash moves an article to the trash, from which Delete takes it for good. Public texts show the underscore in both editions, and
// two methods.
func (s Solutions) Trash(ctx context.Context, id string) error {
	v := variants{name: "trash solution", isUnknown: isPathUnknown}
	for _, method := range []string{http.MethodDelete, http.MethodPut} {
		v.calls = append(v.calls, s.call("trash", method, s.path.withID(id).to("_move_to_trash")))
	}
	_, err := s.client.doVariants(ctx, v)
	return err
}

// Delete deletes an article that is in the trash.
func (s Solutions) Delete(ctx context.Context, id string) error {
	return s.act(ctx, "delete", http.MethodDelete, s.path.withID(id), nil)
}

// Topic is a chapter of the knowledge base.
type Topic struct {
	ID, Name string
	Parent   Ref
	Raw      Raw
}

var topicRecord = &recordType[Topic]{
	name: "topic", root: "topic", roots: []string{"topic"}, lists: []string{"topics"},
	decode: func(r Raw) Topic {
		return Topic{ID: r.Text("id"), Name: r.Text("name"), Parent: r.Ref("parent", "parent_topic"), Raw: r}
	},
}

// Topics returns the chapters.
func (c *Client) Topics() Collection[Topic] { return newCollection(c, topicRecord, pathOf("topics")) }

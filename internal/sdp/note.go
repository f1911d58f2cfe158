package sdp

import "strings"

// Note is a remark on a request, problem or change.
type Note struct {
	ID string
	// TextHTML is untrusted HTML. On premises lists leave it out, and each note is fetched for it.
	TextHTML        string
	ShowToRequester bool
	AddedBy         Ref
	AddedTime       Time
	LastUpdatedTime Time
	Raw             Raw
}

// noteRecord returns the kind of note of a parent: "request note".
func noteRecord(parent string) *recordType[Note] {
	return &recordType[Note]{
		name: parent + " note", root: "note", roots: []string{parent + "_note", "note"}, lists: []string{parent + "_notes", "notes"},
		decode: func(r Raw) Note {
			return Note{
				ID: r.Text("id"), TextHTML: r.Text("description", "notes_text"), ShowToRequester: r.IsTrue("show_to_requester"),
				AddedBy: r.Ref("added_by", "created_by"), AddedTime: r.Time("added_time", "created_time"), LastUpdatedTime: r.Time("last_updated_time"), Raw: r,
			}
		},
		made: func(n Note) madeRecord {
			return madeRecord{n.ID, n.AddedTime.At, n.TextHTML, n.TextHTML != ""}
		},
	}
}

var (
	requestNoteRecord = noteRecord("request")
	problemNoteRecord = noteRecord("problem")
	changeNoteRecord  = noteRecord("change")
)

// NoteInput is what a note says. A note that the requester may see is no e-mail.
type NoteInput struct {
	TextHTML         string
	ShowToRequester  bool
	FirstResponse    bool
	NotifyTechnician bool
	AddToLinked      bool
}

// Fields returns the fields of a request's note.
func (n NoteInput) Fields() Fields {
	return Fields{
		"description": n.TextHTML, "show_to_requester": n.ShowToRequester, "mark_first_response": n.FirstResponse,
		"notify_technician": n.NotifyTechnician, "add_to_linked_requests": n.AddToLinked,
	}
}

// Notes returns the notes of a request.
func (s Requests) Notes(id string) Collection[Note] {
	return newCollection(s.client, requestNoteRecord, s.path.withID(id).to("notes"))
}

// Comment is a remark on a project, a milestone or a task.
type Comment struct {
	ID string
	// TextHTML is untrusted HTML.
	TextHTML    string
	Parent      Ref
	CreatedBy   Ref
	CreatedTime Time
	Raw         Raw
}

// CommentFields returns the fields of a comment; parent may be zero.
func CommentFields(textHTML string, parent Ref) Fields {
	fields := Fields{"content": textHTML}
	if !parent.IsZero() {
		fields["parent_comment"] = parent
	}
	return fields
}

// commentRecord returns the kind of comment on a parent: "task comment".
func commentRecord(parent string) *recordType[Comment] {
	return &recordType[Comment]{
		name: parent + " comment", root: "comment", roots: []string{parent + "_comment", "comment"}, lists: []string{parent + "_comments", "comments"},
		decode: func(r Raw) Comment {
			return Comment{
				ID: r.Text("id"), TextHTML: r.Text("comment", "content"), Parent: r.Ref("parent_comment"),
				CreatedBy: r.Ref("created_by", "added_by"), CreatedTime: r.Time("created_time", "added_time"), Raw: r,
			}
		},
		made: func(c Comment) madeRecord {
			return madeRecord{c.ID, c.CreatedTime.At, c.TextHTML, c.TextHTML != ""}
		},
	}
}

var (
	projectCommentRecord   = commentRecord("project")
	milestoneCommentRecord = commentRecord("milestone")
	taskCommentRecord      = commentRecord("task")
)

// Conversation is a mail about a request. Rows have no text: see Requests.ConversationText.
type Conversation struct {
	ID, Type, Subject string
	From              Ref
	To                []Ref
	SentTime          Time
	HasAttachments    bool
	// ContentURL is where SDP says that the text is.
	ContentURL string
	Raw        Raw
}

var conversationRecord = &recordType[Conversation]{
	name: "conversation", root: "conversation", roots: []string{"conversation", "notification", "request_notification"}, lists: []string{"conversations"},
	decode: func(r Raw) Conversation {
		return Conversation{
			ID: r.Text("id"), Type: r.Text("type"), Subject: r.Text("subject", "title"), From: r.Ref("from", "sender", "author"), To: r.Refs("to"),
			SentTime: r.Time("sent_time", "created_time"), HasAttachments: r.IsTrue("has_attachments"), ContentURL: r.Text("content_url"), Raw: r,
		}
	},
}

// rawRecord is of what has no shape that is known.
var rawRecord = &recordType[Raw]{name: "draft", root: "draft", roots: []string{"draft", "request_draft"}, lists: []string{"drafts", "request_drafts"}, decode: func(r Raw) Raw { return r }}

// contentPath returns the path of a content_url below the API's root, when it is one: SDP wrote it, and it may lead anywhere.
func contentPath(contentURL string) (path, bool) {
	_, below, found := strings.Cut(contentURL, "/api/v3/")
	before, _, _ := strings.Cut(contentURL, "/api/v3/")
	if !found || before != "" && !strings.HasPrefix(before, "/app/") {
		return path{}, false
	}
	return parsePath("/" + below)
}

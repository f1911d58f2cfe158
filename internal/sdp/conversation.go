package sdp

import (
	"context"
	"net/http"
	"regexp"
	"strings"
)

// Conversations returns the mails about a request. Some sites have none (KindNotFound).
func (s Requests) Conversations(id string) Reader[Conversation] {
	return newReader(s.client, conversationRecord, s.path.withID(id).to("conversations"))
}

// Drafts returns mails that were not sent.
func (s Requests) Drafts(id string) Reader[Raw] {
	return newReader(s.client, rawRecord, s.path.withID(id).to("drafts"))
}

// segmentText is a segment of a path that SDP may name in a content_url.
var segmentText = regexp.MustCompile(`^[a-z_]{1,40}$`)

// ConversationText returns the text of a mail of the request, as untrusted HTML, from where its row says that it is. The place has
// to be below that request.
func (s Requests) ConversationText(ctx context.Context, id string, row Conversation) (html string, err error) {
	of := s.path.withID(id)
	at, ok := contentPath(row.ContentURL)
	if !ok || !strings.HasPrefix(at.text, of.text+"/") {
		return "", &Error{Op: "get conversation", Kind: KindNotFound, reason: "SDP names no place of its text within the request"}
	}
	reader := newReader(s.client, conversationRecord, at)
	found, err := reader.one(ctx, reader.call("get", http.MethodGet, at))
	if err != nil {
		return "", err
	}
	return found.Raw.Text("description", "content", "message", "body"), nil
}

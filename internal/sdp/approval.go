package sdp

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// ApprovalLevel is a step of an approval.
type ApprovalLevel struct {
	ID     string
	Level  int
	Status Ref
	Raw    Raw
}

var approvalLevelRecord = &recordType[ApprovalLevel]{
	name: "approval level", root: "approval_level", roots: []string{"approval_level"}, lists: []string{"approval_levels"},
	decode: func(r Raw) ApprovalLevel {
		level, _ := r.Int("level")
		return ApprovalLevel{ID: r.Text("id"), Level: int(level), Status: r.Ref("status"), Raw: r}
	},
}

// Approval is what one person says in a step.
type Approval struct {
	ID           string
	Approver     Ref
	Status       Ref
	Comments     string
	SentOn       Time
	ApprovedTime Time
	Raw          Raw
}

var approvalRecord = &recordType[Approval]{
	name: "approval", root: "approval", roots: []string{"approval"}, lists: []string{"approvals"},
	decode: func(r Raw) Approval {
		return Approval{
			ID: r.Text("id"), Approver: r.Ref("approver"), Status: r.Ref("status"), Comments: r.Text("comments"),
			SentOn: r.Time("sent_on"), ApprovedTime: r.Time("approved_time", "action_taken_on"), Raw: r,
		}
	},
}

// ApprovalLevels are the steps of one record's approval.
type ApprovalLevels struct{ Collection[ApprovalLevel] }

// ApprovalLevels returns the steps of a request's approval. On premises the approvers are in the call that makes a level.
func (s Requests) ApprovalLevels(id string) ApprovalLevels {
	return ApprovalLevels{newCollection(s.client, approvalLevelRecord, s.path.withID(id).to("approval_levels"))}
}

// Approvals are what people say in one step.
type Approvals struct{ Collection[Approval] }

// Approvals returns what people say in a step.
func (l ApprovalLevels) Approvals(level string) Approvals {
	return Approvals{newCollection(l.client, approvalRecord, l.path.withID(level).to("approvals"))}
}

// NotificationContent returns the mail that approvers would get.
func (a Approvals) NotificationContent(ctx context.Context) (Raw, error) {
	return a.getObject(ctx, "preview", a.path.to("get_notification_content"), "notification_content", "notification", "approval")
}

// SendNotification asks approvers by mail: only then can they approve or reject.
func (a Approvals) SendNotification(ctx context.Context, ids ...string) error {
	for _, id := range ids {
		if !idText.MatchString(id) {
			return invalidInput("notify approval", "an id is a whole number")
		}
	}
	return a.actWithQuery(ctx, "notify", http.MethodPut, a.path.to("send_notification"), url.Values{"ids": {strings.Join(ids, ",")}})
}

// Approve approves for the approver, in the name of the owner of the token.
func (a Approvals) Approve(ctx context.Context, id, comments string) error {
	return a.decide(ctx, id, "approve", comments)
}

// Reject rejects.
func (a Approvals) Reject(ctx context.Context, id, comments string) error {
	return a.decide(ctx, id, "reject", comments)
}

func (a Approvals) decide(ctx context.Context, id, decision, comments string) error {
	at := a.path.withID(id).to(a.client.config.Edition.actionName(decision))
	return a.act(ctx, decision, http.MethodPut, at, Fields{"approval": Fields{"comments": comments}})
}

package sdptest

import (
	"strings"
)

// approvalEntities describes levels of approval and the approvals in them.
func approvalEntities() []*entity {
	return []*entity{
		{
			table: "approval_levels", brief: []string{"id", "level"},
			fields: joinFields(
				numberFields("level").readOnly(), objectField("status", textFields("name")).readOnly(), textFields("rule"),
				freeFields("approvals").writeOnly(), // approvers, on-premises in the same call
			),
			defaults: func(c *call, r *row) {
				r.fields["level"] = itoa(len(c.server.children("approval_levels", r.parent)) + 1)
				r.fields["status"] = Record{"name": "Pending Approval"}
			},
			check: checkApprovalLevel, saved: approvalLevelSaved,
		},
		{
			table: "approvals", brief: []string{"id"}, mandatory: []string{"approver"},
			fields: joinFields(
				referenceTo("users", "approver").createOnly(), objectField("status", textFields("name")).readOnly(), textFields("comments"),
				timeFields("sent_on", "approved_time").readOnly(),
			),
			defaults: func(_ *call, r *row) { r.fields["status"] = Record{"name": "Pending Approval"} },
		},
	}
}

// checkApprovalLevel wants approvers in the same call on-premises.
func checkApprovalLevel(c *call, before, _ *row, input Record) error {
	approvals, _ := input["approvals"].([]any)
	if before == nil && !c.dialect.cloud() && len(approvals) == 0 {
		return refuseMissing("approvals")
	}
	for _, one := range approvals {
		object, _ := one.(Record)
		if _, err := c.resolve(&field{wire: "approver", table: "users"}, object["approver"], nil); err != nil {
			return err
		}
	}
	return nil
}

func approvalLevelSaved(c *call, before, after *row, input Record) {
	if before != nil {
		return
	}
	approvals, _ := input["approvals"].([]any)
	for _, one := range approvals {
		object, _ := one.(Record)
		approver, err := c.resolve(&field{wire: "approver", table: "users"}, object["approver"], nil)
		if err != nil {
			continue // was checked
		}
		c.server.table("approvals").add(&row{id: c.server.nextID(), parent: key("approval_levels", after.id), fields: Record{
			"approver": approver, "status": Record{"name": "Pending Approval"},
		}})
	}
}

// addApprovalRoutes registers levels under a kind of record. approval_status of the record itself does not
// follow them.
func addApprovalRoutes(d *dialect, parent string) {
	levels := "/" + parent + "/{}/approval_levels"
	d.resource(resource{path: levels, table: "approval_levels", parents: []string{parent}, verbs: "list create get delete"})
	path, parents := levels+"/{}/approvals", []string{parent, "approval_levels"}
	approvals := resource{path: path, table: "approvals", parents: parents, verbs: "list create get delete"}
	d.routes.add("GET "+path+"/get_notification_content", func(c *call) (*answer, error) {
		if _, err := c.ancestors(parents); err != nil {
			return nil, err
		}
		return &answer{body: Record{"response_status": successStatus(), "notification": Record{"subject": "Approval required", "description": "<p>Please decide.</p>"}}}, nil
	})
	d.routes.add("PUT "+path+"/send_notification", func(c *call) (*answer, error) { return c.sendApprovals(parents) })
	d.resource(approvals)
	for action, status := range map[string]string{"approve": "Approved", "reject": "Rejected"} {
		for _, name := range d.action(action) {
			d.routes.add("PUT "+path+"/{}/"+name, func(c *call) (*answer, error) { return c.decideApproval(&approvals, status) })
		}
	}
}

func (c *call) sendApprovals(tables []string) (*answer, error) {
	parents, err := c.ancestors(tables)
	if err != nil {
		return nil, err
	}
	if err := c.checkParameters("ids"); err != nil {
		return nil, err
	}
	level := key("approval_levels", parents[1].id)
	return c.inBulk(func(id string) error {
		r := c.server.table("approvals").byID[id]
		if r == nil || r.parent != level {
			return refuseUnknown("ids")
		}
		r.fields["sent_on"] = c.now
		return nil
	})
}

// decideApproval works after the notification was sent.
func (c *call) decideApproval(approvals *resource, status string) (*answer, error) {
	r, _, err := c.member(approvals)
	if err != nil {
		return nil, err
	}
	input, err := c.root("approval")
	if err != nil {
		return nil, err
	}
	if r.fields["sent_on"] == nil || r.fields.text("status.name") != "Pending Approval" {
		return nil, refuseField(codeNotEditable, "status", "Approval is not pending")
	}
	if err := c.updateFrom(c.dialect.entities["approvals"], input, r); err != nil {
		return nil, err
	}
	r.fields["status"], r.fields["approved_time"] = Record{"name": status}, c.now
	return succeedWithText("Approval " + strings.ToLower(status)), nil
}

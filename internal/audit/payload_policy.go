package audit

import (
	"bytes"
	"encoding/json"

	"github.com/google/uuid"
)

// The values of spec.audit.payloads. Anything else is as PayloadsRedacted.
const (
	PayloadsNone     = "None"
	PayloadsRedacted = "Redacted"
	PayloadsFull     = "Full"
)

// maxRedactable bounds what is redacted, in bytes without white space: of a longer value its length is kept. No call has more.
const maxRedactable = 8 << 20

// PayloadPolicy is what a connection keeps of what is said.
type PayloadPolicy struct {
	// Payloads is a value of spec.audit.payloads.
	Payloads string
	// Keys seal what is kept in full; without, nothing is.
	Keys Keys
	// Knows says what is a name in a list of the connection; nil for nothing.
	Knows KnowsName
}

// Make returns what is kept of a JSON value in the row of an id.
func (p *PayloadPolicy) Make(table Table, connection string, row uuid.UUID, value json.RawMessage, fields Fields) (Payload, error) {
	if p.Payloads == PayloadsNone || len(value) == 0 {
		return Payload{}, nil
	}
	var compacted bytes.Buffer
	if json.Compact(&compacted, value) == nil {
		value = compacted.Bytes()
	}
	kept := Payload{Redacted: Redact(value, fields, p.Knows)}
	if p.Payloads != PayloadsFull || p.Keys == nil {
		return kept, nil
	}
	var err error
	kept.Sealed, err = SealPayload(p.Keys, table, connection, row, value)
	return kept, err
}

// JoinSaid returns one JSON value of what was sent and answered; nil where neither is there.
func JoinSaid(sent, answered []byte) json.RawMessage {
	if len(sent) == 0 && len(answered) == 0 {
		return nil
	}
	said := make([]byte, 0, len(sent)+len(answered)+24)
	said = append(said, '{')
	if len(sent) > 0 {
		said = append(append(said, `"sent":`...), sent...)
	}
	if len(answered) > 0 {
		if len(sent) > 0 {
			said = append(said, ',')
		}
		said = append(append(said, `"answered":`...), answered...)
	}
	return append(said, '}')
}

// SDPFields are the fields that calls of ServiceDesk Plus have. What is in them is decided by their names.
var SDPFields = func() Fields {
	fields := Fields{"condition": {Kind: EnumField, Values: []string{
		"is", "is not", "contains", "not contains", "starts with", "ends with", "greater than", "lesser than", "greater or equal", "lesser or equal", "between",
	}}, "logical_operator": {Kind: EnumField, Values: []string{"AND", "OR", "and", "or"}}, "sort_order": {Kind: EnumField, Values: []string{"asc", "desc"}}}
	for _, name := range []string{
		"sent", "answered", "list_info", "row_count", "start_index", "page", "has_more_rows", "get_total_count", "total_count", "sort_field", "sort_fields",
		"search_criteria", "field", "value", "values", "children", "fields_required", "response_status", "status_code", "messages", "message", "fields",
		"type", "request", "requests", "id", "display_id", "display_key", "subject", "short_description", "description", "requester", "technician", "created_by",
		"status", "priority", "urgency", "impact", "category", "subcategory", "item", "group", "site", "template", "level", "mode", "request_type",
		"department", "created_time", "due_by_time", "first_response_due_by_time", "resolved_time", "completed_time", "last_updated_time", "deleted_time",
		"assigned_time", "responded_time", "is_overdue", "is_escalated", "is_service_request", "has_notes", "has_attachments", "udf_fields", "resolution",
		"content", "closure_info", "closure_code", "closure_comments", "requester_ack_resolution", "note", "notes", "show_to_requester", "mark_first_response",
		"add_to_linked_requests", "notify_technician", "worklog", "worklogs", "owner", "time_spent", "hours", "minutes", "start_time", "end_time",
		"include_nonoperational_hours", "task", "tasks", "title", "percentage_completion", "estimated_effort_hours", "estimated_effort_minutes",
		"scheduled_start_time", "scheduled_end_time", "actual_start_time", "actual_end_time", "project", "projects", "project_type", "milestone", "milestones",
		"members", "problem", "problems", "change", "changes", "asset", "assets", "solution", "solutions", "user", "users", "technicians", "name", "email_id",
		"is_technician", "onhold_scheduler", "scheduled_time", "change_to_status", "update_reason", "status_change_comments", "linked_requests",
		"link_requests", "comments", "in_progress", "internal_name", "deleted", "color", "display_value", "linked_request", "link_request",
		"request_note", "problem_note", "change_note", "milestone_comment", "project_comment", "task_comment", "parent_comment", "comment",
		"requester_ack_comments", "request_worklog", "request_worklogs", "worklog_type", "stop_timer", "tech_charge", "total_charge", "total_time_spent",
		"service_category", "due_by", "is_public", "project_member", "project_members", "member", "role", "project_code", "projected_end",
		"task_dependency", "task_dependencies", "parent_task", "child_task", "task_type", "owner_group", "actual_end", "scheduled_start", "scheduled_end",
		"reported_by", "reported_time", "due_by_date", "closed_time", "symptoms", "symptoms_description", "root_cause", "root_cause_description",
		"impact_details", "impact_details_description", "resolution_details", "resolution_details_description", "workaround_details",
		"workaround_details_description", "known_error_details", "is_known_error", "change_type", "change_requester", "change_owner", "change_manager",
		"stage", "workflow", "risk", "reason_for_change", "roll_out_plan", "roll_out_plan_description", "back_out_plan", "back_out_plan_description",
		"request_caused_by_change", "request_initiated_change", "approval_level", "approval_levels", "approval", "approvals", "approval_status",
		"asset_computer", "asset_workstation", "workstation", "asset_state", "asset_tag", "serial_number", "product", "product_type",
	} {
		fields[name] = FieldByName(name)
	}
	return fields
}()

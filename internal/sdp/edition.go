package sdp

import (
	"maps"
	"slices"
	"strings"
)

// Edition is which ServiceDesk Plus is spoken to. All that differs between the two is in this file.
//
// Names of fields are those of on-premises' v3 (what its documentation calls the new format); the cloud kept some older ones.
// Callers use these names with both editions, and read aliases of both.
type Edition string

const (
	// Cloud is ServiceDesk Plus Cloud: OAuth tokens, underscored actions, ids of 15 digits and more.
	Cloud Edition = "Cloud"
	// OnPremises is ServiceDesk Plus: API keys, small ids.
	OnPremises Edition = "OnPremises"
)

// accept selects the v3 format (on premises the newer of two).
const accept = "application/vnd.manageengine.sdp.v3+json"

// authorization returns the header that carries the token.
func (e Edition) authorization(token string) (name, value string) {
	if e == OnPremises {
		return "authtoken", token
	}
	return "Authorization", "Zoho-oauthtoken " + token
}

// actionName returns the segment of a path for an action: "_close" or "close". See actionNames for those whose spelling is open.
func (e Edition) actionName(action string) string {
	if e == OnPremises {
		return action
	}
	return "_" + action
}

// actionNames returns what an action may be called whose spelling in the cloud is in no public text, the likelier first.
func (e Edition) actionNames(action string) []string {
	if e == OnPremises {
		return []string{action}
	}
	return []string{action, "_" + action}
}

// sendsDeleteInBody reports where the input of a DELETE goes first: to the form on premises, to the query in the cloud. No public
// text says.
func (e Edition) sendsDeleteInBody() bool { return e == OnPremises }

// requiresFieldsBesideListInfo reports where fields_required goes: beside list_info on premises, inside it in the cloud.
func (e Edition) requiresFieldsBesideListInfo() bool { return e == OnPremises }

// uploadForm is how a file is attached: method, last segment, name of the form's file, and other values of the form.
type uploadForm struct {
	method, segment, file string
	values                map[string]string
}

// uploadForms returns how a file may be attached, the likelier first: the cloud has two documented ways.
func (e Edition) uploadForms() []uploadForm {
	plain := uploadForm{method: "PUT", segment: "upload", file: "input_file"}
	if e == OnPremises {
		return []uploadForm{plain}
	}
	return []uploadForm{{"POST", "_uploads", "filename", map[string]string{"addtoattachment": "true"}}, plain}
}

// cloudRoots are the names that a record has in the cloud, by that on premises.
var cloudRoots = map[string]string{
	"request note": "request_note", "project member": "project_member",
	"project comment": "project_comment", "milestone comment": "milestone_comment", "task comment": "task_comment",
}

// rootOf returns the name of a record's JSON object in what is sent.
func (e Edition) rootOf(record, root string) string {
	if cloud, differs := cloudRoots[record]; differs && e == Cloud {
		return cloud
	}
	return root
}

// membersSegment is the segment of a project's members.
func (e Edition) membersSegment() string {
	if e == OnPremises {
		return "members"
	}
	return "project_members"
}

// workstationsSegments are the paths that the computers among the assets may have, the likelier first.
func (e Edition) workstationsSegments() []string {
	if e == OnPremises {
		return []string{"workstations"}
	}
	return []string{"asset_workstations", "asset_computers"}
}

// trashSegments are what follows a request or a change whose DELETE moves it to the trash: a bare one purges on premises.
func (e Edition) trashSegments() []string {
	if e == OnPremises {
		return []string{"move_to_trash"}
	}
	return nil
}

// naming is what fields are called where that differs from on premises, by their names there.
type naming map[string]string

// cloudNamings are the names of fields in the cloud, by record. Public texts disagree about projects: the likelier names come first.
var cloudNamings = map[string][]naming{
	"request": {{"cancel_requested": "cancellation_requested", "reason_for_cancel": "cancel_flag_comments"}},
	"project": {
		{"code": "project_code", "type": "project_type", "projected_end_time": "projected_end"},
		{"code": "project_code", "type": "project_type", "projected_end_time": "projected_end", "requester": "requested_by"},
		{"projected_end_time": "projected_end"},
	},
	"worklog":           {{"type": "worklog_type", "other_cost": "other_charge", "owner_cost": "tech_charge", "total_cost": "total_charge"}},
	"project comment":   {{"content": "comment"}},
	"milestone comment": {{"content": "comment"}},
	"task comment":      {{"content": "comment"}},
	"request note":      {{"added_by": "created_by", "added_time": "created_time"}},
	"problem note":      {{"added_by": "created_by", "added_time": "created_time"}},
	"change note":       {{"added_by": "created_by", "added_time": "created_time"}},
	"topic":             {{"parent": "parent_topic"}},
	"user":              {{"is_vipuser": "is_vip_user"}},
	"requester":         {{"is_vipuser": "is_vip_user"}},
	"technician":        {{"is_vipuser": "is_vip_user"}},
}

// namingsOf returns what the fields of a record may be called, the likelier first.
func (e Edition) namingsOf(record string) []naming {
	if namings := cloudNamings[record]; e == Cloud && namings != nil {
		return namings
	}
	return []naming{nil}
}

// rename returns what a field is called, of which the part before the first dot may differ.
func (n naming) rename(field string) string {
	first, rest, isDotted := strings.Cut(field, ".")
	if renamed, differs := n[first]; differs {
		first = renamed
	}
	if isDotted {
		return first + "." + rest
	}
	return first
}

// isNamedOtherwise reports whether a failure may say that SDP has another name for a field of the record.
func isNamedOtherwise(record string, failed *Error) bool {
	if failed.Kind != KindRejected || failed.Code != 4001 {
		return false
	}
	return slices.ContainsFunc(failed.Fields, func(field string) bool {
		first, _, _ := strings.Cut(field, ".")
		return slices.ContainsFunc(cloudNamings[record], func(n naming) bool {
			_, isOnPremises := n[first]
			return isOnPremises || slices.Contains(slices.Collect(maps.Values(n)), first)
		})
	})
}

// translate returns fields of a record under the names that they are called.
func (e Edition) translate(record string, names naming, fields Fields) Fields {
	translated := make(Fields, len(fields))
	for name, value := range fields {
		effort, isEffort := value.(Effort)
		if e == Cloud && isEffort && strings.HasSuffix(record, "task") {
			// The cloud has three fields for it.
			translated[name+"_days"], translated[name+"_hours"], translated[name+"_minutes"] = effort.parts()
			continue
		}
		translated[names.rename(name)] = value
	}
	return translated
}

// apiRoot returns what every path begins with: /app/<portal>/api/v3, or /api/v3 for the default portal.
func apiRoot(portal string) string {
	if portal == "" {
		return "/api/v3"
	}
	return "/app/" + portal + "/api/v3"
}

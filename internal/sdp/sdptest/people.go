package sdptest

// peopleEntities describes people, and when they are away.
func peopleEntities() []*entity {
	return []*entity{
		{
			table: "users", many: "users", one: "user",
			brief:     []string{"id", "name", "email_id", "phone", "mobile", "photo_url", "is_vip_user", "is_technician", "cost_per_hour"},
			mandatory: []string{"name"},
			fields: joinFields(
				textFields("name", "first_name", "last_name", "email_id", "phone", "mobile", "photo_url", "job_title", "employee_id", "status"),
				booleanFields("is_technician", "is_vip_user"), numberFields("cost_per_hour"),
				referenceTo("departments", "department"), referenceTo("sites", "site"), referenceTo("users", "reporting_to"),
				booleanFields("org_user_status", "purchase_approver", "service_request_approver").in(shapeOld, shapeNew),
				freeFields("citype", "ci_default_fields", "linked_instance", "profile_pic").in(shapeOld, shapeNew).with(func(f *field) { f.unlisted = true }),
			),
			views: func(name string) func(*call, *row) bool {
				switch name {
				case "AllUsers", "All_Users":
					return func(*call, *row) bool { return true }
				}
				return nil
			},
		},
		{
			table: "unavailability", one: "unavailability", many: "unavailability",
			fields: joinFields(technicianFields("technician"), timeFields("from", "to"), textFields("reason")),
		},
	}
}

func addPeopleRoutes(d *dialect) {
	anybody := func(*call, []*row, *row) bool { return true }
	isTechnician := func(_ *call, _ []*row, r *row) bool { return r.fields.flag("is_technician") }
	isRequester := func(_ *call, _ []*row, r *row) bool { return !r.fields.flag("is_technician") }
	d.resource(resource{path: "/users", table: "users", verbs: "list get", within: anybody})
	d.resource(resource{path: "/technicians", table: "users", verbs: "list get", one: "technician", many: "technicians", within: isTechnician})
	d.resource(resource{path: "/requesters", table: "users", verbs: "list get", one: "requester", many: "requesters", within: isRequester})
	d.resource(resource{path: "/unavailability", table: "unavailability", verbs: "list"})
}

package sdptest

import "time"

// worklogEntity describes time spent, whose names differ most.
func worklogEntity(s *Server) *entity {
	extras := fields{}
	if s.options.Site.WorklogExtrasAccepted {
		extras = joinFields(textFields("status").writeOnly(), booleanFields("is_billable").writeOnly())
	}
	return &entity{
		table: "worklogs",
		fields: joinFields(
			referenceTo("users", "owner"), htmlText("description").listed(), timeFields("start_time", "end_time"), durationFields("time_spent"),
			booleanFields("include_nonoperational_hours"), referenceTo("worklog_types", "type"),
			textFields("tech_charge", "total_charge").readOnly(), numberFields("other_charge"),
			booleanFields("mark_first_response", "add_time_to_linked").writeOnly(),
			timeFields("recorded_time").readOnly(), referenceTo("users", "created_by").readOnly(), extras,
		),
		defaults: defaultWorklog, check: checkWorklog, saved: worklogSaved,
	}
}

func defaultWorklog(c *call, r *row) {
	stampWriter(c, r)
	r.fields["recorded_time"] = c.now
	for _, name := range []string{"tech_charge", "other_charge", "total_charge"} {
		r.fields[name] = "0.00"
	}
}

// checkWorklog wants an owner, in the cloud by a rule of the API.
func checkWorklog(c *call, before, after *row, input Record) error {
	e := c.dialect.entities["worklogs"]
	if after.fields["owner"] == nil {
		if c.dialect.cloud() {
			return refuseMissing(e.wireNames([]string{"owner"})...)
		}
		after.fields["owner"] = reference{"users", c.user}
	}
	if before == nil && c.server.options.Site.WorklogsMisparsedInQuery && c.query.Has("input_data") {
		for _, name := range []string{"time_spent", "start_time", "end_time", "type"} {
			after.fields[name] = nil
		}
	}
	start, isStart := asMoment(after.fields["start_time"])
	end, isEnd := asMoment(after.fields["end_time"])
	if input[e.wireNames([]string{"time_spent"})[0]] == nil && isStart && isEnd && !end.Before(start) {
		after.fields["time_spent"] = end.Sub(start)
	}
	if after.fields["time_spent"] == nil {
		after.fields["time_spent"] = time.Duration(0)
	}
	return nil
}

func worklogSaved(c *call, before, after *row, input Record) {
	request := c.server.rowOfKey(after.parent)
	if request == nil || after.parent != key("requests", request.id) {
		return
	}
	if first, _ := parseBoolean(&field{}, input["mark_first_response"]); first == true && request.fields["responded_time"] == nil {
		request.fields["responded_time"] = c.now
	}
	name := c.dialect.entities["worklogs"].wireNames([]string{"add_time_to_linked"})[0]
	if linked, _ := parseBoolean(&field{}, input[name]); before == nil && linked == true {
		c.copyToLinked("worklogs", request, after)
	}
}

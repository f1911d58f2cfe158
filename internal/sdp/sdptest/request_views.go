package sdptest

import (
	"strings"
	"time"
)

// requestView returns what a saved view of requests shows; nil for a view that does not exist.
func requestView(name string) func(*call, *row) bool {
	switch name {
	case "All_Requests", "All_User":
		return func(*call, *row) bool { return true }
	case "Open_Requests", "Open_System":
		return isOpenRequest
	case "Overdue_Requests":
		return isOverdueRequest
	case "Requests_Due_Today":
		return isDueToday
	case "Unassigned_Requests":
		return func(c *call, r *row) bool { return isOpenRequest(c, r) && r.fields["technician"] == nil }
	case "Requests_Pending_Approval":
		return func(c *call, r *row) bool {
			return isOpenRequest(c, r) && len(c.server.children("approval_levels", key("requests", r.id))) > 0
		}
	case "Waiting_For_My_Update":
		return func(c *call, r *row) bool { return isMine(c, r) && c.server.statusName(r) == "Onhold" }
	case "Updated_By_Me":
		return func(c *call, r *row) bool { return r.fields.refersTo("editor") == c.user }
	}
	return myRequestView(name)
}

// myRequestView returns the views of the caller's requests, which on some sites show closed ones too.
func myRequestView(name string) func(*call, *row) bool {
	var also func(*call, *row) bool
	switch name {
	case "My_Open_Requests":
		also = isOpenRequest
	case "My_Pending_Requests":
		also = func(c *call, r *row) bool { return c.server.statusName(r) == "Onhold" }
	case "My_Overdue_Requests":
		also = isOverdueRequest
	case "My_Requests_Due_Today":
		also = isDueToday
	case "My_Closed_Requests":
		also = func(c *call, r *row) bool { return !isOpenRequest(c, r) }
	default:
		return nil
	}
	return func(c *call, r *row) bool {
		leaks := c.server.options.Site.MyViewsReturnClosed && strings.HasPrefix(name, "My_") && !isOpenRequest(c, r)
		return isMine(c, r) && (leaks || also(c, r))
	}
}

// viewNames are the views that have an id.
func viewNames() []string {
	return []string{
		"All_Requests", "Open_Requests", "Overdue_Requests", "Requests_Due_Today", "Unassigned_Requests", "My_Open_Requests",
		"My_Pending_Requests", "My_Overdue_Requests", "My_Requests_Due_Today", "My_Closed_Requests", "Requests_Pending_Approval",
		"Waiting_For_My_Update", "Updated_By_Me", "Open_System", "All_User",
	}
}

func isOpenRequest(c *call, r *row) bool { return c.server.isOngoing(r) }

func isMine(c *call, r *row) bool { return r.fields.refersTo("technician") == c.user }

func isOverdueRequest(c *call, r *row) bool {
	due, is := r.fields["due_by_time"].(time.Time)
	return is && isOpenRequest(c, r) && due.Before(c.now)
}

func isDueToday(c *call, r *row) bool {
	due, is := r.fields["due_by_time"].(time.Time)
	zone := c.server.options.Zone
	return is && isOpenRequest(c, r) && due.In(zone).Format(time.DateOnly) == c.now.In(zone).Format(time.DateOnly)
}

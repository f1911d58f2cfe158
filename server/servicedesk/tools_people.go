package servicedesk

import (
	"context"
	"fmt"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/tool"
)

// usersScope is the OAuth scope that reading people needs.
const usersScope = "SDPOnDemand.users.READ"

type findPeopleInput struct {
	target
	Query string  `json:"query" description:"Part of a name or an e-mail address" bounds:"2..100"`
	Kind  *string `json:"kind,omitempty" description:"any when absent" enum:"any,requester,technician"`
	Limit *int64  `json:"limit,omitempty" description:"25 when absent" bounds:"1..50"`
}

// personRow is somebody. There are no telephone numbers.
type personRow struct {
	ID           string `json:"id"`
	Name         string `json:"name"`
	Email        string `json:"email,omitempty"`
	Department   string `json:"department,omitempty"`
	IsTechnician *bool  `json:"is_technician,omitempty"`
}

type peopleResult struct {
	People []personRow `json:"people"`
	More   bool        `json:"more,omitempty"`
	Trust  string      `json:"trust"`
}

// findPeople answers find_people with one call of SDP, or two where a cloud has no list of technicians.
func (s *Service) findPeople(ctx context.Context, in findPeopleInput) (*tool.Result[peopleResult], error) {
	d, err := s.openDesk(ctx, in.target, peopleToolset)
	if err != nil {
		return nil, err
	}
	list := d.client.Users().List
	switch valueOr(in.Kind, "any") {
	case "technician":
		list = d.client.ListTechnicians
	case "requester":
		list = d.client.Requesters().List
	}
	page, err := list(ctx, sdp.ListOptions{
		Rows: paging{Limit: in.Limit}.rows(), Where: sdp.Any(sdp.Where("name", sdp.Contains, in.Query), sdp.Where("email_id", sdp.Contains, in.Query)),
		Fields: []string{"id", "name", "email_id", "department", "is_technician"},
	})
	if err != nil {
		return nil, needScope(usersScope, err)
	}
	result := peopleResult{People: []personRow{}, More: page.Next != 0, Trust: untrusted}
	shown := newTable("id", "name", "email", "department", "technician")
	for _, p := range page.Items {
		row := personRow{ID: p.ID, Name: shortenLine(p.Name), Email: oneLine(p.Email), Department: oneLine(p.Department.Name), IsTechnician: p.IsTechnician}
		isTechnician := ""
		if p.IsTechnician != nil {
			isTechnician = map[bool]string{true: "yes", false: "no"}[*p.IsTechnician]
		}
		if !shown.append([]string{row.ID, row.Name, row.Email, row.Department, isTechnician}) {
			result.More = true
			break
		}
		result.People = append(result.People, row)
	}
	said := fmt.Sprintf("%d people.", len(result.People))
	if result.More {
		said += " There are more; give more of the name."
	}
	return tool.NewResult(said+"\n"+shown.text(), result), nil
}

package servicedesk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lectern-dev/lectern/internal/sdp"
	"github.com/lectern-dev/lectern/server/auth"
	"github.com/lectern-dev/lectern/server/tool"
)

type connectionStatusInput struct{ target }

// connectionState is how a connection is.
type connectionState struct {
	Connection string   `json:"connection"`
	Edition    string   `json:"edition"`
	Mode       string   `json:"mode"`
	YouMay     string   `json:"you_may"`
	Suspended  bool     `json:"suspended,omitempty"`
	Toolsets   []string `json:"toolsets"`
	Token      string   `json:"token"`
	Budget     string   `json:"call_budget"`
	Lookups    []string `json:"lookups"`
	Projects   string   `json:"project_cache,omitempty"`
	LastErrors []string `json:"last_errors,omitempty"`
	You        string   `json:"you"`
	TimeZone   string   `json:"time_zone"`
}

type statusResult struct {
	Connections []connectionState `json:"connections"`
	Off         []string          `json:"off,omitempty"`
}

// connectionStatus answers connection_status without a call of SDP, for the connection that is named or for all that the caller sees.
func (s *Service) connectionStatus(ctx context.Context, in connectionStatusInput) (*tool.Result[statusResult], error) {
	identity, ok := auth.FromContext(ctx)
	if !ok {
		return nil, auth.ErrDenied
	}
	var seen []*connection
	if in.Connection != nil {
		d, err := s.openDesk(ctx, in.target, "")
		if err != nil {
			return nil, err
		}
		seen = []*connection{d.connection}
	} else {
		err := s.directory.waitLoaded(ctx)
		if err == nil {
			seen, err = s.visibleConnections(ctx, identity, endpointOf(ctx))
		}
		if err != nil {
			return nil, err
		}
	}
	result := statusResult{Connections: []connectionState{}, Off: s.off}
	var text strings.Builder
	shown := seen[:min(len(seen), shownConnections)]
	operable, err := s.reviewConnections(ctx, identity, auth.Operate, slices.DeleteFunc(slices.Clone(shown), func(c *connection) bool { return !c.isReadWrite() }))
	if err != nil {
		return nil, err
	}
	for _, c := range shown {
		d := &desk{connection: c, settings: c.now.Load(), identity: identity}
		state, err := d.describeState(ctx, time.Now())
		if err != nil {
			return nil, err
		}
		state.YouMay = d.describeRights(slices.Contains(operable, c))
		result.Connections = append(result.Connections, state)
		text.WriteString(state.text())
	}
	if len(seen) == 0 {
		text.WriteString("There is no connection to ServiceDesk Plus that you may use.\n")
	}
	if len(s.off) > 0 {
		text.WriteString("off at this server: " + strings.Join(s.off, ", ") + "\n")
	}
	text.WriteString(s.describeFileFaults())
	if more := len(seen) - len(result.Connections); more > 0 {
		fmt.Fprintf(&text, "There are %d more; name one.\n", more)
	}
	return tool.NewResult(strings.TrimSuffix(text.String(), "\n"), result), nil
}

// statusTool is the name of the tool that says how connections are.
const statusTool = "connection_status"

// shownFaults is how many faults of files are named.
const shownFaults = 3

// describeFileFaults says what keeps files from being served as they are; nothing where there are none.
func (s *Service) describeFileFaults() string {
	if s.fileFaults == nil {
		return ""
	}
	first, total := s.fileFaults.Faults(shownFaults)
	if total == 0 {
		return ""
	}
	text := "fault: " + strings.Join(first, "\nfault: ") + "\n"
	if more := total - len(first); more > 0 {
		text += fmt.Sprintf("There are %d more faults, which lectern validate shows.\n", more)
	}
	return text
}

// shownConnections is how many connections are described at once.
const shownConnections = 5

func (d *desk) describeState(ctx context.Context, now time.Time) (connectionState, error) {
	state := connectionState{
		Connection: d.key.String(), Edition: d.Edition, Mode: d.Access.Mode, Suspended: d.Suspended, Toolsets: d.Access.Toolsets,
		Token: d.describeToken(now), TimeZone: d.zone.String(),
		Budget: fmt.Sprintf("%d calls a minute, %d at once, of all replicas together", d.RequestsPerMinute, d.Burst),
		You:    "nobody: spec.callers has no entry for " + d.identity.Subject,
	}
	if pause := d.rate.pausedFor(); pause > 0 {
		state.Budget += fmt.Sprintf("; used up for %d s", auth.RetrySeconds(pause))
	}
	if me, known := d.person(); known {
		state.You = me.Email
	}
	lists, err := d.service.store.ListLookups(ctx, d.id)
	if err != nil {
		return state, err
	}
	state.Lookups = []string{}
	for _, list := range d.lookups.withOwn(lists) {
		state.Lookups = append(state.Lookups, fmt.Sprintf("%s %d, read %s", list.Type, list.Entries, formatTime(sdp.At(list.RefreshedAt), d.zone)))
	}
	if slices.Contains(d.Access.Toolsets, projectsToolset) {
		if state.Projects, err = d.describeProjectCache(ctx); err != nil {
			return state, err
		}
	}
	for _, failed := range d.failures.list() {
		state.LastErrors = append(state.LastErrors,
			fmt.Sprintf("%s %s: %s (HTTP %d)", formatTime(sdp.At(failed.SentAt), d.zone), failed.Op, failed.Kind, failed.Status))
	}
	return state, nil
}

// describeRights says whether the caller may write through the connection, and if not, why.
func (d *desk) describeRights(mayOperate bool) string {
	switch {
	case d.Access.Mode != readWriteMode:
		return "read; nobody writes through this connection (spec.access.mode)"
	case d.service.writesOff:
		return "read; this server does not write (--write-intents=off)"
	case mayOperate:
		return "read and write"
	case auth.IsLocalUser(d.identity):
		return "read; nobody is authenticated at this server, and to write takes --allow-anonymous-writes"
	}
	return "read; to write takes the verb operate on this connection"
}

// describeProjectCache says what near titles of projects are found among.
func (d *desk) describeProjectCache(ctx context.Context) (string, error) {
	known := d.service.projects
	if known == nil {
		return "off: near titles are not found, and tasks have no history", nil
	}
	state, err := known.ReadProjectCache(ctx, d.id)
	if err != nil {
		return "", err
	}
	said := "not read yet"
	if !state.ReadAt.IsZero() {
		said = fmt.Sprintf("%d projects, read %s", state.Projects, formatTime(sdp.At(state.ReadAt), d.zone))
	}
	if _, isOwn := known.(*ProjectMemory); isOwn {
		said += "; in the memory of this process alone, as is the history of tasks"
	}
	return said, nil
}

func (d *desk) describeToken(now time.Time) string {
	if d.tokenProblem != "" {
		return d.describeTokenAge(now) + "; " + d.tokenProblem
	}
	return d.describeTokenAge(now)
}

func (d *desk) describeTokenAge(now time.Time) string {
	switch {
	case d.token == nil:
		return "none yet"
	case d.token.ExpiresAt.IsZero():
		return "an API key, " + shortSpan(now.Sub(d.token.IssuedAt)) + " old"
	case !now.Before(d.token.ExpiresAt):
		return "expired " + shortSpan(now.Sub(d.token.ExpiresAt)) + " ago"
	}
	return shortSpan(now.Sub(d.token.IssuedAt)) + " old, expires in " + shortSpan(d.token.ExpiresAt.Sub(now))
}

func (c *connectionState) text() string {
	lines := []string{
		c.Connection + " (" + c.Edition + ", " + c.Mode + ")", "toolsets: " + strings.Join(c.Toolsets, ", "), "token: " + c.Token,
		"call budget: " + c.Budget, "lookups: " + cmp.Or(strings.Join(c.Lookups, "; "), "none is read yet"),
	}
	if c.Projects != "" {
		lines = append(lines, "project cache: "+c.Projects)
	}
	lines = append(lines, "you are: "+c.You, "you may: "+c.YouMay, "time zone: "+c.TimeZone)
	if c.Suspended {
		lines = append(lines, "suspended")
	}
	for _, failed := range c.LastErrors {
		lines = append(lines, "error: "+failed)
	}
	return strings.Join(lines, "\n") + "\n"
}

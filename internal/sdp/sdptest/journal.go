package sdptest

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const redacted = "[redacted]"

// Call is one call as it was received and answered. Secrets are never in it: of headers and parameters
// only names, in values tokens and keys are replaced.
type Call struct {
	Number   int
	Accounts bool // of the accounts server
	Method   string
	Path     string // without query
	Input    Record // decoded input_data; nil when there was none
	// Parameters are those of the accounts server, secrets replaced.
	Parameters             map[string]string
	Headers, Query, Fields []string // names, sorted; Fields are those of the body
	InQuery                bool     // input_data was in the query
	At                     time.Time

	Done    bool // the answer is known
	Status  int  // HTTP; 0 while the call runs
	Code    int  // the first of response_status: 2000, or that of a message
	Wrote   bool // something was changed
	Dropped bool // the connection was closed instead of an answer
	Fault   string
}

// journal remembers calls. Its lock is never held while another one is taken.
type journal struct {
	mu      sync.Mutex
	calls   []*Call
	number  int
	size    int
	changed chan struct{} // closed by the next change
	pattern *regexp.Regexp
	secrets []string
}

func (j *journal) init(o Options) {
	j.size, j.changed = o.JournalSize, make(chan struct{})
	j.pattern = regexp.MustCompile(`1000\.[0-9a-zA-Z]{16,}(\.[0-9a-zA-Z]{16,})?`)
	j.addSecrets(o.ClientSecret, o.APIKey)
}

// addSecrets has values replaced wherever they occur.
func (j *journal) addSecrets(values ...string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, v := range values {
		if v != "" && !slices.Contains(j.secrets, v) {
			j.secrets = append(j.secrets, v)
		}
	}
}

func (j *journal) redact(s string) string {
	for _, secret := range j.secrets {
		s = strings.ReplaceAll(s, secret, redacted)
	}
	return j.pattern.ReplaceAllString(s, redacted)
}

func (j *journal) redactValue(v any) any {
	switch v := v.(type) {
	case string:
		return j.redact(v)
	case Record:
		out := make(Record, len(v))
		for k, inner := range v {
			out[j.redact(k)] = j.redactValue(inner)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = j.redactValue(v[i])
		}
		return out
	}
	return v
}

func (j *journal) begin(in *request, isAccounts bool, at time.Time) *Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.number++
	c := &Call{
		Number: j.number, Accounts: isAccounts, Method: in.Method, Path: j.redact(in.URL.Path), At: at,
		Headers: slices.Sorted(maps.Keys(in.Header)), InQuery: in.query.Has("input_data"),
		Query: j.redactNames(maps.Keys(in.query)), Fields: j.redactNames(maps.Keys(in.form)),
	}
	if isAccounts {
		c.Parameters = map[string]string{}
		for name := range maps.Keys(in.query) {
			c.Parameters[name] = j.redactParameter(name, in.query.Get(name))
		}
		for name := range maps.Keys(in.form) {
			c.Parameters[name] = j.redactParameter(name, in.form.Get(name))
		}
	} else if input, err := in.inputData(QueryOrForm); err == nil && input != nil {
		c.Input, _ = j.redactValue(input).(Record)
	}
	if len(j.calls) >= j.size {
		j.calls = slices.Clone(j.calls[len(j.calls)/2:])
	}
	j.calls = append(j.calls, c)
	j.announce()
	return c
}

func (j *journal) redactNames(names func(func(string) bool)) []string {
	all := slices.Sorted(names)
	for i := range all {
		all[i] = j.redact(all[i])
	}
	return all
}

func (j *journal) redactParameter(name, value string) string {
	switch name {
	case "client_secret", "code", "refresh_token", "token":
		return redacted
	}
	return j.redact(value)
}

func (j *journal) copyOf(c *Call) Call {
	j.mu.Lock()
	defer j.mu.Unlock()
	return *c
}

func (j *journal) end(c *Call, with reply) {
	j.mu.Lock()
	defer j.mu.Unlock()
	c.Done, c.Code, c.Wrote, c.Dropped, c.Fault = true, with.code, with.wrote, with.drop, with.fault
	if !with.drop {
		c.Status = with.status
	}
	j.announce()
}

func (j *journal) announce() {
	close(j.changed)
	j.changed = make(chan struct{})
}

// matching returns copies; what Input holds is never changed after a call began.
func (j *journal) matching(match func(Call) bool) ([]Call, <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []Call
	for _, c := range j.calls {
		if match == nil || match(*c) {
			found = append(found, *c)
		}
	}
	return found, j.changed
}

// Calls returns the calls received so far that match, in order; all when match is nil.
func (s *Server) Calls(match func(Call) bool) []Call {
	found, _ := s.journal.matching(match)
	return found
}

// Count returns how many calls match; all when match is nil.
func (s *Server) Count(match func(Call) bool) int { return len(s.Calls(match)) }

// WaitForCalls waits until n calls match, and returns them. It fails when the context ends.
func (s *Server) WaitForCalls(ctx context.Context, n int, match func(Call) bool) ([]Call, error) {
	for {
		found, changed := s.journal.matching(match)
		if len(found) >= n {
			return found, nil
		}
		select {
		case <-ctx.Done():
			return found, ctx.Err()
		case <-changed:
		}
	}
}

// ForgetCalls empties the journal; calls that still run are not seen any more.
func (s *Server) ForgetCalls() {
	s.journal.mu.Lock()
	defer s.journal.mu.Unlock()
	s.journal.calls = nil
}

// Busiest returns how many matching calls the busiest span of time had, both ends of it counted.
func (s *Server) Busiest(span time.Duration, match func(Call) bool) int {
	calls := s.Calls(match)
	most, first := 0, 0
	for i := range calls {
		for calls[i].At.Sub(calls[first].At) > span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// To matches calls of a method ("" for any) to a path below /api/v3, in which "*" is any segment:
// To("GET", "/requests/*").
func To(method, pattern string) func(Call) bool {
	want := splitPath(pattern)
	return func(c Call) bool {
		_, path, found := strings.Cut(c.Path, "/api/v3/")
		return found && !c.Accounts && (method == "" || c.Method == method) && matchesPattern(want, splitPath(path))
	}
}

// ToAPI matches every call of ServiceDesk Plus itself.
func ToAPI(c Call) bool { return !c.Accounts }

// Grants matches calls of the token endpoint with a grant type: "refresh_token", "authorization_code".
func Grants(grantType string) func(Call) bool {
	return func(c Call) bool {
		return c.Accounts && c.Path == "/oauth/v2/token" && c.Parameters["grant_type"] == grantType
	}
}

// Wrote matches calls that changed something, whatever they were answered.
func Wrote(c Call) bool { return c.Wrote }

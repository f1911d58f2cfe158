package sdptest

import (
	"net/http"
	"slices"
	"strings"
	"time"
)

// apiKey is an on-premises technician's key.
type apiKey struct {
	user    string    // the API user when empty
	expires time.Time // never when zero
}

// apiPath returns the segments after /api/v3, or what answers where no API is.
func (s *Server) apiPath(in *request) ([]string, error) {
	segments := splitPath(in.URL.Path)
	if strings.HasSuffix(in.URL.Path, "/") {
		return nil, containerPage(http.StatusNotFound)
	}
	portal, named := in.Header.Get("PORTALID"), in.Header.Get("PORTALID") != ""
	if segments[0] == "app" && len(segments) > 1 && (s.options.Edition == Cloud || s.options.Portal != "") {
		portal, named = segments[1], true
		segments = segments[2:]
	}
	if len(segments) < 3 || segments[0] != "api" || segments[1] != "v3" {
		return nil, containerPage(http.StatusNotFound)
	}
	if named && portal != s.options.Portal {
		return nil, s.refusePortal()
	}
	return segments[2:], nil
}

func (s *Server) refusePortal() error {
	switch s.options.Guesses.WrongPortal {
	case PortalNotFound:
		return refuseNotFound()
	case PortalForbidden:
		return refuseScope(http.StatusUnauthorized)
	case PortalLoginPage:
	}
	return loginPage()
}

// authenticate finds out who calls, and whether the scopes of the token allow it.
func (c *call) authenticate(segments []string) error {
	s := c.server
	if s.options.Edition == OnPremises {
		return c.authenticateByKey()
	}
	scheme, token, _ := strings.Cut(c.Header.Get("Authorization"), " ")
	known := s.accounts.access[token]
	if scheme != "Zoho-oauthtoken" && scheme != "Bearer" || known == nil || !known.isAlive(c.now) {
		return s.refuseToken()
	}
	c.user = known.user(s)
	if !c.scopeAllows(known.scopes, segments) {
		return refuseScope(s.options.Guesses.ScopeStatus)
	}
	return nil
}

func (s *Server) refuseToken() error {
	switch s.options.Guesses.InvalidToken {
	case InvalidTokenOAuth:
		return &accountsError{status: http.StatusUnauthorized, body: Record{"error": "INVALID_OAUTHTOKEN"}}
	case InvalidTokenHTML:
		return containerPage(http.StatusUnauthorized)
	case InvalidToken4022:
	}
	return refuse(message{code: codeToken, text: "Invalid token"})
}

func (c *call) authenticateByKey() error {
	s := c.server
	if s.throttle.keysRefused(c.now, s.options.Limits.AuthFailuresPerMinute) {
		return refuseBlocked()
	}
	for _, header := range []string{"Authtoken", "Technician_key"} {
		given := c.Header.Get(header)
		known, is := s.keys[given]
		if is && (known.expires.IsZero() || c.now.Before(known.expires)) {
			c.user = known.user
			if c.user == "" {
				c.user = s.apiUser
			}
			return nil
		}
	}
	s.throttle.refusals = append(s.throttle.refusals, c.now)
	return refuse(message{code: codeToken, text: "Invalid API key"})
}

// scopeAllows says whether one of the scopes covers a call.
func (c *call) scopeAllows(scopes, segments []string) bool {
	operation := map[string]string{http.MethodGet: "READ", http.MethodPost: "CREATE", http.MethodPut: "UPDATE", http.MethodDelete: "DELETE"}[c.Method]
	for _, module := range c.server.scopeModules(segments[0]) {
		if slices.Contains(scopes, "SDPOnDemand."+module+".ALL") || slices.Contains(scopes, "SDPOnDemand."+module+"."+operation) {
			return true
		}
	}
	return false
}

// scopeModules returns the modules any of which covers a path.
func (s *Server) scopeModules(first string) []string {
	switch first {
	case "requests", "problems", "changes", "releases", "projects", "solutions", "assets":
		return []string{first}
	case "topics":
		return []string{"solutions"}
	case "tasks":
		return []string{"tasks", "requests"}
	case "users", "requesters", "technicians", "unavailability":
		return []string{s.options.Guesses.UsersScope}
	}
	if strings.HasPrefix(first, "asset_") && first != "asset_states" {
		return []string{"assets"}
	}
	return []string{"setup"}
}

// checkAbsence refuses paths that this build, edition or licence does not have.
func (s *Server) checkAbsence(d *dialect, method string, segments []string) error {
	for _, absent := range s.options.Site.Absent {
		missing, pattern, _ := strings.Cut(absent, " ")
		if missing == method && matchesPattern(splitPath(pattern), segments) {
			return refuseNotFound()
		}
	}
	if slices.Contains(s.options.Site.Unlicensed, segments[0]) {
		return refuse(message{code: s.options.Site.UnlicensedCode, text: "Not available in this edition"})
	}
	if !d.cloud() {
		return nil
	}
	existence := Exists
	switch segments[0] {
	case "technicians":
		existence = s.options.Guesses.CloudTechnicians
	case "groups":
		existence = s.options.Guesses.CloudGroups
	}
	switch existence {
	case AnswersUnauthorized:
		return refuseScope(http.StatusUnauthorized)
	case AnswersNotFound:
		return refuseNotFound()
	case Exists:
	}
	return nil
}

// matchesPattern compares a path with one in which "*" is any segment.
func matchesPattern(pattern, segments []string) bool {
	return slices.EqualFunc(pattern, segments, func(want, have string) bool { return want == "*" || want == have })
}

// throttle counts calls and refused keys of the last minute.
type throttle struct{ calls, refusals []time.Time }

func (t *throttle) keysRefused(now time.Time, limit int) bool {
	t.refusals = dropUntil(t.refusals, now.Add(-time.Minute))
	return limit > 0 && len(t.refusals) >= limit
}

// checkRate refuses what exceeds the limit of calls in 60 s.
func (s *Server) checkRate(now time.Time) error {
	limit := s.options.Limits.RequestsPerMinute
	if limit == 0 {
		return nil
	}
	s.throttle.calls = dropUntil(s.throttle.calls, now.Add(-time.Minute))
	if len(s.throttle.calls) < limit {
		s.throttle.calls = append(s.throttle.calls, now)
		return nil
	}
	refused := refuseRate()
	if s.options.Edition == OnPremises {
		refused = refuseBlocked()
	}
	refused.status = s.options.Guesses.RateLimitStatus
	refused.setRetryAfter(s.options.Limits.RetryAfter)
	return refused
}

// dropUntil drops the moments up to and including one.
func dropUntil(moments []time.Time, after time.Time) []time.Time {
	return slices.DeleteFunc(moments, func(at time.Time) bool { return !at.After(after) })
}

func refuseRate() *failure {
	return refuse(message{code: codeRateLimit, text: "API rate limit exceeded"})
}

func refuseBlocked() *failure {
	return refuse(message{code: codeRateLimit, text: "URL blocked as maximum access limit exceeded. Please try again after sometime"})
}

package sdptest

import (
	"fmt"
	"net/http"
	"time"
)

// faultSpec is a fault as a test in another process asks for it.
type faultSpec struct {
	// Kind is throttled, blocked, serverError, html, loginPage, failureWithOK, refused, generalError, slow, dropBeforeWrite,
	// dropAfterWrite, echoSecrets or echoSecretsHTML; Status, Code, Fields and Delay are what its function takes.
	Kind   string
	Status int
	Code   int
	Fields []string
	Delay  string
	// Method and Path narrow it as To does, Accounts to the accounts server, Writes to calls that write.
	Method, Path     string
	Accounts, Writes bool
	// Times is how many calls it meets: one when 0, all when negative.
	Times int
	// RetryAfter adds the header; AfterWrite carries the call out first.
	RetryAfter string
	AfterWrite bool
}

func (f faultSpec) build() (Fault, error) {
	delay, err := parseSpan(f.Delay)
	if err != nil {
		return Fault{}, err
	}
	after, err := parseSpan(f.RetryAfter)
	if err != nil {
		return Fault{}, err
	}
	status := f.Status
	setDefault(&status, map[string]int{"throttled": http.StatusTooManyRequests, "generalError": http.StatusOK}[f.Kind])
	setDefault(&status, http.StatusInternalServerError)
	made, known := map[string]func() Fault{
		"throttled":       func() Fault { return Throttled(status) },
		"blocked":         Blocked,
		"serverError":     func() Fault { return ServerError(status) },
		"html":            func() Fault { return HTML(status) },
		"loginPage":       LoginPage,
		"failureWithOK":   func() Fault { return FailureWithOK(f.Code) },
		"refused":         func() Fault { return Refused(f.Code, f.Fields...) },
		"generalError":    func() Fault { return GeneralError(status) },
		"slow":            func() Fault { return Slow(delay) },
		"dropBeforeWrite": DropBeforeWrite,
		"dropAfterWrite":  DropAfterWrite,
		"echoSecrets":     func() Fault { return EchoSecrets(status) },
		"echoSecretsHTML": func() Fault { return EchoSecretsHTML(status) },
	}[f.Kind]
	if !known {
		return Fault{}, fmt.Errorf("there is no fault %q", f.Kind)
	}
	fault := made()
	switch {
	case f.Path != "":
		fault = fault.To(f.Method, f.Path)
	case f.Accounts:
		fault = fault.OfAccounts()
	case f.Writes:
		fault = fault.Writes()
	}
	if after > 0 {
		fault = fault.RetryAfter(after)
	}
	if f.AfterWrite {
		fault = fault.AfterWrite()
	}
	return fault.Times(f.Times), nil
}

// parseSpan reads a duration; an empty one is 0.
func parseSpan(text string) (time.Duration, error) {
	if text == "" {
		return 0, nil
	}
	return time.ParseDuration(text)
}

func (s *Server) controlFaults(r *http.Request) (any, error) {
	var given []faultSpec
	if err := readControl(r, &given); err != nil {
		return nil, err
	}
	faults := make([]Fault, len(given))
	for i, spec := range given {
		fault, err := spec.build()
		if err != nil {
			return nil, err
		}
		faults[i] = fault
	}
	s.Fail(faults...)
	return Record{"count": len(faults)}, nil
}

package sdptest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is what goes wrong with the next calls that it matches. Those of this package are made by
// functions (Throttled, DropAfterWrite …) and narrowed by methods:
//
//	server.Fail(sdptest.Throttled(429).RetryAfter(30 * time.Second).To("GET", "/requests").Times(3))
type Fault struct {
	// Name is what the journal calls it.
	Name string
	// Match says which calls it meets; every call of ServiceDesk Plus when nil.
	Match func(Call) bool
	// Count is how many calls it meets: one when zero, all when negative.
	Count int

	// Delay and Hold keep the call waiting before it is carried out, HoldAnswer after it. A call is
	// carried out even when its caller has given up meanwhile.
	Delay      time.Duration
	Hold       <-chan struct{}
	HoldAnswer <-chan struct{}
	// Late carries the call out before the fault replaces its answer.
	Late bool
	// Drop closes the connection instead of an answer.
	Drop bool
	// Status replaces the answer, by Header, ContentType and Body.
	Status      int
	Header      http.Header
	ContentType string
	Body        string
	Code        int // what the journal says of it
	// Echo adds the caller's secrets to a replaced answer, in the body and in a header.
	Echo bool
}

// Throttled refuses with 429, or 400, and message code 4015.
func Throttled(status int) Fault {
	return makeFailureFault("throttled", &failure{status: status, messages: refuseRate().messages})
}

// Blocked is how on-premises throttles a URL.
func Blocked() Fault { return makeFailureFault("blocked", refuseBlocked()) }

// ServerError answers 500 with 4004, and other statuses as a gateway does, in HTML.
func ServerError(status int) Fault {
	if status == http.StatusInternalServerError {
		return makeFailureFault("server error", refuse(message{code: codeInternal, text: "Internal error"}))
	}
	return HTML(status)
}

// HTML answers a container's page.
func HTML(status int) Fault { return makePageFault("html", containerPage(status)) }

// LoginPage answers 200 with a page to sign in.
func LoginPage() Fault { return makePageFault("login page", loginPage()) }

// FailureWithOK answers HTTP 200 with a message of failure.
func FailureWithOK(code int) Fault {
	return makeFailureFault("failure with 200", &failure{status: http.StatusOK, messages: []message{{code: code, text: "Operation failed"}}})
}

// Refused answers a message code with the HTTP status it usually has.
func Refused(code int, fields ...string) Fault {
	return makeFailureFault("refused", refuse(message{code: code, fields: fields, text: "Refused"}))
}

// GeneralError is an outage of the accounts server; it meets its calls.
func GeneralError(status int) Fault {
	return Fault{Name: "general error", Status: status, ContentType: "application/json", Body: `{"error":"general_error"}`}.OfAccounts()
}

// Slow answers later.
func Slow(by time.Duration) Fault { return Fault{Name: "slow", Delay: by} }

// Held carries calls out when the channel is closed.
func Held(until <-chan struct{}) Fault { return Fault{Name: "held", Hold: until} }

// HeldAnswer carries calls out and answers when the channel is closed.
func HeldAnswer(until <-chan struct{}) Fault { return Fault{Name: "held answer", HoldAnswer: until} }

// DropBeforeWrite closes the connection and does nothing.
func DropBeforeWrite() Fault { return Fault{Name: "dropped before", Drop: true} }

// DropAfterWrite carries the call out and closes the connection.
func DropAfterWrite() Fault { return Fault{Name: "dropped after", Drop: true, Late: true} }

// EchoSecrets answers an error that repeats what the caller authenticates with.
func EchoSecrets(status int) Fault {
	return Fault{
		Name: "echo", Status: status, ContentType: "application/json", Echo: true, Code: codeFailed,
		Body: `{"response_status":{"status_code":4000,"status":"failed","messages":[{"status_code":4004,"type":"failed","message":"SECRETS"}]}}`,
	}
}

// EchoSecretsHTML does so in HTML.
func EchoSecretsHTML(status int) Fault {
	f := EchoSecrets(status)
	f.ContentType, f.Body = "text/html", "<html><body><pre>SECRETS</pre></body></html>"
	return f
}

func makeFailureFault(name string, f *failure) Fault {
	r := f.reply(nil)
	return Fault{Name: name, Status: r.status, ContentType: r.contentType, Body: string(r.body), Code: r.code}
}

func makePageFault(name string, p *htmlPage) Fault {
	r := p.reply()
	return Fault{Name: name, Status: r.status, ContentType: r.contentType, Body: string(r.body)}
}

// Times has the fault meet n calls, or all of them when n is negative.
func (f Fault) Times(n int) Fault { f.Count = n; return f }

// To narrows the fault to calls of ServiceDesk Plus; see the function To.
func (f Fault) To(method, pattern string) Fault { f.Match = To(method, pattern); return f }

// Writes narrows the fault to calls that write.
func (f Fault) Writes() Fault {
	f.Match = func(c Call) bool { return !c.Accounts && c.Method != http.MethodGet }
	return f
}

// OfAccounts has the fault meet calls of the accounts server.
func (f Fault) OfAccounts() Fault { f.Match = func(c Call) bool { return c.Accounts }; return f }

// AfterWrite carries the call out before the fault replaces its answer.
func (f Fault) AfterWrite() Fault { f.Late = true; return f }

// RetryAfter adds the header.
func (f Fault) RetryAfter(after time.Duration) Fault {
	refused := &failure{}
	refused.setRetryAfter(after)
	f.Header = refused.header
	return f
}

// faults are those that wait for calls.
type faults struct {
	mu     sync.Mutex
	queued []*Fault
	choose func(Call) *Fault
}

// Fail has calls fail, in the order of the faults: a call meets the first that matches.
func (s *Server) Fail(all ...Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	for _, f := range all {
		s.faults.queued = append(s.faults.queued, &f)
	}
}

// FailBy asks a function for every call that meets no queued fault; nil lets it pass. It is called from
// several goroutines, one at a time.
func (s *Server) FailBy(choose func(Call) *Fault) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.choose = choose
}

// StopFailing forgets all faults.
func (s *Server) StopFailing() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.queued, s.faults.choose = nil, nil
}

// take returns the fault that a call meets.
func (fs *faults) take(c Call) *Fault {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i, f := range fs.queued {
		if f.Match != nil && !f.Match(c) || f.Match == nil && c.Accounts {
			continue
		}
		met := *f
		switch {
		case f.Count > 1:
			f.Count--
		case f.Count >= 0:
			fs.queued = slices.Delete(fs.queued, i, i+1)
		}
		return &met
	}
	if fs.choose != nil {
		return fs.choose(c)
	}
	return nil
}

// around carries a call out, or not, as the fault it meets says.
func (fs *faults) around(c Call, in *request, closed <-chan struct{}, carryOut func(*request) reply) reply {
	f := fs.take(c)
	if f == nil {
		return carryOut(in)
	}
	f.wait(closed)
	var out reply
	if replaces := f.Drop || f.Status != 0; !replaces || f.Late {
		out = carryOut(in)
	}
	if f.HoldAnswer != nil {
		select {
		case <-f.HoldAnswer:
		case <-closed:
		}
	}
	if f.Status != 0 {
		out = f.replace(out, in)
	}
	out.drop, out.fault = f.Drop, f.Name
	return out
}

func (f *Fault) wait(closed <-chan struct{}) {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-closed:
		}
	}
	if f.Hold != nil {
		select {
		case <-f.Hold:
		case <-closed:
		}
	}
}

func (f *Fault) replace(carried reply, in *request) reply {
	out := reply{
		status: f.Status, header: f.Header.Clone(), contentType: f.ContentType, body: []byte(f.Body),
		code: f.Code, wrote: carried.wrote,
	}
	if f.Echo {
		if out.header == nil {
			out.header = http.Header{}
		}
		secrets := secretsOf(in)
		out.header.Set("X-Debug-Request", secrets)
		out.body = []byte(strings.ReplaceAll(f.Body, "SECRETS", secrets))
	}
	return out
}

// secretsOf lists what a caller authenticates with.
func secretsOf(in *request) string {
	var all []string
	for _, name := range []string{"Authorization", "Authtoken", "TECHNICIAN_KEY"} {
		if v := in.Header.Get(name); v != "" {
			all = append(all, name+": "+v)
		}
	}
	for _, name := range []string{"client_id", "client_secret", "code", "refresh_token", "token"} {
		if v := in.parameter(name); v != "" {
			all = append(all, fmt.Sprintf("%s=%s", name, v))
		}
	}
	return strings.Join(all, " ")
}

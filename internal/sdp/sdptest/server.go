package sdptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"
)

// vendorMediaType selects the new shape on-premises.
const vendorMediaType = "vnd.manageengine.sdp.v3+json"

// Server is a ServiceDesk Plus with its accounts server. Its methods may be called while requests run.
type Server struct {
	mu       sync.Mutex // everything below up to the blank line
	options  Options
	ids      ids
	tables   map[string]*table
	dialects map[shape]*dialect
	accounts accounts
	keys     map[string]apiKey
	apiUser  string
	throttle throttle

	faults  faults
	journal journal
	closed  chan struct{}
	close   sync.Once
	running sync.RWMutex // held for reading by each call
	urls    urls
}

// New returns a fake that listens nowhere yet; AccountsHandler and Handler are to be served.
func New(o Options) *Server {
	s := &Server{tables: map[string]*table{}, keys: map[string]apiKey{}, closed: make(chan struct{})}
	s.options = o.withDefaults()
	s.accounts.init(s.options)
	s.journal.init(s.options)
	s.ids = ids{last: 100_000_000_000_000_000, display: 0, project: 0}
	if s.options.Edition == OnPremises {
		s.ids.last = 0
	}
	s.keys[s.options.APIKey] = apiKey{}
	s.compile()
	s.seed()
	return s
}

// compile makes the dialects of the edition anew, as options name things.
func (s *Server) compile() {
	s.dialects = map[shape]*dialect{}
	if s.options.Edition == Cloud {
		s.dialects[shapeCloud] = newDialect(s, shapeCloud)
		return
	}
	for _, of := range []shape{shapeOld, shapeNew} {
		s.dialects[of] = newDialect(s, of)
	}
}

// Change alters the options while the fake runs; the edition stays what it was.
func (s *Server) Change(change func(*Options)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edition := s.options.Edition
	change(&s.options)
	s.options.Edition = edition
	s.options = s.options.withDefaults()
	s.compile()
}

// Options returns the options in force, defaults filled in.
func (s *Server) Options() Options {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.options
}

// Close lets go of answers that faults hold.
func (s *Server) Close() { s.close.Do(func() { close(s.closed) }) }

func (s *Server) now() time.Time { return s.options.Now() }

// Handler serves ServiceDesk Plus.
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, false, s.answerSDP) })
}

// AccountsHandler serves Zoho's accounts server.
func (s *Server) AccountsHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, true, s.answerAccounts) })
}

// reply is an answer in bytes.
type reply struct {
	status      int
	contentType string
	header      http.Header
	body        []byte
	code        int // of response_status
	wrote       bool
	drop        bool
	fault       string
}

// serve reads a call to its end, lets a fault have its way, and journals what was answered before the
// caller can know it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, isAccounts bool, carryOut func(*request) reply) {
	s.running.RLock()
	defer s.running.RUnlock()
	in, err := readRequest(r)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	entry := s.journal.begin(in, isAccounts, s.clock())
	answered := s.faults.around(s.journal.copyOf(entry), in, s.closed, carryOut)
	s.journal.end(entry, answered)
	if answered.drop {
		panic(http.ErrAbortHandler)
	}
	maps.Copy(w.Header(), answered.header)
	w.Header().Set("Content-Type", answered.contentType)
	w.WriteHeader(answered.status)
	_, _ = w.Write(answered.body)
}

func (s *Server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// answerSDP carries a call out.
func (s *Server) answerSDP(in *request) reply {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &call{request: in, server: s, now: s.now()}
	answered, err := c.carryOut()
	return s.encode(answered, err)
}

func (c *call) carryOut() (*answer, error) {
	s := c.server
	if c.hasRawBrackets() && !s.options.Guesses.RawBracketsTaken {
		return nil, containerPage(http.StatusBadRequest)
	}
	segments, err := s.apiPath(c.request)
	if err != nil {
		return nil, err
	}
	c.dialect = s.dialectOf(c.request)
	if err := s.checkRate(c.now); err != nil {
		return nil, err
	}
	if err := c.authenticate(segments); err != nil {
		return nil, err
	}
	handle, ids, err := c.dialect.routes.find(c.Method, segments)
	if err != nil {
		return nil, err
	}
	if err := s.checkAbsence(c.dialect, c.Method, segments); err != nil {
		return nil, err
	}
	c.ids = ids
	if c.input, err = c.inputData(s.options.Guesses.DeleteInput); err != nil {
		return nil, err
	}
	return handle(c)
}

// dialectOf returns the shape that a caller asked for by its Accept header.
func (s *Server) dialectOf(in *request) *dialect {
	switch {
	case s.options.Edition == Cloud:
		return s.dialects[shapeCloud]
	case strings.Contains(in.Header.Get("Accept"), vendorMediaType):
		return s.dialects[shapeNew]
	}
	return s.dialects[shapeOld]
}

func (s *Server) encode(answered *answer, err error) reply {
	if err == nil {
		out := reply{status: answered.status, contentType: answered.contentType, body: answered.content, code: codeSuccess, wrote: answered.wrote}
		if out.status == 0 {
			out.status = http.StatusOK
		}
		if answered.content == nil {
			out.setJSON(answered.body)
		}
		return out
	}
	if page, is := errors.AsType[*htmlPage](err); is {
		return page.reply()
	}
	if refused, is := errors.AsType[*accountsError](err); is {
		return s.encodeAccounts(nil, refused)
	}
	refused, is := errors.AsType[*failure](err)
	if !is {
		refused = refuse(message{code: codeInternal, text: err.Error()})
	}
	return refused.reply(s.options.Guesses.FailWithOK)
}

func (p *htmlPage) reply() reply {
	return reply{status: p.status, contentType: "text/html;charset=UTF-8", body: []byte(p.body())}
}

func (f *failure) reply(failWithOK []int) reply {
	out := reply{status: f.status, code: f.messages[0].code, header: f.header}
	for _, code := range failWithOK {
		if code == out.code {
			out.status = http.StatusOK
		}
	}
	out.setJSON(f.body())
	return out
}

func (r *reply) setJSON(body any) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		panic(err) // a record holds what JSON cannot
	}
	r.contentType, r.body = "application/json;charset=UTF-8", buffer.Bytes()
}

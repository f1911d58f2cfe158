package sdptest

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Codes of messages.
const (
	codeSuccess     = 2000
	codeWarning     = 3000
	codeFailed      = 4000
	codeInvalid     = 4001
	codeForbidden   = 4002
	codeInternal    = 4004
	codeInUse       = 4005
	codeNotFound    = 4007
	codeNotUnique   = 4008
	codeNotEditable = 4009
	codeMandatory   = 4012
	codeValidation  = 4014
	codeRateLimit   = 4015
	codeTimes       = 4016
	codeNotInTrash  = 4017
	codeType        = 4021
	codeToken       = 4022
	codeLicence     = 7001
)

// message is one entry of response_status.messages.
type message struct {
	code   int
	text   string
	field  string
	fields []string
	id     string // of the record, in bulk operations
}

func (m message) body() Record {
	kind := "failed"
	switch m.code {
	case codeSuccess:
		kind = "success"
	case codeWarning:
		kind = "warning"
	}
	body := Record{"status_code": m.code, "type": kind}
	if m.text != "" {
		body["message"] = m.text
	}
	if m.field != "" {
		body["field"] = m.field
	}
	if m.fields != nil {
		body["fields"] = m.fields
	}
	if m.id != "" {
		body["id"] = m.id
	}
	return body
}

// failure is a call that was refused: an error that knows its answer.
type failure struct {
	status   int // HTTP
	messages []message
	header   http.Header
}

func (f *failure) Error() string {
	texts := make([]string, len(f.messages))
	for i, m := range f.messages {
		texts[i] = fmt.Sprintf("%d %s %s%s", m.code, m.text, m.field, strings.Join(m.fields, ", "))
	}
	return strings.Join(texts, "; ")
}

// body is the answer to a call that was refused.
func (f *failure) body() Record { return Record{"response_status": statusOf(f.messages)} }

// statusOf returns the status over messages: the worst of them counts; a warning is what the caller may mend.
func statusOf(messages []message) Record {
	code, status := codeSuccess, "success"
	bodies := make([]any, len(messages))
	for i, m := range messages {
		bodies[i] = m.body()
		switch {
		case m.code == codeWarning:
			code, status = codeWarning, "warning"
		case m.code != codeSuccess && code == codeSuccess:
			code, status = codeFailed, "failed"
		}
	}
	return Record{"status_code": code, "status": status, "messages": bodies}
}

// httpStatus is what the contract of the fake says (6).
func httpStatus(code int) int {
	switch code {
	case codeWarning:
		return http.StatusOK
	case codeForbidden:
		return http.StatusForbidden
	case codeInternal:
		return http.StatusInternalServerError
	case codeNotFound:
		return http.StatusNotFound
	case codeRateLimit:
		return http.StatusTooManyRequests
	case codeToken:
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

func (f *failure) setRetryAfter(after time.Duration) {
	if after > 0 {
		f.header = http.Header{"Retry-After": {strconv.Itoa(int((after + time.Second - 1) / time.Second))}}
	}
}

func refuse(messages ...message) *failure {
	return &failure{status: httpStatus(messages[0].code), messages: messages}
}

func refuseField(code int, field, text string) *failure {
	return refuse(message{code: code, field: field, text: text})
}

func refuseExtraKey(field string) *failure {
	return refuseField(codeInvalid, field, "EXTRA_KEY_FOUND_IN_JSON")
}

func refuseExtraParameter(name string) *failure {
	return refuseField(codeInvalid, name, "EXTRA_PARAM_FOUND")
}

func refuseMissing(fields ...string) *failure {
	return refuse(message{code: codeMandatory, fields: fields, text: "Mandatory fields are missing"})
}

func refuseUnknown(field string) *failure {
	return refuseField(codeInvalid, field, "Given value does not exist for "+field)
}

func refuseType(field string) *failure {
	return refuseField(codeType, field, "Data type mismatch for "+field)
}

func refuseNotFound() *failure {
	return refuse(message{code: codeNotFound, text: "Invalid URL"})
}

func refuseScope(status int) *failure {
	return &failure{status: status, messages: []message{{code: codeForbidden, text: "UNAUTHORISED"}}}
}

// warn is an operation that was not performed although HTTP says 200.
func warn(fields ...string) *failure {
	return refuse(message{code: codeWarning, fields: fields})
}

// htmlPage is an answer of something in front of the API: a container, a proxy, a login page.
type htmlPage struct {
	status int
	title  string
}

func (p *htmlPage) Error() string { return p.title }

func (p *htmlPage) body() string {
	return "<html><head><title>" + p.title + "</title></head><body><h1>" + p.title + "</h1></body></html>"
}

func containerPage(status int) *htmlPage {
	return &htmlPage{status: status, title: fmt.Sprintf("HTTP Status %d – %s", status, http.StatusText(status))}
}

func loginPage() *htmlPage {
	return &htmlPage{status: http.StatusOK, title: "ServiceDesk Plus – sign in"}
}

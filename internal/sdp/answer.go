package sdp

import (
	"bytes"
	"mime"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/lectern-dev/lectern/internal/excerpt"
	"github.com/lectern-dev/lectern/internal/sdp/redact"
)

const (
	maxMessages   = 10
	maxMessage    = 200
	maxFields     = 20
	statusSuccess = 2000
	statusWarning = 3000
)

// content is what the body of an answer is.
type content int

const (
	contentEmpty content = iota
	contentJSON          // an object
	contentHTML
	contentOther // and what was cut off
)

// answer is what came back, decoded as far as that goes.
type answer struct {
	status     int
	header     http.Header
	content    content
	body       Raw
	statuses   []responseStatus
	retryAfter time.Duration
}

// responseStatus is one element of response_status, which is an object, or in lists and bulk calls an array.
type responseStatus struct {
	code     int
	failed   bool
	messages []responseMessage
}

type responseMessage struct {
	code   int
	failed bool
	text   string
	fields []string
}

// readAnswer decodes a body. now is for a Retry-After that is a date.
func readAnswer(status int, header http.Header, body []byte, now time.Time) answer {
	a := answer{status: status, header: header, retryAfter: parseRetryAfter(header.Get("Retry-After"), now)}
	trimmed := bytes.TrimSpace(body)
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch {
	case mediaType == "text/html", bytes.HasPrefix(trimmed, []byte("<")):
		a.content = contentHTML
	case len(trimmed) == 0:
		a.content = contentEmpty
	default:
		a.content = contentOther
		if parsed, err := ParseRaw(trimmed); err == nil {
			a.content, a.body = contentJSON, parsed
			for _, element := range parsed.Objects("response_status") {
				a.statuses = append(a.statuses, readStatus(element))
			}
		}
	}
	return a
}

func readStatus(element Raw) responseStatus {
	code, _ := element.Int("status_code")
	s := responseStatus{code: int(code), failed: isFailure(int(code), element.Text("status"))}
	for _, m := range element.Objects("messages") {
		code, _ := m.Int("status_code")
		s.messages = append(s.messages, responseMessage{
			code: int(code), failed: isFailure(int(code), m.Text("type")), text: m.Text("message"), fields: append(m.Texts("fields"), m.Texts("field")...),
		})
	}
	return s
}

// isFailure goes by the code; without one by the word.
func isFailure(code int, word string) bool {
	if code == 0 {
		return word != "" && !strings.EqualFold(word, "success")
	}
	return code != statusSuccess
}

// maxRetryAfter bounds what a Retry-After may ask for: on premises an address is blocked for up to 15 minutes.
const maxRetryAfter = 15 * time.Minute

func parseRetryAfter(value string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(strings.TrimSpace(value), 10, 32); err == nil {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		wait = at.Sub(now)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// verdict is what the statuses of an answer say together: the worst counts.
type verdict struct {
	failed bool
	// code is of the first message that failed, or else of the first status that did.
	code     int
	codes    []int
	fields   []string
	messages []string
}

func (a answer) summarizeStatuses() verdict {
	var v verdict
	var top int
	for _, s := range a.statuses {
		if s.failed {
			v.failed = true
			if top == 0 || top == statusSuccess {
				top = s.code
			}
			v.codes = append(v.codes, s.code)
		}
		for _, m := range s.messages {
			if !m.failed {
				continue
			}
			v.failed = true
			v.codes = append(v.codes, m.code)
			if v.code == 0 {
				v.code = m.code
			}
			v.fields = append(v.fields, m.fields...)
			if m.text != "" {
				v.messages = append(v.messages, m.text)
			}
		}
	}
	if v.code == 0 {
		v.code = top
	}
	return v
}

func (v verdict) hasCode(code int) bool {
	return slices.Contains(v.codes, code)
}

// isPartial reports whether something was done and something was not, as bulk operations say.
func (a answer) isPartial() bool {
	done, failed := false, false
	for _, s := range a.statuses {
		if len(s.messages) == 0 {
			done, failed = done || !s.failed, failed || s.failed
		}
		for _, m := range s.messages {
			done, failed = done || !m.failed, failed || m.failed
		}
	}
	return done && failed
}

// classify returns what an answer says of a call: "" for success. A failure is
// an HTTP status of 400 and more, or any status_code that is not 2000.
func (a answer) classify(isWrite bool) Kind {
	v := a.summarizeStatuses()
	doubtful := KindUnavailable
	if isWrite {
		doubtful = KindIndeterminate
	}
	switch {
	case isWrite && a.isPartial():
		return KindIndeterminate // a part of it was carried out
	case a.status == http.StatusTooManyRequests || v.hasCode(4015):
		return KindThrottled
	case a.status >= 500 || v.hasCode(4004) || a.status == http.StatusRequestTimeout:
		return doubtful
	case isWrite && a.content == contentHTML && a.status/100 == 2:
		return KindIndeterminate // a gateway's own page, perhaps after the write went through
	case a.content == contentHTML, a.status >= 300 && a.status < 400:
		return KindNotSDP
	case a.status == http.StatusUnauthorized && (v.hasCode(4022) || len(a.statuses) == 0):
		return KindTokenRefused
	case v.hasCode(4022):
		return KindTokenRefused
	case a.status == http.StatusUnauthorized, a.status == http.StatusForbidden, v.code == 4002:
		return KindForbidden
	case a.status == http.StatusNotFound, v.code == 4007:
		return KindNotFound
	case v.code == statusWarning:
		return KindNotPerformed
	case a.status >= 400, v.failed:
		return KindRejected
	case a.status < 200, a.content == contentOther, a.content == contentEmpty && (!isWrite || a.status != http.StatusNoContent):
		return doubtful // cut off, or no answer of an API: one without a body says so by 204
	case a.content == contentJSON && len(a.statuses) == 0 && !a.hasRecord():
		return doubtful
	}
	return ""
}

// hasRecord reports whether there is something that may be a record or a list.
func (a answer) hasRecord() bool {
	for _, name := range a.body.Names() {
		if value := a.body.Field(name); len(value) > 0 && (value[0] == '{' || value[0] == '[') {
			return true
		}
	}
	return false
}

// fieldName is what a field may be called; what else a server writes there is not shown.
var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*$`)

// failure returns the error of an answer of a kind, with SDP's words made safe to quote.
func (a answer) failure(op string, kind Kind, secrets *redact.Redactor) *Error {
	v := a.summarizeStatuses()
	e := &Error{Op: op, Kind: kind, Status: a.status, Code: v.code, RetryAfter: a.retryAfter, reason: reasonOf(kind, v.code)}
	if kind == KindNotSDP && a.status/100 == 3 {
		e.reason = "what answered redirects, which is not followed; check the URL and the portal"
	}
	for _, field := range v.fields {
		if len(e.Fields) < maxFields && len(field) <= 64 && fieldName.MatchString(field) && secrets.Text(field) == field {
			e.Fields = append(e.Fields, field)
		}
	}
	for _, message := range v.messages {
		if len(e.Messages) < maxMessages {
			e.Messages = append(e.Messages, excerpt.Truncate(keepPrintable(secrets.Text(excerpt.TruncateBytes(message, 16*maxMessage))), maxMessage-1))
		}
	}
	return e
}

// keepPrintable returns text on one line, without what cannot be seen.
func keepPrintable(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) || unicode.Is(unicode.Variation_Selector, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))), " ")
}

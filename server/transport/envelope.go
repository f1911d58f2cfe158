package transport

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// envelope is all of a message that is read, as the client wrote it: slices of the message, which stays as it is until the
// answer. Names count as they are written, and not in another case.
type envelope struct {
	ID            json.RawMessage
	Method        string
	Params        params
	Result, Error json.RawMessage
	jsonrpc       json.RawMessage
	method        json.RawMessage
	writtenParams json.RawMessage
	// version is the revision that params._meta says the request speaks.
	version string
	// flaw is what is wrong with the params, in the words of a failure; empty for nothing.
	flaw string
}

// params are all members that any method reads, as the client wrote them: only the method that reads one minds its type.
type params struct {
	Name, URI, Arguments, Cursor, InputResponses, RequestState, Notifications json.RawMessage
	Ref, Argument, Context, Level, RequestID                                  json.RawMessage

	Meta Meta
	// arguments are the members of Arguments.
	arguments []member
	few       [4]member
}

// member is one of an object: its name unquoted, its value as it is written.
type member struct {
	name  []byte
	value json.RawMessage
}

// findMember returns where the member of a name goes; nil for one that no method reads.
func (p *params) findMember(name []byte) *json.RawMessage {
	switch string(name) {
	case "name":
		return &p.Name
	case "uri":
		return &p.URI
	case "cursor":
		return &p.Cursor
	case "inputResponses":
		return &p.InputResponses
	case "requestState":
		return &p.RequestState
	case "notifications":
		return &p.Notifications
	case "ref":
		return &p.Ref
	case "argument":
		return &p.Argument
	case "context":
		return &p.Context
	case "level":
		return &p.Level
	case "requestId":
		return &p.RequestID
	}
	return nil
}

// byteOrderMark is what editors and shells begin a text with; it is no part of it (RFC 8259, section 8.1).
const byteOrderMark = "\ufeff"

// decodeMessage reads a message. With a failure the envelope has an ID when the message had a usable one.
func decodeMessage(body []byte, e *envelope) *Failure {
	s := jsonScanners.Get().(*jsonScanner)
	defer s.release()
	s.source = bytes.TrimPrefix(body, []byte(byteOrderMark))
	first := s.peek()
	if first == '{' {
		s.scanMembers(true, func(name []byte) { e.scanMember(s, name) })
	} else {
		s.scanValue()
	}
	if s.peek(); s.err == nil && s.at < len(s.source) {
		s.fail(errNotJSON)
	}
	if s.err != nil {
		// A syntax error. Nothing of the message is trusted, an id neither.
		*e = envelope{}
		return &Failure{Code: mcp.PARSE_ERROR, Message: cmp.Or(describeEncoding(body), s.err.Error())}
	}
	switch first {
	case '{':
		return e.readMembers(s.flaw)
	case '[':
		return invalidRequest("a message is one JSON object of JSON-RPC; send the messages of a batch one by one, batches are not supported")
	default:
		return invalidRequest("a message is one JSON object of JSON-RPC")
	}
}

// scanMember scans a member of the message.
func (e *envelope) scanMember(s *jsonScanner, name []byte) {
	switch string(name) {
	case "jsonrpc":
		e.jsonrpc = s.scanValue()
	case "id":
		e.ID = s.scanValue()
	case "method":
		e.method = s.scanValue()
	case "params":
		e.writtenParams = s.scanObject(true, func(name []byte) { e.Params.scanMember(s, name) })
	case "result":
		e.Result = s.scanValue()
	case "error":
		e.Error = s.scanValue()
	default:
		s.scanValue()
	}
}

// scanMember scans a member of the params.
func (p *params) scanMember(s *jsonScanner, name []byte) {
	switch string(name) {
	case "arguments":
		p.arguments = p.few[:0]
		p.Arguments = s.scanObject(false, func(name []byte) {
			if value := s.scanValue(); s.flaw == nil { // else nobody reads them
				p.arguments = append(p.arguments, member{name, value})
			}
		})
	case "_meta":
		p.Meta.scan(s)
	case "ref", "argument", "context", "notifications": // what the protocol names, and decoders that fold case read
		*p.findMember(name) = s.scanObject(true, func([]byte) { s.scanValue() })
	default:
		value := s.scanValue()
		if into := p.findMember(name); into != nil {
			*into = value
		}
	}
}

// readMembers reads what every message has, and refuses what has a flaw outside its params.
func (e *envelope) readMembers(flaw *messageFlaw) *Failure {
	e.version = e.Params.Meta.protocolVersion()
	if f := e.checkID(); f != nil {
		return f
	}
	switch {
	case flaw == nil:
	case flaw.member == "params":
		e.flaw = flaw.problem
	default:
		if flaw.member == "" || flaw.member == "id" {
			e.ID = nil
		}
		return invalidRequest(flaw.problem)
	}
	version, f := readEnvelopeText("jsonrpc", e.jsonrpc)
	if f == nil {
		e.Method, f = readEnvelopeText("method", e.method)
	}
	if f != nil {
		return f
	}
	switch {
	case version != mcp.JSONRPC_VERSION:
		return invalidRequest(`jsonrpc must be "2.0"`)
	case e.Method == "" && e.Result == nil && e.Error == nil:
		return invalidRequest("method is missing")
	case len(e.Method) > maxMethod:
		return invalidRequest(fmt.Sprintf("method has %d bytes, and none has more than %d", len(e.Method), maxMethod))
	}
	return nil
}

// checkParams refuses params that are no object. Absent ones, and null, are an empty one.
func (e *envelope) checkParams() *Failure {
	if isPresent(e.writtenParams) && e.writtenParams[0] != '{' {
		return InvalidParams("params must be an object")
	}
	return nil
}

// isRequest reports whether a message is one. Others are notifications and responses.
func (e *envelope) isRequest() bool { return e.Method != "" && len(e.ID) > 0 }

// checkID refuses what cannot identify a request. An absent id makes a notification.
func (e *envelope) checkID() *Failure {
	if len(e.ID) == 0 || isID(e.ID) {
		return nil
	}
	e.ID = nil
	return invalidRequest("id " + idRule)
}

// readEnvelopeText reads a member of a message that is a string; empty for null and where there is none.
func readEnvelopeText(name string, written json.RawMessage) (string, *Failure) {
	switch {
	case !isPresent(written):
		return "", nil
	case written[0] != '"':
		return "", invalidRequest(fmt.Sprintf("%s cannot be a JSON %s", name, kindOf(written)))
	default:
		return readKnownText(written), nil
	}
}

// maxMethod bounds the name of a method, in bytes: answers, logs and spans repeat it.
const maxMethod = 256

// maxID bounds ids and tokens: they are held as long as a stream is, and each event repeats them.
const maxID = 256

var idRule = fmt.Sprintf("must be a string or a number, of at most %d bytes", maxID)

// isID reports whether a JSON value is an id, or a token: a string that is text, or a number, and short.
func isID(raw json.RawMessage) bool {
	switch c := raw[0]; {
	case len(raw) > maxID:
		return false
	case c == '"':
		return utf8.Valid(raw)
	default:
		return c == '-' || c >= '0' && c <= '9'
	}
}

// requestKey returns what two ids have in common that are the same, however they are written: 1 and 1.0 are.
func requestKey(id json.RawMessage) string {
	switch {
	case len(id) == 0:
		return ""
	case id[0] == '"':
		return `"` + unquoteText(id)
	case !bytes.ContainsAny(id, ".eE"):
		return string(id)
	}
	if number, err := strconv.ParseFloat(string(id), 64); err == nil && number == math.Trunc(number) && math.Abs(number) < 1<<53 {
		return strconv.FormatInt(int64(number), 10)
	}
	return string(id)
}

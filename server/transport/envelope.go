package transport

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mark3labs/mcp-go/mcp"
)

// envelope is all of a message that is read. A body is decoded into it once: what only some methods read stays as
// it came until they do.
type envelope struct {
	JSONRPC string          `json:"jsonrpc"`
	ID      json.RawMessage `json:"id"`
	Method  string          `json:"method"`
	Params  params          `json:"params"`
	Result  json.RawMessage `json:"result"`
	Error   json.RawMessage `json:"error"`

	// version is the revision that params._meta says the request speaks.
	version string
	// badParams says that the params are no object.
	badParams bool
}

// params are all members that any method reads, as the client wrote them: only the method that reads one minds its type.
type params struct {
	Name           json.RawMessage `json:"name"`
	URI            json.RawMessage `json:"uri"`
	Arguments      json.RawMessage `json:"arguments"`
	Cursor         json.RawMessage `json:"cursor"`
	InputResponses json.RawMessage `json:"inputResponses"`
	RequestState   json.RawMessage `json:"requestState"`
	Notifications  json.RawMessage `json:"notifications"`
	Ref            json.RawMessage `json:"ref"`
	Argument       json.RawMessage `json:"argument"`
	Context        json.RawMessage `json:"context"`
	Level          json.RawMessage `json:"level"`
	Meta           Meta            `json:"_meta"`
}

// decodeMessage reads a message. With a failure the envelope has an ID when the message had a usable one.
func decodeMessage(body []byte, e *envelope) *Failure {
	err := json.Unmarshal(body, e)
	mistyped, is := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case err != nil && !is:
		// A syntax error. Nothing of the message is trusted, an id neither.
		*e = envelope{}
		return &Failure{Code: mcp.PARSE_ERROR, Message: notJSON(err)}
	case is && mistyped.Field == "":
		return invalidRequest("a message is one JSON object of JSON-RPC; batches are not supported")
	}
	e.badParams = is && mistyped.Field == "params"
	e.version = e.Params.Meta.protocolVersion()
	if f := e.checkID(); f != nil {
		return f
	}
	switch {
	case is && !e.badParams:
		return invalidRequest(fmt.Sprintf("%s cannot be a JSON %s", mistyped.Field, mistyped.Value))
	case e.JSONRPC != mcp.JSONRPC_VERSION:
		return invalidRequest(`jsonrpc must be "2.0"`)
	case e.Method == "" && e.Result == nil && e.Error == nil:
		return invalidRequest("method is missing")
	}
	return nil
}

// checkParams refuses params that are no object. Absent ones, and null, are an empty one.
func (e *envelope) checkParams() *Failure {
	if e.badParams {
		return InvalidParams("params must be an object")
	}
	return nil
}

// isRequest reports whether a message is one. Others are notifications and responses.
func (e *envelope) isRequest() bool { return e.Method != "" && len(e.ID) > 0 }

// notJSON says why a message cannot be read, where that is not plain to see.
func notJSON(err error) string {
	if strings.Contains(err.Error(), "exceeded max depth") {
		return "the message is nested too deeply"
	}
	return "the message is not valid JSON"
}

// checkID refuses what cannot identify a request. An absent id makes a notification.
func (e *envelope) checkID() *Failure {
	if len(e.ID) == 0 || isID(e.ID) {
		return nil
	}
	e.ID = nil
	return invalidRequest("id " + idRule)
}

// maxID bounds ids and tokens: they are held as long as a stream is, and each event repeats them.
const maxID = 256

var idRule = fmt.Sprintf("must be a string or an integer, of at most %d bytes", maxID)

// isID reports whether a JSON value is an id, or a token: a string that is text, or an integer as such
// are written, and short.
func isID(raw json.RawMessage) bool {
	switch c := raw[0]; {
	case len(raw) > maxID:
		return false
	case c == '"':
		return utf8.Valid(raw)
	case c == '-', c >= '0' && c <= '9':
		return !bytes.ContainsAny(raw, ".eE")
	default:
		return false
	}
}

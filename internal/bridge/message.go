package bridge

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
)

// The headers of Streamable HTTP that repeat what a message says (SEP-2243).
const (
	versionHeader = "Mcp-Protocol-Version"
	methodHeader  = "Mcp-Method"
	nameHeader    = "Mcp-Name"
)

// The methods that this package knows.
const (
	methodInitialize = "initialize"
	methodListen     = "subscriptions/listen"
	methodCancelled  = "notifications/cancelled"
)

// message is a line of the client, and what is read of it.
type message struct {
	line []byte
	// ID is raw JSON; absent in notifications.
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Params struct {
		Name string `json:"name"`
		URI  string `json:"uri"`
		// RequestID is which request a cancellation means.
		RequestID json.RawMessage `json:"requestId"`
		Meta      struct {
			// ProtocolVersion is in every request since 2026-07-28.
			ProtocolVersion string `json:"io.modelcontextprotocol/protocolVersion"`
		} `json:"_meta"`
	} `json:"params"`
}

// parseMessage reads what it can: what is wrong with a message is the server's to say.
func parseMessage(line []byte) *message {
	m := &message{}
	_ = json.Unmarshal(line, m)
	if bytes.Equal(m.ID, []byte("null")) {
		m.ID = nil
	}
	m.line = line
	return m
}

func (m *message) isRequest() bool  { return m.ID != nil && m.Method != "" }
func (m *message) isResponse() bool { return m.ID != nil && m.Method == "" }

// setHeaders sets what HTTP repeats of the message. Negotiated is the version that an older client agreed on, empty before.
func (m *message) setHeaders(header http.Header, negotiated string) {
	version := m.Params.Meta.ProtocolVersion
	if version == "" {
		if negotiated != "" {
			header.Set(versionHeader, negotiated)
		}
		return
	}
	header.Set(versionHeader, encodeHeader(version))
	header.Set(methodHeader, encodeHeader(m.Method))
	switch m.Method {
	case "tools/call", "prompts/get":
		header.Set(nameHeader, encodeHeader(m.Params.Name))
	case "resources/read":
		header.Set(nameHeader, encodeHeader(m.Params.URI))
	}
}

// encodeHeader returns a value as headers carry it: in base64 where it has other than visible ASCII and inner blanks, or looks
// like that.
func encodeHeader(value string) string {
	const prefix, suffix = "=?base64?", "?="
	looksEncoded := strings.HasPrefix(value, prefix) && strings.HasSuffix(value, suffix)
	isPlain := strings.TrimSpace(value) == value && !strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' })
	if isPlain && !looksEncoded {
		return value
	}
	return prefix + base64.StdEncoding.EncodeToString([]byte(value)) + suffix
}

// answer is what is read of an answer of the server.
type answer struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result *struct {
		ProtocolVersion string `json:"protocolVersion"`
	} `json:"result"`
	Error json.RawMessage `json:"error"`
}

// parseAnswer returns an answer or a notification of the server as one line, and what it is. It returns nothing for what is
// no JSON object.
func parseAnswer(content []byte) ([]byte, *answer) {
	var line bytes.Buffer
	a := &answer{}
	if json.Compact(&line, content) != nil || json.Unmarshal(line.Bytes(), a) != nil {
		return nil, nil
	}
	return line.Bytes(), a
}

// answers says whether it is the answer to a request.
func (a *answer) answers(id json.RawMessage) bool {
	return a.Method == "" && (a.Result != nil && bytes.Equal(a.ID, id) || a.Error != nil && (bytes.Equal(a.ID, id) || isNull(a.ID)))
}

func isNull(id json.RawMessage) bool { return len(id) == 0 || bytes.Equal(id, []byte("null")) }

// withID returns the answer with the id of its request, where the server could not read that.
func withID(line []byte, a *answer, id json.RawMessage) []byte {
	if !isNull(a.ID) {
		return line
	}
	encoded, _ := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   json.RawMessage `json:"error"`
	}{"2.0", id, a.Error})
	return encoded
}

// failure is an error the client is answered with.
type failure struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
	Data    any    `json:"data,omitempty"`
	// inner is for the log.
	inner error
}

func (f *failure) Error() string { return f.Message }

// encodeFailure returns the answer to a request, or to nobody where the id is not known.
func encodeFailure(id json.RawMessage, f *failure) []byte {
	if len(id) == 0 {
		id = json.RawMessage("null")
	}
	encoded, _ := json.Marshal(struct {
		JSONRPC string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id"`
		Error   *failure        `json:"error"`
	}{"2.0", id, f})
	return encoded
}

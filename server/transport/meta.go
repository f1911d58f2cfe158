package transport

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// Meta is the _meta of a request as the client wrote it, an object in JSON, or empty: what SEP-2575 has each request
// say of its client, and whatever else the client put there. Keys count as they are meant; decoders that fold case
// would read another revision than a gateway before them.
type Meta json.RawMessage

// UnmarshalJSON takes any value: an error would end the reading of the message. null is as if there were none.
func (m *Meta) UnmarshalJSON(raw []byte) error {
	if raw[0] != 'n' {
		*m = append((*m)[:0], raw...)
	}
	return nil
}

// MarshalJSON returns the object.
func (m Meta) MarshalJSON() ([]byte, error) { return json.RawMessage(m).MarshalJSON() }

// Get returns the value of a key; nil when there is none.
func (m Meta) Get(key string) (value json.RawMessage) {
	for name, is := range objectMembers(m) {
		if isText(name, key) {
			value = is // the last one counts, as for decoders
		}
	}
	return value
}

// protocolVersion returns the revision a request says it speaks; empty when it does not say, or not by a string.
func (m Meta) protocolVersion() string {
	if raw := m.Get(mcp.MetaKeyProtocolVersion); len(raw) > 0 && raw[0] == '"' {
		return unquoteText(raw)
	}
	return ""
}

// declaredCapabilities returns those the client declares for this request; nil without, or when they are malformed.
func (m Meta) declaredCapabilities() *mcp.ClientCapabilities {
	raw := m.Get(mcp.MetaKeyClientCapabilities)
	if string(raw) == "{}" {
		return &mcp.ClientCapabilities{}
	}
	var declared *mcp.ClientCapabilities
	if json.Unmarshal(raw, &declared) != nil {
		return nil
	}
	return declared
}

// traceContext returns what the request says of its trace (SEP-414).
func (m Meta) traceContext() Trace {
	return Trace{Parent: m.Get("traceparent"), State: m.Get("tracestate")}
}

// checkModern refuses a _meta without what SEP-2575 wants in each request, whatever carries it. That of a method
// that is not served must only be of a version there is.
func (m Meta) checkModern(served bool) *Failure {
	version := m.protocolVersion()
	switch {
	case version == "" && !served:
		return nil
	case version == "":
		return missingMeta(mcp.MetaKeyProtocolVersion)
	case !mcp.IsValidProtocolVersion(version):
		return unsupportedVersion(version)
	case served && m.declaredCapabilities() == nil:
		return missingMeta(mcp.MetaKeyClientCapabilities)
	}
	return nil
}

func missingMeta(key string) *Failure { return InvalidParams("missing or invalid _meta field " + key) }

// checkNotifications refuses what cannot be written into notifications, or compared with them.
func (m Meta) checkNotifications() *Failure {
	if token := m.Get("progressToken"); len(token) > 0 && !isID(token) {
		return InvalidParams("_meta.progressToken " + idRule)
	}
	if raw := m.Get(mcp.MetaKeyLogLevel); len(raw) > 0 {
		_, f := readLevel("_meta."+mcp.MetaKeyLogLevel, raw)
		return f
	}
	return nil
}

// logLevels are those of RFC 5424 (section 6.2.1), as MCP names them.
var logLevels = []mcp.LoggingLevel{
	mcp.LoggingLevelDebug, mcp.LoggingLevelInfo, mcp.LoggingLevelNotice, mcp.LoggingLevelWarning,
	mcp.LoggingLevelError, mcp.LoggingLevelCritical, mcp.LoggingLevelAlert, mcp.LoggingLevelEmergency,
}

func readLevel(field string, raw json.RawMessage) (mcp.LoggingLevel, *Failure) {
	var level mcp.LoggingLevel
	if json.Unmarshal(raw, &level) != nil || !slices.Contains(logLevels, level) {
		return "", InvalidParams(fmt.Sprintf("%s is not one of %s", field, encodeJSON(logLevels)))
	}
	return level, nil
}

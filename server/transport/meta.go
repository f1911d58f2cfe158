package transport

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/mark3labs/mcp-go/mcp"
)

// Meta is the _meta of a request as the client wrote it: what SEP-2575 has each request say of its client, what SEP-414
// has it say of its trace, and whatever else the client put there.
type Meta struct {
	// written is all of it, in JSON; empty when there is none.
	written json.RawMessage
	// Members that are read, in JSON; nil where there is none.
	version, capabilities, logLevel, progressToken, traceParent, traceState json.RawMessage
	clientInfo, clientName, clientVersion                                   json.RawMessage
}

// scan reads any value. null is as if there were none.
func (m *Meta) scan(s *jsonScanner) {
	m.written = s.scanObject(true, func(name []byte) {
		if string(name) == mcp.MetaKeyClientInfo {
			m.clientInfo = s.scanObject(false, func(name []byte) { m.scanClientInfo(s, name) })
			return
		}
		value := s.scanValue()
		if member := m.findMember(name); member != nil {
			*member = value
		}
	})
	if !isPresent(m.written) {
		*m = Meta{}
	}
}

// findMember returns where the member of a name goes; nil for one that is not read.
func (m *Meta) findMember(name []byte) *json.RawMessage {
	switch string(name) {
	case mcp.MetaKeyProtocolVersion:
		return &m.version
	case mcp.MetaKeyClientCapabilities:
		return &m.capabilities
	case mcp.MetaKeyLogLevel:
		return &m.logLevel
	case "progressToken":
		return &m.progressToken
	case "traceparent":
		return &m.traceParent
	case "tracestate":
		return &m.traceState
	}
	return nil
}

// scanClientInfo scans a member of what the client says of itself.
func (m *Meta) scanClientInfo(s *jsonScanner, name []byte) {
	value := s.scanValue()
	switch string(name) {
	case "name":
		m.clientName = value
	case "version":
		m.clientVersion = value
	}
}

// MarshalJSON returns the object.
func (m Meta) MarshalJSON() ([]byte, error) { return m.written.MarshalJSON() }

// protocolVersion returns the revision a request says it speaks; empty when it does not say, or not by a string.
func (m *Meta) protocolVersion() string {
	if len(m.version) > 0 && m.version[0] == '"' {
		return readKnownText(m.version)
	}
	return ""
}

// declaredCapabilities returns those the client declares for this request; nil without, or when they are malformed.
func (m *Meta) declaredCapabilities() *mcp.ClientCapabilities {
	if string(m.capabilities) == "{}" {
		return &mcp.ClientCapabilities{}
	}
	var declared *mcp.ClientCapabilities
	if json.Unmarshal(m.capabilities, &declared) != nil {
		return nil
	}
	return declared
}

// traceContext returns what the request says of its trace (SEP-414).
func (m *Meta) traceContext() Trace { return Trace{Parent: m.traceParent, State: m.traceState} }

// checkModern refuses a _meta without what SEP-2575 wants in each request, whatever carries it. That of a method
// that is not served must only be of a version there is.
func (m *Meta) checkModern(served bool) *Failure {
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
func (m *Meta) checkNotifications() *Failure {
	if len(m.progressToken) > 0 && !isID(m.progressToken) {
		return InvalidParams("_meta.progressToken " + idRule)
	}
	if len(m.logLevel) > 0 {
		_, f := readLevel("_meta."+mcp.MetaKeyLogLevel, m.logLevel)
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

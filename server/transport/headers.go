package transport

import (
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"

	"github.com/mark3labs/mcp-go/mcp"

	"github.com/lectern-dev/lectern/internal/excerpt"
)

// isModern reports whether a request speaks revision 2026-07-28 or newer, by what either place says.
// Saying it in one place only is what checkModern refuses.
func isModern(header http.Header, e *envelope) bool {
	return mcp.IsModernProtocol(e.version) || mcp.IsModernProtocol(header.Get(mcp.HeaderProtocolVersion))
}

// checkModern holds the headers of a modern request against its body (SEP-2243). A method that is not served
// is not there whatever its params and _meta; what its headers say must still be true.
func (h *Handler) checkModern(x *exchange) *Failure {
	version, stated := x.envelope.version, x.header.Get(mcp.HeaderProtocolVersion)
	switch {
	case stated == "":
		return headerMismatch(mcp.HeaderMismatchError{Header: mcp.HeaderProtocolVersion, Reason: "missing required header"})
	case version != "" && stated != version:
		return headerMismatch(mcp.HeaderMismatchError{
			Header: mcp.HeaderProtocolVersion,
			Reason: fmt.Sprintf("header value %q does not match %s %q", stated, mcp.MetaKeyProtocolVersion, version),
		})
	}
	served := x.method != nil
	if f := x.call.Meta.checkModern(served); f != nil {
		return f
	}
	if !served && !mcp.IsValidProtocolVersion(stated) {
		return unsupportedVersion(stated)
	}
	if f := checkStandardHeaders(x.header, &x.call, stated, served); f != nil {
		return f
	}
	if served && x.call.Method == string(mcp.MethodToolsCall) {
		return h.dispatch.checkParamHeaders(x.header, &x.call)
	}
	return nil
}

// checkStandardHeaders compares Mcp-Method and Mcp-Name with the body (SEP-2243). The usual case, in which all agree, it
// takes without mcp-go. Everything else is for mcp-go to check and to word.
func checkStandardHeaders(header http.Header, call *Call, version string, served bool) *Failure {
	named := call.Name
	if call.Method == string(mcp.MethodResourcesRead) {
		named = call.URI
	}
	if header.Get(mcp.HeaderMethod) == call.Method {
		if !served || !mcp.MethodRequiresNameHeader(mcp.MCPMethod(call.Method)) {
			return nil
		}
		name, ok := mcp.DecodeHeaderValue(header.Get(mcp.HeaderName))
		if ok && name != "" && name == named {
			return nil
		}
	}
	err := mcp.ValidateStandardHeaders(header.Get, version, mcp.MCPMethod(call.Method), encodeJSON(map[string]string{"name": named, "uri": named}))
	return headerFailure(err, "the standard headers do not match the body")
}

// checkParamHeaders holds the headers that mirror arguments of a tool against them (SEP-2243). A tool that is
// not there has none.
func (d *dispatcher) checkParamHeaders(header http.Header, call *Call) *Failure {
	tool := d.tools[call.Name]
	if tool == nil || !tool.mirrored {
		return nil
	}
	lookup := func(name string) (string, bool) {
		values := header.Values(name)
		return header.Get(name), len(values) > 0
	}
	arguments := call.RawArguments
	if len(arguments) == 0 {
		arguments = json.RawMessage("{}")
	}
	err := mcp.ValidateParamHeadersLookup(lookup, &tool.Definition, encodeJSON(map[string]json.RawMessage{"arguments": arguments}))
	return headerFailure(err, "the headers of arguments do not match the body")
}

// headerFailure puts an error of the library in our terms.
func headerFailure(err error, otherwise string) *Failure {
	if err == nil {
		return nil
	}
	if wrong, ok := errors.AsType[mcp.HeaderMismatchError](err); ok {
		return headerMismatch(wrong)
	}
	return InvalidParams(otherwise)
}

// checkLegacy refuses a version nobody knows. Clients before 2025-06-18, which brought the header, send none.
func checkLegacy(header http.Header, e *envelope) *Failure {
	stated := header.Get(mcp.HeaderProtocolVersion)
	if stated == "" || e.Method == string(mcp.MethodInitialize) || mcp.IsValidProtocolVersion(stated) {
		return nil
	}
	return unsupportedVersion(stated)
}

func headerMismatch(err mcp.HeaderMismatchError) *Failure {
	return &Failure{Code: mcp.HEADER_MISMATCH, Message: err.Error()}
}

func unsupportedVersion(version string) *Failure {
	err := mcp.UnsupportedProtocolVersionError{Version: excerpt.Truncate(version, 80), Supported: mcp.ValidProtocolVersions}
	return &Failure{Code: mcp.UNSUPPORTED_PROTOCOL_VERSION, Message: err.Error(), Data: err.JSONRPCError().Error.Data}
}

// isJSON reports whether the body is declared as JSON. Anything else is refused: a web page can send
// text/plain anywhere without asking, JSON it cannot.
func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	mediaType, _, err := mime.ParseMediaType(contentType)
	return err == nil && mediaType == "application/json"
}

// acceptsType reports whether an Accept header admits a media type. Without one everything is admitted.
func acceptsType(values []string, mediaType string) bool {
	if len(values) == 0 {
		return true
	}
	group, _, _ := strings.Cut(mediaType, "/")
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			admitted, _, _ := strings.Cut(part, ";")
			switch strings.ToLower(strings.TrimSpace(admitted)) {
			case mediaType, group + "/*", "*/*":
				return true
			}
		}
	}
	return false
}

// encodeJSON returns a value as JSON, of a type that always has one.
func encodeJSON(v any) json.RawMessage {
	encoded, _ := json.Marshal(v)
	return encoded
}
